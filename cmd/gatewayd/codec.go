package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"tenbit/codec"
)

// maxUnpacked is the longest text that the command line decodes, in bytes.
const maxUnpacked = 64 << 20

const codecUsage = `usage: gatewayd codec encode [-context FILE] [-model NAME] < text > packed
       gatewayd codec decode [-context FILE] [-model NAME] < packed > text
       gatewayd codec bench [-json] FILE...        (.jsonl or .jsonl.xz)
       gatewayd codec train -out FILE FILE...      (the same; makes the prior)
`

// codecMain is the subcommand codec. It returns the process's exit status: 0, 1
// for a failure, 2 for wrong usage.
func codecMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, codecUsage)
		return 2
	}
	var err error
	switch args[0] {
	case "encode", "decode":
		err = codecFilter(args[0], args[1:], stdin, stdout, stderr)
	case "bench":
		err = codecBench(args[1:], stdout, stderr)
	case "train":
		err = codecTrain(args[1:], stderr)
	default:
		fmt.Fprintf(stderr, "gatewayd codec: unknown command %.40q\n%s", args[0], codecUsage)
		return 2
	}
	if err == nil {
		return 0
	}
	if !errors.Is(err, errUsage) {
		err = fmt.Errorf("gatewayd codec %s: %w", args[0], err)
	}
	return fail(stderr, err)
}

// codecFilter runs encode or decode from stdin to stdout.
func codecFilter(verb string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("gatewayd codec "+verb, flag.ContinueOnError)
	contextFile := flags.String("context", "", "`file` that both ends hold, such as the prompt")
	model := flags.String("model", codec.Default().Name(), "model that codes: "+codec.Default().Name()+" or plain")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return wrong(flags, "argument %.40q", flags.Arg(0))
	}
	var contexts [][]byte
	if *contextFile != "" {
		c, err := os.ReadFile(*contextFile)
		if err != nil {
			return fmt.Errorf("read context: %w", err)
		}
		contexts = append(contexts, c)
	}
	in, err := io.ReadAll(io.LimitReader(stdin, maxUnpacked+1))
	if err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	if len(in) > maxUnpacked {
		return fmt.Errorf("input is longer than %d bytes", maxUnpacked)
	}
	out, err := codecRun(verb, *model, in, contexts)
	if err != nil {
		return err
	}
	_, err = stdout.Write(out)
	return err
}

func codecRun(verb, model string, in []byte, contexts [][]byte) ([]byte, error) {
	switch {
	case model == "plain" && verb == "encode":
		return codec.PackPlain(in), nil
	case model != "plain" && model != codec.Default().Name():
		return nil, fmt.Errorf("unknown model %.40q: %w", model, errUsage)
	case verb == "encode":
		return codec.Pack(codec.Default(), in, contexts...), nil
	}
	// The header says whether the model or plain was used.
	return codec.Unpack(codec.Default(), in, maxUnpacked, contexts...)
}
