// Package test looks at gatewayd from outside: it builds the program, runs it
// as processes on loopback, and drives it with a real OpenAI client and with
// plain HTTP.
package test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gatewayd is the program that TestMain built.
var gatewayd string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatewayd-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	gatewayd = filepath.Join(dir, "gatewayd")
	build := exec.Command("go", "build", "-o", gatewayd, "./cmd/gatewayd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if raceEnabled { // a race ends the program with a status that stop sees
		build.Args = slices.Insert(build.Args, 2, "-race")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build gatewayd: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// missing skips the test, or fails it where TENBIT_REQUIRE names what is missing.
func missing(t *testing.T, what, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("TENBIT_REQUIRE"), ","), what) {
		t.Fatalf("%s is required: %s", what, why)
	}
	t.Skip(why)
}
