package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"

	"tenbit"
)

// evalOptions are the flags of eval.
type evalOptions struct {
	files   []string
	limit   tenbit.Bits
	modes   tenbit.ModeSet
	gate    float64
	seed    uint64
	extract bool
	json    bool
	sweep   string
	most    int
}

// uncapped is a limit that no recorded answer reaches.
const uncapped = 1 << 20 * tenbit.Bit

// evalMain is `gatewayd eval`: the escalation over recorded answers, through a
// gateway, an edge and an origin on a real link, and what it is worth.
func evalMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o evalOptions
	var limit float64
	var modes string
	var replay bool
	fs := flag.NewFlagSet("gatewayd eval", flag.ContinueOnError)
	fs.BoolVar(&replay, "replay", false, "the arguments are files of recorded answers, JSON lines, .xz or not")
	fs.Float64Var(&limit, "max-bits", 0, "limit of each question in bits; 0: none")
	fs.StringVar(&modes, "modes", "", "reply modes that the edge takes, by commas; all if empty")
	fs.Float64Var(&o.gate, "gate", 2, "confidence from which the draft is not questioned; above 1: never")
	fs.Uint64Var(&o.seed, "seed", 1, "shuffles the samples of each question, and from 2 on the questions")
	fs.BoolVar(&o.extract, "extract", false, "find the final answers in the texts instead of taking the recorded ones")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a file")
	fs.StringVar(&o.sweep, "sweep", "", "draw accuracy against bits for many limits into this SVG `file`")
	fs.IntVar(&o.most, "n", 0, "most questions of a file; 0: all")
	err := parse(fs, args, stderr)
	if err == nil && (!replay || fs.NArg() == 0) {
		err = wrong(fs, "want -replay FILE...")
	}
	if err == nil {
		o.files = fs.Args()
		o.limit, err = tenbit.BitsOf(limit)
		if o.limit == 0 {
			o.limit = uncapped
		}
		o.modes = everyMode
		if modes != "" {
			o.modes = 0
			for _, name := range strings.Split(modes, ",") {
				m, e := tenbit.ParseMode(strings.TrimSpace(name))
				o.modes |= tenbit.Modes(m)
				err = errors.Join(err, e)
			}
		}
		if err != nil {
			err = wrong(fs, "%v", err)
		}
	}
	if err == nil {
		err = eval(ctx, o, stdout, stderr)
	}
	if err != nil {
		return fail(stderr, err)
	}
	return 0
}

// everyMode is what a link may agree on.
const everyMode = 1<<(tenbit.ModePlain+1) - 1

func eval(ctx context.Context, o evalOptions, stdout, stderr io.Writer) error {
	var curves []evalCurve
	for _, file := range o.files {
		rows, err := readReplay(file, o)
		if err != nil {
			return err
		}
		limits := []tenbit.Bits{o.limit}
		if o.sweep != "" {
			limits = sweepLimits
		}
		bar := progressbar.NewOptions(len(rows)*len(limits), progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription(short(file)),
			progressbar.OptionThrottle(progressEvery), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
		curve := evalCurve{name: short(file)}
		for _, limit := range limits {
			at := o
			at.limit = limit
			world, err := newEvalWorld(at)
			if err != nil {
				return err
			}
			outcomes, err := world.ask(ctx, rows, at, func() { _ = bar.Add(1) })
			if err = errors.Join(err, world.close()); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			r := report(file, at, rows, outcomes)
			curve.reports = append(curve.reports, r)
			if o.json {
				if err := json.NewEncoder(stdout).Encode(r); err != nil {
					return err
				}
			} else {
				_ = bar.Clear() // the bar is a courtesy
				r.print(stdout)
			}
		}
		_ = bar.Finish()
		curves = append(curves, curve)
	}
	if o.sweep != "" {
		return os.WriteFile(o.sweep, drawSweep(curves), 0o644)
	}
	return nil
}

// short is a file's name without folder and endings.
func short(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	return name
}
