package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"tenbit/codec"
)

// progressEvery is how often a progress bar is drawn.
const progressEvery = 200 * time.Millisecond

// codecTrain is the subcommand codec train: it makes the prior's artifact from
// recorded answers. The same files give the same bytes.
func codecTrain(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("gatewayd codec train", flag.ContinueOnError)
	out := flags.String("out", "", "`file` to write, codec/prior.bin in the source tree")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if *out == "" || flags.NArg() == 0 {
		return wrong(flags, "-out and one or more files are needed")
	}
	var samples []codec.Sample
	for _, name := range flags.Args() {
		texts, err := readCorpus(name)
		if err != nil {
			return err
		}
		for _, t := range texts {
			samples = append(samples, codec.Sample{Domain: t.Domain, Prompt: t.Prompt, Answer: t.Response})
		}
	}
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("training"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(progressEvery), progressbar.OptionSetPredictTime(true))
	data, err := codec.Train(samples, func(done, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(done) // the bar is a courtesy
	})
	_ = bar.Exit()
	fmt.Fprintln(stderr)
	if err != nil {
		return err
	}
	return writeFile(*out, data)
}

// writeFile puts a whole file in its place or leaves the old one.
func writeFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".gatewayd-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
