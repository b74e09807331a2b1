package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tenbit"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/ledger"
	"tenbit/internal/lines"
	"tenbit/internal/link"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

// evalWorld is a gateway with the small model of a set, and an origin on loopback
// with the large one. Where answers were recorded, both play them back.
type evalWorld struct {
	set     *evalSet
	gateway *gateway.Gateway
	server  *link.Server
	client  *link.Client
	http    *http.Server
	served  chan error
	local   tally
}

// outcome is what came of one question.
type outcome struct {
	final string // the final answer that the client has
	route tenbit.Route
	cost  tenbit.Cost
	drawn int // samples
}

func newEvalWorld(set *evalSet, o evalOptions) (*evalWorld, error) {
	w := &evalWorld{set: set, served: make(chan error, 1)}
	token := gateway.NewKey()
	var err error
	w.server, err = link.NewServer(link.ServerConfig{
		Edges: []link.Edge{{Name: "edge", Token: link.HashToken(nil, token)}}, Model: codec.Default(),
		Histories: 1, Learner: learner(0), Candidates: policy.CandidateCoder{},
		Handler: handler{set.large, new(policy.Formats)},
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	w.http = &http.Server{Handler: w.server, ReadHeaderTimeout: time.Second}
	go func() { w.served <- w.http.Serve(l) }()
	w.client, err = link.NewClient(link.ClientConfig{
		URL: "ws://" + l.Addr().String(), Token: token, Model: codec.Default(), PingEvery: -1, Silence: time.Hour,
		Histories: 1, Learner: learner(0), Candidates: policy.CandidateCoder{},
		NewDecoder: func(m codec.Model, a tenbit.Ask) link.Decoder { return policy.NewDecoder(m, a) },
	})
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.local.Model = set.local
	w.gateway, err = gateway.New(&gateway.Gateway{
		Models: []string{"replay"}, Gate: policy.Gate{Confidence: o.gate}, Price: o.price, Remote: w.client, Ledger: new(ledger.Memory),
		Modes: o.modes, Metrics: telemetry.New(1), Log: o.log, LocalDown: gateway.LocalDownRemote,
		MaxBody: lines.Max, MaxActive: 1, Patience: time.Minute, PingEvery: time.Minute, SettleTime: time.Second,
		Keys:     gateway.Keys{},
		BodyTime: time.Minute, Stall: time.Minute, Worth: new(policy.Worth),
		Drafter: policy.Drafter{Local: &w.local, Temperature: set.temperature, Seed: 1, Stop: o.stop, Calibration: o.calibration},
	})
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *evalWorld) close() error {
	var err error
	if w.client != nil {
		err = w.client.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, w.server.Shutdown(ctx), w.http.Close())
	if e := <-w.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// ask puts every question, one after the other, since the ends learn from each.
func (w *evalWorld) ask(ctx context.Context, o evalOptions, tick func()) ([]outcome, error) {
	tenant := tenbit.Tenant{ID: "eval", MaxRequest: tenbit.MaxBits, OnEmpty: tenbit.EmptyLocal, Lossy: o.lossy(), Windows: []tenbit.Window{{Limit: int64(tenbit.MaxBits), Per: 24 * time.Hour}}}
	outcomes := make([]outcome, len(w.set.rows))
	for i, row := range w.set.rows {
		w.set.now = row
		req, err := row.request()
		if err != nil {
			return nil, fmt.Errorf("question %d: %w", i+1, err)
		}
		w.gateway.Drafter.Samples = len(row.Small.Samples)
		before := w.local.n
		a, err := w.gateway.Answer(ctx, gateway.Order{
			ID: fmt.Sprintf("%032x", i+1), Tenant: tenant, Request: req, MaxBits: o.limit, Modes: o.modes, NoStore: true,
		})
		if err != nil {
			return nil, fmt.Errorf("question %d: %w", i+1, err)
		}
		if a.Degraded != "" && a.Route == tenbit.RouteLocal {
			return nil, fmt.Errorf("question %d: %s", i+1, a.Degraded)
		}
		outcomes[i] = outcome{row.final(a.Message.Content), a.Route, a.Cost, w.local.n - before}
		tick()
	}
	return outcomes, nil
}

// tally counts a model's drafts. One at a time.
type tally struct {
	policy.Model
	n int
}

func (t *tally) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	if s.LogProbs { // as drafts are asked for
		t.n++
	}
	return t.Model.Complete(ctx, req, s)
}
