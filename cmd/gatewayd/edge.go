package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"tenbit"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/embedded"
	"tenbit/internal/link"
	"tenbit/internal/register"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

// wireEdge builds an edge from its configuration. It connects to nothing yet.
func wireEdge(c config.Edge, log *slog.Logger) (*role, error) {
	r := newRole("edge", log)
	c.Local = settle(context.Background(), c.Local, r.later) // first: what is cached depends on it
	m := telemetry.New(len(c.Tenants) + moreTenants)
	g := &gateway.Gateway{
		Models: c.Models, Gate: policy.Gate{Confidence: c.Policy.Confidence}, Price: priceOf(c.Policy.Price), Metrics: m, Log: log,
		LocalDown: gateway.LocalDown(c.Policy.LocalDown), MaxBody: c.Limits.Body, MaxActive: c.Limits.Active,
		Rounds: c.Policy.Rounds, Expand: c.Policy.Expand,
		Patience: 5 * time.Second, PingEvery: 15 * time.Second, SettleTime: 5 * time.Second,
		BodyTime: c.Limits.BodyTime, Stall: c.Limits.Stall, Origins: c.CORS,
		Tariff: gateway.Tariff{Input: c.Remote.Price.Input, Output: c.Remote.Price.Output, MaxOutput: c.Remote.Price.MaxOutput},
	}
	for _, name := range c.Policy.Modes {
		mode, _ := tenbit.ParseMode(name) // was validated
		g.Modes |= tenbit.Modes(mode)
	}
	if c.Policy.Drafts != "always" {
		g.Worth = &policy.Worth{Never: c.Policy.Drafts == "never"}
	}
	if err := keysOf(c); err != nil {
		return nil, err
	}
	l, err := r.ledger(c.Ledger)
	if err != nil {
		return nil, err
	}
	g.Ledger, g.LedgerNear = l, c.Ledger.Kind != "redis"
	people, err := r.register(registerOf(c), l)
	if err != nil {
		return nil, err
	}
	g.Keys = people
	if err := errors.Join(wireLocal(g, r, c), wireRemote(g, r, m, c), wireCache(g, r, m, c)); err != nil {
		return nil, err
	}
	if g, err = gateway.New(g); err != nil {
		return nil, err
	}
	r.server = newServer(c.Listen, g.Handler(), log)
	r.server.ReadHeaderTimeout, r.server.ReadTimeout = c.Limits.HeaderTime, c.Limits.HeaderTime+c.Limits.BodyTime
	if r.server.TLSConfig, err = edgeTLS(c.TLS, log); err != nil {
		return nil, err
	}
	r.admin = newServer(c.Admin.Listen, adminOf(m, &operator{people: people, ledger: l, secret: []byte(c.Auth.Secret), keys: true, groups: groupIDs(c.Groups), semantic: g.Semantic != nil}, r.probes), log)
	r.closers = append([]func() error{func() error {
		wait, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		return g.Drain(wait)
	}}, r.closers...)
	r.closers = append(r.closers, l.Close) // last: late settlements
	return r, nil
}

// moreTenants may be added by operators and still get metrics of their own.
const moreTenants = 100

// ledger opens the ledger, which the caller has closed last.
func (r *role) ledger(c config.Ledger) (store, error) {
	l, err := openLedger(c)
	if err != nil {
		return nil, err
	}
	ready := l.Ready
	if c.Kind == "redis" {
		ready = ofRedis(ready)
	}
	r.probes = append(r.probes, probe{"ledger (" + c.Kind + ")", ready, true})
	if d, ok := l.(interface {
		Durable(context.Context) (string, error)
	}); ok {
		r.probes = append(r.probes, probe{"ledger", ofRedis(func(ctx context.Context) error {
			flaw, err := d.Durable(ctx)
			if err == nil && flaw != "" {
				err = errors.New(flaw)
			}
			return err
		}), false})
	}
	return l, nil
}

