package main

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"strings"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/policy"
)

// evalOptions are the flags of eval.
type evalOptions struct {
	files       []string
	live        bool
	config      string
	limit       tenbit.Bits
	modes       tenbit.ModeSet
	gate        float64
	price       policy.Price
	calibration policy.Calibration
	stop        policy.Stop
	samples     int
	seed        uint64
	extract     bool
	json        bool
	most        int
	without     map[string]bool // questions to leave out, by [plainSpaced]

	sweep, frontier, fit, record string // files to write

	log *slog.Logger // why something wasn't bought
}

// parseEval reads the command line. Errors wrap [errUsage] or are a file's.
func parseEval(args []string, stderr io.Writer) (o evalOptions, err error) {
	var limit, price float64
	var modes, calibration, stop, without string
	var replay bool
	fs := flag.NewFlagSet("gatewayd eval", flag.ContinueOnError)
	fs.BoolVar(&replay, "replay", false, "the arguments are files of recorded answers, JSON lines, .xz or not")
	fs.BoolVar(&o.live, "live", false, "the arguments are files of questions, {\"question\":…,\"gold\":…} a line, for the models of -config")
	fs.StringVar(&o.config, "config", "", "edge configuration `file` with the models of -live: local, and remote.api")
	fs.Float64Var(&limit, "max-bits", 0, "limit of each question in bits; 0: none")
	fs.StringVar(&modes, "modes", "", "reply modes that the edge takes, by commas; all but brief if empty")
	fs.Float64Var(&o.gate, "gate", 2, "confidence from which the draft is not questioned; above 1: never")
	fs.Float64Var(&price, "price", 0, "bits that one more right answer is worth; 0: whatever it takes")
	fs.StringVar(&calibration, "calibration", "", "edge configuration `file` with the calibration of gate and price; as shipped if empty")
	fs.StringVar(&stop, "early-stop", "never", "when fewer samples will do: never, sure, decided")
	fs.IntVar(&o.samples, "samples", 0, "most samples of a question; 0: all that were recorded, or policy.samples")
	fs.Uint64Var(&o.seed, "seed", 1, "shuffles the samples of each question, and from 2 on the questions")
	fs.BoolVar(&o.extract, "extract", false, "find the final answers in the texts instead of taking the recorded ones")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a file")
	fs.StringVar(&o.sweep, "sweep", "", "draw the gap recovered against bits for many limits into this SVG `file`")
	fs.StringVar(&o.frontier, "frontier", "", "draw accuracy against bits for many prices into this SVG `file`")
	fs.StringVar(&o.fit, "fit", "", "write the calibration that fits all files as configuration into this `file`")
	fs.StringVar(&o.record, "record", "", "write what the models of -live said as a `file` for -replay")
	fs.IntVar(&o.most, "n", 0, "most questions of a file; 0: all")
	fs.StringVar(&without, "without", "", "leave out the questions that are prompts of these corpora, `files` by commas: what training has seen")
	if err := parse(fs, args, stderr); err != nil {
		return o, err
	}
	o.files, o.log = fs.Args(), logger("warn", stderr)
	switch {
	case replay == o.live || len(o.files) == 0:
		return o, wrong(fs, "want -replay FILE... or -live -config F FILE...")
	case o.live && (o.config == "" || o.extract):
		return o, wrong(fs, "-live needs -config, and always finds the answers in the texts")
	case !o.live && (o.config != "" || o.record != ""):
		return o, wrong(fs, "-config and -record go with -live")
	}
	var errs [4]error
	o.limit, errs[0] = tenbit.BitsOf(limit)
	o.price.Answer, errs[1] = tenbit.BitsOf(price)
	o.modes, errs[2] = modeSet(modes)
	o.stop, errs[3] = policy.ParseStop(stop)
	if o.limit == 0 {
		o.limit = uncapped
	}
	if err := errors.Join(errs[:]...); err != nil {
		return o, wrong(fs, "%v", err)
	}
	if calibration != "" {
		o.calibration, err = readCalibration(calibration)
	}
	if err == nil && without != "" {
		o.without, err = readPrompts(strings.Split(without, ","))
	}
	return o, err
}

func modeSet(names string) (set tenbit.ModeSet, err error) {
	if names == "" {
		return everyMode, nil
	}
	for _, name := range strings.Split(names, ",") {
		m, e := tenbit.ParseMode(strings.TrimSpace(name))
		set |= tenbit.Modes(m)
		err = errors.Join(err, e)
	}
	return set, err
}

// lossy reports whether brief answers were asked for by name.
func (o evalOptions) lossy() bool { return o.modes != everyMode && o.modes.Has(tenbit.ModeBrief) }

// readCalibration reads the calibration of an edge's configuration, which may
// have nothing else.
func readCalibration(path string) (policy.Calibration, error) {
	c := config.DefaultEdge()
	err := config.Load(path, &c, nil)
	return policy.Calibration(c.Policy.Calibration), err
}
