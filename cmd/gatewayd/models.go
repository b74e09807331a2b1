package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/ledger"
	"tenbit/internal/ollama"
	"tenbit/internal/openai"
	"tenbit/policy"
)

// openModel wires the model that c names. wire is nil where nobody counts bytes.
func openModel(c config.Model) (m policy.Model, wire func() (up, down int64), closer func() error, err error) {
	if c.Kind == "ollama" {
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
	Close() error
}

func openLedger(c config.Ledger) (store, error) {
	switch c.Kind {
	case "memory":
		return &ledger.Memory{}, nil
	case "bolt":
		return ledger.OpenBolt(c.Path)
	default:
		return ledger.NewRedis(redisClient(c.Redis)), nil
	}
}

func redisClient(c config.Redis) *redis.Client {
	o := &redis.Options{Addr: c.Addr, Username: c.Username, Password: string(c.Password), DB: c.DB, ContextTimeoutEnabled: true, MaxRetries: -1}
	if c.TLS {
		o.TLSConfig = tlsDefaults()
	}
	return redis.NewClient(o)
}

// tenantOf makes the noun of a configured tenant. Amounts were validated.
func tenantOf(t config.Tenant) tenbit.Tenant {
	out := tenbit.Tenant{ID: tenbit.TenantID(t.ID), OnEmpty: tenbit.OnEmpty(t.Budget.OnEmpty)}
	out.MaxRequest, _ = tenbit.BitsOf(t.Budget.PerRequest)
	for _, w := range t.Budget.Windows {
		b, _ := tenbit.BitsOf(w.Bits)
		out.Windows = append(out.Windows, tenbit.Window{Limit: b, Per: w.Per})
	}
	return out
}
