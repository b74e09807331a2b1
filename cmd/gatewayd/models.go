package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/embedded"
	"tenbit/internal/ledger"
	"tenbit/internal/ollama"
	"tenbit/internal/openai"
	"tenbit/policy"
)

// openModel wires the model that c names. wire is nil where nobody counts bytes.
func openModel(c config.Model) (m policy.Model, wire func() (up, down int64), closer func() error, err error) {
	switch c.Kind {
	case "embedded":
		e, err := embedded.Named(c.Model, embedded.Options{Threads: c.Threads})
		if err != nil {
			return nil, nil, nil, err
		}
		return timed{e, c}, nil, func() error { return nil }, nil
	case "ollama":
		o, err := ollama.New(ollama.Config{BaseURL: c.URL, Model: c.Model, NumThread: c.Threads, NumCtx: c.Context})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("ollama: %w", err)
		}
		return timed{o, c}, nil, func() error { o.Close(); return nil }, nil
	}
	o, err := openai.New(openai.Config{BaseURL: c.URL, Model: c.Model, Key: string(c.Key), LegacyMaxTokens: c.LegacyMaxTokens})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("openai: %w", err)
	}
	return timed{o, c}, o.Wire, func() error { o.Close(); return nil }, nil
}

// embedder wires the model that makes vectors, at the local model's server.
// False: it makes none.
func embedder(c config.Model, e config.Embeddings) (gateway.Embedder, bool) {
	if e.Model != "" {
		c.Model = e.Model
	}
	var m gateway.Embedder
	var err error
	switch c.Kind {
	case "ollama":
		m, err = ollama.New(ollama.Config{BaseURL: c.URL, Model: c.Model})
	case "openai":
		m, err = openai.New(openai.Config{BaseURL: c.URL, Model: c.Model, Key: string(c.Key)})
	default:
		return nil, false
	}
	return timedEmbedder{m, c.Timeout}, err == nil // the local model has the same settings
}

// timedEmbedder bounds how long one request may take.
type timedEmbedder struct {
	gateway.Embedder
	most time.Duration
}

func (t timedEmbedder) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, int, error) {
	ctx, cancel := context.WithTimeout(ctx, t.most)
	defer cancel()
	return t.Embedder.Embed(ctx, texts, dimensions)
}

// settle turns the kind auto into one that can be opened: Ollama where it answers
// and has the model, or any if none is named; else the embedded small model.
func settle(ctx context.Context, c config.Model, say func(msg string, args ...any)) config.Model {
	if c.Kind != "auto" {
		return c
	}
	name, err := installed(ctx, c)
	if err != nil {
		say("local model: the embedded small one", "ollama", c.URL, "reason", err)
		c.Kind, c.Model = "embedded", "small"
		return c
	}
	say("local model: Ollama's", "ollama", c.URL, "model", name)
	c.Kind, c.Model = "ollama", name
	return c
}

// autoPatience is how long an edge waits at its start for Ollama to answer.
const autoPatience = 2 * time.Second

func installed(ctx context.Context, c config.Model) (string, error) {
	o, err := ollama.New(ollama.Config{BaseURL: c.URL})
	if err != nil {
		return "", err
	}
	defer o.Close()
	ctx, cancel := context.WithTimeout(ctx, autoPatience)
	defer cancel()
	names, err := o.Installed(ctx)
	if err != nil {
		return "", errors.New("nothing answers there")
	}
	for _, n := range names {
		if c.Model == "" || n == c.Model || n == c.Model+":latest" {
			return n, nil
		}
	}
	return "", errors.New("it has no such model")
}

// answers is a note for operators: where it is an error, drafts fail.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	if _, err := ollama.Probe(ctx, url); err != nil {
		return errors.New("no Ollama answers at local.url")
	}
	return nil
}

// probePatience leaves the other probes of /readyz their time.
const probePatience = time.Second

// timed bounds how long one completion may take.
type timed struct {
	policy.Model
	cfg config.Model
}

func (t timed) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	return t.Model.Complete(ctx, req, s)
}

// store is a ledger with what its owner needs.
type store interface {
	gateway.Ledger
	ledger.Book
	Reset(ctx context.Context, accounts ...string) error
	Ready(context.Context) error
	Close() error
}

func openLedger(c config.Ledger) (store, error) {
	switch c.Kind {
	case "memory":
		return &ledger.Memory{Hold: c.Hold}, nil
	case "bolt":
		return ledger.OpenBolt(c.Path, c.Journal, c.Hold)
	default:
		client, err := redisClient(c.Redis)
		if err != nil {
			return nil, fmt.Errorf("ledger.redis: %w", err)
		}
		return ledger.NewRedis(ledger.RedisOptions{Client: client, Timeout: c.Redis.Timeout, Keep: c.Journal, Hold: c.Hold, Replicas: c.Replicas}), nil
	}
}
