// Command gatewayd answers OpenAI clients with a small local model and buys
// what that does not know from a large one, by the bit.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

const usage = `gatewayd answers OpenAI clients locally and buys the rest by the bit.

usage:
  gatewayd demo   [-once] [-seed N] [-n N]   the main job with embedded models: no network, no key
  gatewayd edge   -config FILE [-listen ADDR] [-log LEVEL]   beside the client
  gatewayd origin -config FILE [-listen ADDR] [-log LEVEL]   beside the large model
  gatewayd check  -config FILE      print the effective configuration, or every problem
  gatewayd key new -config FILE     make an API key or link token and its hash, for a configuration
  gatewayd key new -tenant ID [-expires D] [-rotate KEY [-grace D]] -config FILE   a key that is in force at once
  gatewayd key list [-tenant ID] -config FILE
  gatewayd key revoke KEY [-grace D] -config FILE
  gatewayd tenant list|audit -config FILE
  gatewayd tenant show|set|reset ID -config FILE
  gatewayd group list -config FILE       budgets that tenants share; "global" is everybody's
  gatewayd group set|reset ID -config FILE
  gatewayd eval -replay FILE... [-max-bits N] [-modes a,b] [-json]   the escalation over recorded answers
  gatewayd eval -live -config FILE QUESTIONS...                      the same with the models of a configuration
  gatewayd codec encode|decode|bench|train
  gatewayd version
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program. It ends at the first SIGINT or SIGTERM after draining;
// a second signal ends it at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal has its usual effect
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	switch cmd, rest := args[0], args[1:]; cmd {
	case "edge":
		return edgeMain(ctx, rest, stderr)
	case "origin":
		return originMain(ctx, rest, stderr)
	case "check":
		return checkMain(rest, stdout, stderr)
	case "key":
		return keyMain(ctx, rest, stdout, stderr)
	case "tenant":
		return tenantMain(ctx, rest, stdout, stderr)
	case "group":
		return groupMain(ctx, rest, stdout, stderr)
	case "demo":
		return demoMain(ctx, rest, stdout, stderr)
	case "eval":
		return evalMain(ctx, rest, stdout, stderr)
	case "codec":
		return codecMain(rest, stdin, stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, version())
		return 0
	case "help", "-h", "--help", "-help":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "gatewayd: unknown command %q\n\n%s", cmd, usage)
		return 2
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "gatewayd (unknown)"
	}
	v := "gatewayd " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v
}
