package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"tenbit"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/ledger"
	"tenbit/internal/link"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

// evalWorld is a gateway whose local model plays the recorded samples back, and
// an origin on loopback whose large model does the same.
type evalWorld struct {
	gateway *gateway.Gateway
	server  *link.Server
	client  *link.Client
	http    *http.Server
	served  chan error
	now     *replayRow // the question under way: one at a time
}

// outcome is what came of one question.
type outcome struct {
	final string // the final answer that the client has
	route tenbit.Route
	cost  tenbit.Cost
}

func newEvalWorld(o evalOptions) (*evalWorld, error) {
	w := &evalWorld{served: make(chan error, 1)}
	token := gateway.NewKey()
	var err error
	w.server, err = link.NewServer(link.ServerConfig{
		Edges: []link.Edge{{Name: "edge", Token: link.HashToken(nil, token)}}, Model: codec.Default(),
		Histories: 1, Learner: learner(0), Candidates: policy.CandidateCoder{},
		Handler: handler{replayed(func(int) *recorded { return &w.now.Large })},
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
		URL: "ws://" + l.Addr().String(), Token: token, Model: codec.Default(), PingEvery: -1,
		Histories: 1, Learner: learner(0), Candidates: policy.CandidateCoder{},
		NewDecoder: func(m codec.Model, a tenbit.Ask) link.Decoder { return policy.NewDecoder(m, a) },
	})
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.gateway, err = gateway.New(&gateway.Gateway{
		Models: []string{"replay"}, Gate: policy.Gate{Confidence: o.gate}, Remote: w.client, Ledger: new(ledger.Memory),
		Modes: o.modes, Metrics: telemetry.New(1), Log: slog.New(slog.DiscardHandler), LocalDown: gateway.LocalDownRemote,
		MaxBody: maxReplayLine, MaxActive: 1, Patience: time.Minute, PingEvery: time.Minute, SettleTime: time.Second,
		BodyTime: time.Minute, Stall: time.Minute,
		Drafter: policy.Drafter{Local: replayed(func(i int) *recorded { return &w.now.Small.Samples[i] }), Seed: 1},
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
func (w *evalWorld) ask(ctx context.Context, rows []*replayRow, o evalOptions, tick func()) ([]outcome, error) {
	tenant := tenbit.Tenant{ID: "eval", MaxRequest: tenbit.MaxBits, OnEmpty: tenbit.EmptyLocal, Windows: []tenbit.Window{{Limit: tenbit.MaxBits, Per: 24 * time.Hour}}}
	outcomes := make([]outcome, len(rows))
	for i, row := range rows {
		w.now = row
		body, err := json.Marshal(map[string]any{"model": "replay", "messages": []any{map[string]string{"role": "user", "content": row.Question}}})
		if err != nil {
			return nil, err
		}
		req, err := tenbit.ParseRequest(body)
		if err != nil {
			return nil, fmt.Errorf("question %d: %w", i+1, err)
		}
		w.gateway.Drafter.Samples = len(row.Small.Samples)
		a, err := w.gateway.Answer(ctx, gateway.Order{
			ID: fmt.Sprintf("%032x", i+1), Tenant: tenant, Request: req, MaxBits: o.limit, Modes: o.modes, NoStore: true,
		})
		if err != nil {
			return nil, fmt.Errorf("question %d: %w", i+1, err)
		}
		if a.Degraded != "" && a.Route == tenbit.RouteLocal {
			return nil, fmt.Errorf("question %d: %s", i+1, a.Degraded)
		}
		final, _, _ := policy.Extract(row.Question, a.Message.Content)
		outcomes[i] = outcome{final, a.Route, a.Cost}
		tick()
	}
	return outcomes, nil
}

// replayed is a model that says what was recorded: which sample, its seed says,
// counted from 1; 0 is the first draft.
type replayed func(i int) *recorded

func (f replayed) Complete(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	i := 0
	if s.Seed != nil {
		i = int(*s.Seed)
	}
	text := f(i).said
	if s.Sink != nil && text != "" {
		if err := s.Sink(text); err != nil {
			return tenbit.Completion{}, err
		}
	}
	return tenbit.Completion{Message: tenbit.Message{Content: text}, Finish: tenbit.FinishStop}, nil
}
