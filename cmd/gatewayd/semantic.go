package main

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"tenbit/cache"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/register"
	"tenbit/internal/telemetry"
)

// wireSemantic makes the cache of equal meanings. It is there whenever the local
// model's server makes embeddings, since operators may give it to a tenant at
// any time; client is the cache's Redis, or nil, and build makes the store of
// questions and answers.
func wireSemantic(g *gateway.Gateway, r *role, m *telemetry.Metrics, c config.Edge, client redis.UniversalClient, build func(cache.Options) (*cache.Exact, error)) error {
	o := c.Cache.Semantic
	if o.Bytes == 0 {
		return nil
	}
	if g.Embed == nil {
		if slices.ContainsFunc(c.Tenants, func(t config.Tenant) bool { return t.Semantic }) { // local.kind auto found no Ollama
			r.probes = append(r.probes, probe{"semantic cache", func(context.Context) error {
				return errors.New("off: the local model makes no embeddings")
			}, false})
		}
		return nil
	}
	values, err := build(cache.Options{Bytes: o.Bytes / 2, TTL: c.Cache.TTL})
	if err != nil {
		return err
	}
	s := cache.SemanticOptions{
		Embed: g.Embed, Model: c.Embeddings.Model, Values: values,
		Bytes: o.Bytes / 2, TTL: c.Cache.TTL, Rate: o.ErrorRate, Audit: o.Audit, Seen: m.Semantic,
	}
	if s.Model == "" {
		s.Model = c.Local.Model
	}
	switch {
	case client == nil:
		s.Alone = "no Redis"
	case c.Cache.Keys != "" || c.Cache.KeysFile != "":
		s.Alone = "entries are encrypted at rest, and vectors would tell of them"
	default:
		s.Vectors = cache.NewVectors(client, c.Cache.Redis.Timeout, c.Cache.TTL)
	}
	g.Semantic = cache.NewSemantic(s)
	g.Verdict = gateway.Verdict(o.Verdict)
	if g.Remote == nil {
		g.Verdict = gateway.VerdictLocal
	}
	r.probes = append(r.probes, probe{"semantic cache", func(ctx context.Context) error {
		if people, ok := g.Keys.(*register.Register); ok && !takesPart(people) {
			return nil
		}
		return errors.New(g.Semantic.Where(ctx))
	}, false})
	return nil
}

// takesPart reports whether any tenant takes part now.
func takesPart(people *register.Register) bool {
	ts, _ := people.All()
	return slices.ContainsFunc(ts, func(t register.Tenant) bool { return t.Semantic && !t.Disabled })
}

// semanticNotes are what an operator should know of a configuration in which
// tenants take part in the semantic cache.
func semanticNotes(c config.Edge) (out []string) {
	if !slices.ContainsFunc(c.Tenants, func(t config.Tenant) bool { return t.Semantic }) {
		return nil
	}
	if c.Local.Kind == "auto" {
		out = append(out, "the semantic cache is off where local.kind auto finds no Ollama: the embedded models make no embeddings")
	}
	if c.Embeddings.Model == "" {
		out = append(out, "embeddings.model is not set, so the local model makes the semantic cache's vectors; a model for embeddings finds far more")
	}
	if c.Remote.Kind == "none" {
		out = append(out, "without a remote the local model alone judges what the semantic cache finds: cache.semantic.error_rate holds as far as the local model is right")
	}
	return out
}
