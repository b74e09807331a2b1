package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"

	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/embedded/tasks"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	once    bool
	seed    uint64
	n       int
	samples int
	listen  string
}

// demoMain is `gatewayd demo`: the main job with nothing installed and no key.
// It asks questions that the embedded models' training never saw through the
// OpenAI API, on loopback only, and prints what they cost; then it serves.
func demoMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o demoOptions
	fs := flag.NewFlagSet("gatewayd demo", flag.ContinueOnError)
	fs.BoolVar(&o.once, "once", false, "exit after the table")
	fs.Uint64Var(&o.seed, "seed", 1, "of the questions")
	fs.IntVar(&o.n, "n", 100, "number of questions, 1 to 10000")
	fs.IntVar(&o.samples, "samples", 5, "samples the small model draws of a question, 1 to 64")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8484", "`address` to serve on afterwards; any free port if it is taken")
	err := parse(fs, args, stderr)
	if err == nil && (fs.NArg() > 0 || o.n < 1 || o.n > 10000 || o.samples < 1 || o.samples > 64) {
		err = wrong(fs, "-n must be 1 to 10000, -samples 1 to 64, and there are no arguments")
	}
	if err == nil {
		err = demo(ctx, o, stdout, stderr)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fail(stderr, err)
	}
	return 0
}

func demo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) (err error) {
	d, err := deploy(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	questions := make([]tasks.Question, o.n)
	for i := range questions {
		questions[i] = tasks.Generate(tasks.Test, o.seed, uint64(i))
	}
	bar := progressbar.NewOptions(o.n*3, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription("asking"),
		progressbar.OptionThrottle(progressEvery), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	runs, err := d.ask(ctx, questions, o.samples, func() { _ = bar.Add(1) })
	_ = bar.Finish() // the bar is a courtesy
	if err != nil {
		return err
	}
	printRuns(stdout, o, questions, runs)
	if o.once {
		return nil
	}
	fmt.Fprintf(stdout, `
Now it serves, until you stop it. Ask:

  curl -i http://%s/v1/chat/completions -H 'Authorization: Bearer %s' \
    -d '{"model":"tenbit","messages":[{"role":"user","content":"%s"}]}'
`, d.edge, d.key, "A shop has 120 cups. Then 4 boxes of 35 cups arrive, and 90 are sold. How many cups are left?")
	<-ctx.Done()
	return nil
}

// deployment is what the demo runs: an origin with the large model, an edge with
// the small one, and each model alone behind a gateway without a far side.
type deployment struct {
	key          string
	edge         string // addresses
	small, large string
	plain        *plainHTTPS // the large model alone, over HTTPS
	dir          string      // of the certificate that both far sides serve with
	cancel       context.CancelFunc
	ended        []chan error
}

func deploy(ctx context.Context, o demoOptions) (*deployment, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &deployment{key: gateway.NewKey(), cancel: cancel}
	token, secret := gateway.NewKey(), gateway.NewKey()
	log := slog.New(slog.DiscardHandler)
	budget := config.Budget{Windows: []config.Window{{Bits: 1e9, Per: 24 * time.Hour}}, PerRequest: 1e5}

	var files config.TLS
	var err error
	if d.dir, err = os.MkdirTemp("", "tenbit-demo-"); err == nil {
		files, err = ownCertificate(d.dir)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}

	oc := config.DefaultOrigin()
	oc.Listen, oc.Admin.Listen, oc.Auth.Secret, oc.Ledger.Kind = loopback, loopback, config.Secret(secret), "memory"
	oc.TLS = files
	oc.Large.Kind, oc.Large.Model = "embedded", "large"
	oc.Edges = []config.Peer{{ID: "demo-edge", Keys: []config.Key{{Hash: gateway.HashKey([]byte(secret), token)}}, Budget: budget}}
	origin, err := d.start(ctx, func() (*role, error) { return wireOrigin(oc, log) })
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}

	ec := config.DefaultEdge()
	ec.Listen, ec.Admin.Listen, ec.Auth.Secret, ec.Ledger.Kind = o.listen, loopback, config.Secret(secret), "memory"
	ec.Tenants = []config.Tenant{{ID: "demo", Keys: []config.Key{{Hash: gateway.HashKey([]byte(secret), d.key)}}, Budget: budget}}
	ec.Cache.Bytes = 0 // every question is asked anew
	ec.Policy.Samples = o.samples
	ec.Policy.Confidence = 1 // an accept costs a fraction of a bit: every draft is shown to the far side
	ec.Local.Kind, ec.Local.Model = "embedded", "small"
	alone := ec
	alone.Listen, alone.Policy.Samples = loopback, 1
	if d.small, err = d.start(ctx, func() (*role, error) { return wireEdge(alone, log) }); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	alone.Local.Model = "large"
	if d.large, err = d.start(ctx, func() (*role, error) { return wireEdge(alone, log) }); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	if d.plain, err = servePlainHTTPS(d.large, files); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	ec.Remote.Kind, ec.Remote.URL, ec.Remote.Token, ec.Remote.CA = "origin", "wss://"+origin+linkPath, config.Secret(token), files.Cert
	d.edge, err = d.start(ctx, func() (*role, error) { return wireEdge(ec, log) })
	if errors.Is(err, syscall.EADDRINUSE) { // an edge may be serving already
		ec.Listen = loopback
		d.edge, err = d.start(ctx, func() (*role, error) { return wireEdge(ec, log) })
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

const loopback = "127.0.0.1:0"

// start serves a role in the background and returns its address.
func (d *deployment) start(ctx context.Context, wire func() (*role, error)) (string, error) {
	r, err := wire()
	if err != nil {
		return "", err
	}
	addr := make(chan net.Addr, 1)
	r.listens = func(a net.Addr) { addr <- a }
	ended := make(chan error, 1)
	go func() { ended <- r.serve(ctx) }()
	select {
	case a := <-addr:
		d.ended = append(d.ended, ended)
		return a.String(), nil
	case err := <-ended:
		return "", err
	}
}

// stop ends all servers, waits for them and leaves no file.
func (d *deployment) stop() error {
	d.cancel()
	var err error
	if d.plain != nil {
		err = d.plain.close()
	}
	for _, e := range d.ended {
		err = errors.Join(err, <-e)
	}
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}
