package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// errUsage says that the command line is wrong.
var errUsage = errors.New("see -h")

// parse reads a command's flags. -h shows them and is [flag.ErrHelp]; what else
// is wrong wraps [errUsage].
func parse(fs *flag.FlagSet, args []string, stderr io.Writer) error {
	fs.SetOutput(io.Discard) // fail tells, once
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(stderr)
		fs.Usage()
		return err
	}
	if err != nil {
		return wrong(fs, "%v", err)
	}
	return nil
}

// verbs says what there is to do with a noun, as the usage has it; -h is no failure.
func verbs(noun, verb string, stdout io.Writer, want string) error {
	if !slices.Contains([]string{"-h", "-help", "--help", "help"}, verb) {
		return fmt.Errorf("gatewayd %s: want %s: %w", noun, want, errUsage)
	}
	fmt.Fprintln(stdout, "usage:")
	for line := range strings.Lines(usage) {
		if strings.HasPrefix(line, "  gatewayd "+noun+" ") {
			fmt.Fprint(stdout, line)
		}
	}
	return flag.ErrHelp
}

// wrong is a problem with a command's flags or arguments.
func wrong(fs *flag.FlagSet, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", fs.Name(), fmt.Sprintf(format, args...), errUsage)
}

// fail prints an error, one problem a line, and gives the exit status: 2 for a
// wrong command line, else 1, and 0 where help was asked for.
func fail(stderr io.Writer, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(stderr, err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}