// register lays what operators changed over the configuration and follows that
// until the end.
func (r *role) register(o register.Options, l store) (*register.Register, error) {
	o.Records = l.(register.Records) // every ledger keeps them
	people := register.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	first, done := context.WithTimeout(ctx, time.Second)
	defer done()
	if err := people.Refresh(first); err != nil {
		r.later("tenants: changes by operators cannot be read yet; the configuration is in force", "err", err)
	}
	var running sync.WaitGroup
	r.running = append(r.running, func() { running.Go(func() { people.Run(ctx) }) })
	r.closers = append([]func() error{func() error { cancel(); running.Wait(); return nil }}, r.closers...)
	return people, nil
}

func wireLocal(g *gateway.Gateway, r *role, c config.Edge) error {
	local, _, closer, err := openModel(c.Local)
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	r.closers = append(r.closers, closer)
	if c.Local.Kind == "ollama" {
		r.probes = append(r.probes, probe{"local model", func(ctx context.Context) error { return answers(ctx, c.Local.URL) }, false})
	}
	if e, ok := embedder(c.Local, c.Embeddings); ok {
		g.Embed = e
	}
	g.Drafter = policy.Drafter{
		Local: local, Samples: c.Policy.Samples, Temperature: c.Policy.Temperature, Seed: firstSeed, Parallel: c.Policy.Parallel,
		Calibration: policy.Calibration(c.Policy.Calibration),
		ClosedOnly:  c.Local.Kind == "embedded" && !strings.HasSuffix(c.Local.Model, embedded.Extension),
	}
	g.Drafter.Stop, err = policy.ParseStop(c.Policy.EarlyStop) // was validated
	return err
}

// priceOf makes the policy's price of a configured one, which was validated.
func priceOf(c config.Price) policy.Price {
	b, _ := tenbit.BitsOf(c.Bits)
	return policy.Price{Answer: b, Large: c.Large, Scarcity: c.Scarcity}
}

// wireRemote connects the far side: the link, or the large model's API itself.
func wireRemote(g *gateway.Gateway, r *role, m *telemetry.Metrics, c config.Edge) error {
	switch c.Remote.Kind {
	case "api":
		large, wire, closer, err := openModel(c.Remote.API)
		if err != nil {
			return fmt.Errorf("remote.api: %w", err)
		}
		r.closers = append(r.closers, closer)
		if wire != nil {
			m.Wire("remote", wire)
		}
		g.Foresee = true
		g.Remote = policy.API{Large: large, Codec: codec.Default(), Formats: new(policy.Formats), Habits: policy.NewTenantHabits(codec.Default())}
	case "origin":
		t, err := clientTLS(c.Remote)
		if err != nil {
			return fmt.Errorf("remote: %w", err)
		}
		var twin uint64
		if c.Remote.Twin {
			twin = twinOf(g.Drafter)
		}
		g.Twin, g.Foresee = twin != 0, twin != 0
		client, err := link.NewClient(link.ClientConfig{
			URL: c.Remote.URL, Token: string(c.Remote.Token), TLS: t, Model: codec.Default(), Silence: c.Remote.Timeout, Log: r.log,
			NewDecoder: func(m codec.Model, a tenbit.Ask) link.Decoder { return policy.NewDecoder(m, a) },
			Histories:  learners(c.Remote.Histories), Learner: learner(c.Remote.Histories), Candidates: policy.CandidateCoder{}, Twin: twin, Twinned: m.Twin,
		})
		if err != nil {
			return fmt.Errorf("remote: %w", err)
		}
		r.closers = append(r.closers, client.Close)
		m.Wire("remote", client.Wire)
		g.Remote = client
	}
	return nil
}

// habitual is for how many tenants the ends keep habits. They are small.
const habitual = 1000

// learners is for how many tenants the ends learn.
func learners(histories int) int {
	if histories > 0 {
		return histories
	}
	return habitual
}

// learner learns habits and, where histories are on, texts.
func learner(histories int) link.Learner {
	if histories > 0 {
		return policy.NewLearner(codec.Default(), link.NewTexts(codec.Default()))
	}
	return policy.NewLearner(codec.Default(), nil)
}
