package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"tenbit/internal/config"
)

// drainTime is how long requests under way may take after the first signal.
const drainTime = 10 * time.Second

// options are the flags of the roles; only these three exist.
type options struct {
	config, listen, log string
}

func (o *options) parse(name string, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("gatewayd "+name, flag.ContinueOnError)
	fs.StringVar(&o.config, "config", "", "configuration `file` (required)")
	fs.StringVar(&o.listen, "listen", "", "`address`, over the configuration's")
	fs.StringVar(&o.log, "log", "", "`level`, over the configuration's")
	if err := parse(fs, args, stderr); err != nil {
		return err
	}
	if o.config == "" || fs.NArg() > 0 {
		return wrong(fs, "-config is required and nothing else is")
	}
	return nil
}

// loadEdge reads, overrides and checks an edge's configuration.
func (o options) loadEdge() (config.Edge, error) {
	c := config.DefaultEdge()
	if err := config.Load(o.config, &c, os.Environ()); err != nil {
		return c, err
	}
	override(&c.Listen, o.listen)
	override(&c.Log, o.log)
	return c, c.Validate()
}

// loadOrigin reads, overrides and checks an origin's configuration.
func (o options) loadOrigin() (config.Origin, error) {
	c := config.DefaultOrigin()
	if err := config.Load(o.config, &c, os.Environ()); err != nil {
		return c, err
	}
	override(&c.Listen, o.listen)
	override(&c.Log, o.log)
	return c, c.Validate()
}

func override(to *string, flag string) {
	if flag != "" {
		*to = flag
	}
}

func logger(level string, w io.Writer) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // was validated
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}

// edgeMain is `gatewayd edge`.
func edgeMain(ctx context.Context, args []string, stderr io.Writer) int {
	return roleMain(ctx, "edge", args, stderr, func(o options) (*role, error) {
		c, err := o.loadEdge()
		if err != nil {
			return nil, err
		}
		return wireEdge(c, logger(c.Log, stderr))
	})
}

// originMain is `gatewayd origin`.
func originMain(ctx context.Context, args []string, stderr io.Writer) int {
	return roleMain(ctx, "origin", args, stderr, func(o options) (*role, error) {
		c, err := o.loadOrigin()
		if err != nil {
			return nil, err
		}
		return wireOrigin(c, logger(c.Log, stderr))
	})
}

// roleMain wires a role from its flags and serves until ctx ends.
func roleMain(ctx context.Context, name string, args []string, stderr io.Writer, wire func(options) (*role, error)) int {
	var o options
	if err := o.parse(name, args, stderr); err != nil {
		return fail(stderr, err)
	}
	r, err := wire(o)
	if err == nil {
		err = r.serve(ctx)
	}
	if err != nil {
		return fail(stderr, err)
	}
	return 0
}

// role is one of the two servers, wired.
type role struct {
	name    string
	server  *http.Server
	admin   *http.Server
	drain   func(context.Context) error // after the listener has closed
	closers []func() error              // in this order, at the very end
	listens func(net.Addr)              // told where the server listens; may be nil
	notes   []func()                    // logged after the first line, which names the address
	running []func()                    // started once it listens; a closer ends them
	probes  []probe                     // what /readyz asks
	log     *slog.Logger

	draining atomic.Bool
}

func newRole(name string, log *slog.Logger) *role {
	r := &role{name: name, log: log}
	r.probes = []probe{{name, r.open, true}}
	return r
}

// open is nil until the role drains: its port takes nobody then, while /readyz
// still answers.
func (r *role) open(context.Context) error {
	if r.draining.Load() {
		return errors.New("draining")
	}
	return nil
}

// later logs something once the role listens.
func (r *role) later(msg string, args ...any) {
	r.notes = append(r.notes, func() { r.log.Info(msg, args...) })
}

// serve listens, says where, serves until ctx ends, drains and closes.
func (r *role) serve(ctx context.Context) error {
	defer func() {
		for _, c := range r.closers {
			if err := c(); err != nil {
				r.log.Error("close", "err", err)
			}
		}
	}()
	ln, err := net.Listen("tcp", r.server.Addr)
	if err != nil {
		return err
	}
	adm, err := net.Listen("tcp", r.admin.Addr)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	r.log.Info(r.name+" listens", "addr", ln.Addr().String(), "admin", adm.Addr().String(), "version", version())
	for _, n := range r.notes {
		n()
	}
	for _, f := range r.running {
		f()
	}
	if r.listens != nil {
		r.listens(ln.Addr())
	}
	ended := make(chan error, 2) // both servers end before serve returns
	go func() { ended <- r.listen(ln) }()
	go func() { ended <- r.admin.Serve(adm) }()
	left := 2
	select {
	case <-ctx.Done():
	case err = <-ended:
		left--
	}
	r.draining.Store(true)
	r.log.Info("drain", "for", drainTime)
	wait, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var late error
	if r.drain != nil {
		late = r.drain(wait)
	}
	if late = errors.Join(late, r.server.Shutdown(wait), r.admin.Shutdown(wait)); late != nil {
		// Those who took longer are cut off: that is what the time is for.
		r.log.Warn("drained in part", "err", late)
		err = errors.Join(err, r.server.Close(), r.admin.Close())
	}
	err = closedIsFine(err)
	for range left {
		err = errors.Join(err, closedIsFine(<-ended))
	}
	return err
}

func (r *role) listen(ln net.Listener) error {
	if r.server.TLSConfig != nil {
		return r.server.ServeTLS(ln, "", "") // the certificate is in the configuration
	}
	return r.server.Serve(ln)
}

func closedIsFine(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// newServer bounds what a client may hold open. Bodies and answers may take
// long; headers may not.
func newServer(addr string, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ReadTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
