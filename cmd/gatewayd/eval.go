package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"

	"tenbit"
	"tenbit/policy"
)

// uncapped is a limit that no recorded answer reaches.
const uncapped = 1 << 20 * tenbit.Bit

// everyMode is what a link may agree on.
const everyMode = 1<<(tenbit.ModePlain+1) - 1

// evalMain is `gatewayd eval`: the escalation over recorded answers or with
// configured models, through a gateway, an edge and an origin on a real link, and
// what it is worth.
func evalMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseEval(args, stderr)
	if err == nil {
		err = eval(ctx, o, stdout, stderr)
	}
	if err != nil {
		return fail(stderr, err)
	}
	return 0
}

func eval(ctx context.Context, o evalOptions, stdout, stderr io.Writer) error {
	read := func(file string) (*evalSet, error) { return readReplay(file, o) }
	if o.live {
		m, err := openLive(ctx, o.config, func(msg string, args ...any) { fmt.Fprintln(stderr, append([]any{msg}, args...)...) })
		if err != nil {
			return err
		}
		defer m.close() // nothing is left to write
		if o.calibration == (policy.Calibration{}) {
			o.calibration = policy.Calibration(m.cfg.Policy.Calibration)
		}
		read = func(file string) (*evalSet, error) {
			bar := progress(-1, short(file)+", both models alone", stderr)
			defer bar.Finish() //nolint:errcheck // a courtesy
			return m.ask(ctx, file, o, func() { _ = bar.Add(1) })
		}
	}
	var sets []*evalSet
	var limits, prices []evalCurve
	for _, file := range o.files {
		set, err := read(file)
		if err != nil {
			return err
		}
		sets = append(sets, set)
		byLimit, byPrice, err := evalFile(ctx, o, set, stdout, stderr)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		limits, prices = append(limits, byLimit), append(prices, byPrice)
	}
	return o.write(sets, limits, prices)
}

// evalFile runs one file, once or at every limit and price.
func evalFile(ctx context.Context, o evalOptions, set *evalSet, stdout, stderr io.Writer) (limits, prices evalCurve, err error) {
	limits.name, prices.name = short(set.file), short(set.file)
	points := []evalOptions{o}
	if o.sweep != "" || o.frontier != "" {
		points = nil
	}
	var curves []*evalCurve
	point := func(at evalOptions, c *evalCurve) { points, curves = append(points, at), append(curves, c) }
	if o.sweep != "" {
		for _, at := range sweepLimits {
			p := o
			p.limit = at
			point(p, &limits)
		}
	}
	if o.frontier != "" {
		for _, at := range frontierPrices {
			p := o
			p.price.Answer = at
			point(p, &prices)
		}
	}
	bar := progress(len(set.rows)*len(points), short(set.file), stderr)
	defer bar.Finish() //nolint:errcheck // a courtesy
	for i, at := range points {
		r, err := evalPoint(ctx, at, set, func() { _ = bar.Add(1) })
		if err != nil {
			return limits, prices, err
		}
		if i == 0 {
			r.Calibration = calibrate(set.rows, o.calibration, o.seed)
		}
		if curves != nil {
			curves[i].reports = append(curves[i].reports, r)
		}
		if o.json {
			err = json.NewEncoder(stdout).Encode(r)
		} else {
			_ = bar.Clear()
			r.print(stdout)
		}
		if err != nil {
			return limits, prices, err
		}
	}
	return limits, prices, nil
}

// evalPoint asks every question of a set once.
func evalPoint(ctx context.Context, o evalOptions, set *evalSet, tick func()) (*evalReport, error) {
	world, err := newEvalWorld(set, o)
	if err != nil {
		return nil, err
	}
	outcomes, err := world.ask(ctx, o, tick)
	if err = errors.Join(err, world.close()); err != nil {
		return nil, err
	}
	return report(o, set, outcomes), nil
}

// write writes the files that were asked for.
func (o evalOptions) write(sets []*evalSet, limits, prices []evalCurve) error {
	var errs []error
	if o.sweep != "" {
		errs = append(errs, os.WriteFile(o.sweep, sweepChart.draw(limits), 0o644))
	}
	if o.frontier != "" {
		errs = append(errs, os.WriteFile(o.frontier, frontierChart.draw(prices), 0o644))
	}
	if o.fit != "" {
		errs = append(errs, os.WriteFile(o.fit, snippet(fitAll(sets)), 0o644))
	}
	if o.record != "" {
		errs = append(errs, writeRows(o.record, sets))
	}
	return errors.Join(errs...)
}

// progress is a bar on stderr, a courtesy. It moves only when it is told to: the
// library's ticker, for n < 0, reads what others write.
func progress(n int, what string, stderr io.Writer) *progressbar.ProgressBar {
	return progressbar.NewOptions(n, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(progressEvery), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetSpinnerChangeInterval(0))
}

// short is a file's name without folder and endings.
func short(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	return name
}
