package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"tenbit"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/link"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

// linkPath is where an origin serves the link.
const linkPath = "/link"

// wireOrigin builds an origin from its configuration. It connects to nothing yet.
func wireOrigin(c config.Origin, log *slog.Logger) (*role, error) {
	r := newRole("origin", log)
	m := telemetry.New(len(c.Edges) + moreTenants)
	edges, err := edgesOf(c)
	if err != nil {
		return nil, err
	}
	large, wire, closer, err := openModel(c.Large)
	if err != nil {
		return nil, fmt.Errorf("large: %w", err)
	}
	r.closers = append(r.closers, closer)
	if wire != nil {
		m.Wire("large", wire)
	}
	l, err := r.ledger(c.Ledger)
	if err != nil {
		return nil, err
	}
	twin, err := openTwin(c.Twin, m.Twin)
	if err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	people, err := r.register(originRegister(c), l)
	if err != nil {
		return nil, err
	}
	caps := &egress{ledger: l, metrics: m, register: people, shares: sharesOf(c), boot: newBoot()}
	server, err := link.NewServer(link.ServerConfig{
		Edges: edges, Key: []byte(c.Auth.Secret), Model: codec.Default(), Log: log,
		Handler: handler{large, new(policy.Formats)}, Ledger: caps, Account: caps.account, Histories: learners(c.Histories), Learner: learner(c.Histories), Candidates: policy.CandidateCoder{}, Twin: twin,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(linkPath, server)
	r.server = newServer(c.Listen, mux, log)
	r.server.ReadTimeout = 0 // the link stays open; it has time-outs of its own
	if r.server.TLSConfig, err = serverTLS(c.TLS, log); err != nil {
		return nil, err
	}
	r.drain = server.Shutdown
	r.admin = newServer(c.Admin.Listen, adminOf(m, &operator{people: people, ledger: l}, r.probes), log)
	r.closers = append(r.closers, l.Close)
	return r, nil
}

// handler answers with the policy's origin, in the model that the link agreed on.
type handler struct {
	large   policy.Model
	formats *policy.Formats
}

func (h handler) Serve(ctx context.Context, m codec.Model, a tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
	return policy.Origin{Large: h.large, Codec: m, Formats: h.formats}.Serve(ctx, a, send)
}

func edgesOf(c config.Origin) ([]link.Edge, error) {
	var edges []link.Edge
	var errs []error
	for i, e := range c.Edges {
		edge := link.Edge{Name: e.ID, Tenant: tenantOf(e.ID, e.Budget)}
		if c.TLS.ClientCA != "" {
			edge.Certificate = e.ID
		}
		if len(e.Keys) > 1 || len(e.Keys) == 0 && c.TLS.ClientCA == "" {
			errs = append(errs, fmt.Errorf("edges[%d].keys: want one token, or none with tls.client_ca", i))
		}
		for _, k := range e.Keys {
			h, err := gateway.ParseHash(k.Hash)
			if err != nil {
				errs = append(errs, fmt.Errorf("edges[%d].keys: %w", i, err))
			}
			edge.Token = h
		}
		edges = append(edges, edge)
	}
	return edges, errors.Join(errs...)
}
