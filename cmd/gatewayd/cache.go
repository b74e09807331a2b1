package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"tenbit/cache"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/telemetry"
)

// wireCache makes the cache of answers and the shelf of responses, and the Redis
// behind both.
func wireCache(g *gateway.Gateway, r *role, m *telemetry.Metrics, c config.Edge) error {
	behind, client, err := r.behind(m, c.Cache)
	if err != nil {
		return err
	}
	build := func(name string, o cache.Options) (*cache.Exact, error) {
		o.Jitter, o.Behind = c.Cache.Jitter, behind
		made, err := cache.NewExact(o)
		if err != nil {
			return nil, err
		}
		m.Gauge("cache_bytes", "Bytes that entries take, everything included.", name, func() int64 { return made.Usage().Bytes })
		m.Gauge("cache_entries", "Entries in memory.", name, func() int64 { return made.Usage().Entries })
		m.Counter("cache_evicted_total", "Entries that had to make room for others.", name, func() int64 { return made.Usage().Evicted })
		return made, nil
	}
	if c.Responses.Bytes > 0 {
		shelf, err := build("responses", cache.Options{Bytes: c.Responses.Bytes, TTL: c.Responses.TTL, Shared: true})
		if err != nil {
			return err
		}
		g.Responses = shelf
	}
	if c.Cache.Bytes == 0 {
		return nil
	}
	g.Version = versionOf(g, c)
	g.Pack = func(b []byte) []byte { return codec.PackOwn(codec.Default(), b) }
	g.Unpack = func(b []byte) ([]byte, error) { return codec.UnpackOwn(codec.Default(), b, cache.MaxValue) }
	g.Cache, err = build("answers", cache.Options{Bytes: c.Cache.Bytes, Tenant: c.Cache.TenantBytes, TTL: c.Cache.TTL, Seen: m.Cache})
	if err != nil {
		return err
	}
	return wireSemantic(g, r, m, c, client, func(o cache.Options) (*cache.Exact, error) { return build("semantic", o) })
}

// behind connects the cache's Redis, nil where none is configured.
func (r *role) behind(m *telemetry.Metrics, c config.Cache) (cache.Behind, redis.UniversalClient, error) {
	ring, err := ringOf(c)
	if err != nil || c.Redis.Addr == "" {
		return nil, nil, err
	}
	client, err := redisClient(c.Redis)
	if err != nil {
		return nil, nil, fmt.Errorf("cache.redis: %w", err)
	}
	kept := cache.NewRedis(client, c.Redis.Timeout, ring)
	r.closers = append(r.closers, kept.Close, client.Close)
	r.probes = append(r.probes, probe{"cache (redis)", ofRedis(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*c.Redis.Timeout)
		defer cancel()
		return client.Ping(ctx).Err()
	}), false})
	m.Counter("cache_dropped_writes_total", "Entries that Redis was too slow for, or refused.", "redis", func() int64 { return kept.Losses().Dropped })
	m.Counter("cache_unreadable_total", "Entries in Redis that were damaged, misplaced or under an unknown key.", "redis", func() int64 { return kept.Losses().Unreadable })
	return kept, client, nil
}

// ringOf reads the keys that encrypt what rests in Redis; none: nothing is encrypted.
func ringOf(c config.Cache) (cache.Keyring, error) {
	text, from := string(c.Keys), "cache.keys"
	switch {
	case text != "" && c.KeysFile != "":
		return cache.Keyring{}, errors.New("cache.keys: set either this or cache.keys_file")
	case c.KeysFile != "":
		b, err := os.ReadFile(c.KeysFile)
		if err != nil {
			return cache.Keyring{}, fmt.Errorf("cache.keys_file: %w", err)
		}
		text, from = string(b), "cache.keys_file"
	case text == "":
		return cache.Keyring{}, nil
	}
	ring, err := cache.ParseKeys(text)
	if err != nil {
		return ring, fmt.Errorf("%s: %w", from, err)
	}
	return ring, nil
}

// versionOf names all that decides on answers: what was kept under other models,
// another policy or another build is not found. The local model is one that
// settle has named.
func versionOf(g *gateway.Gateway, c config.Edge) string {
	return fmt.Sprintf("%q %s %q %d %x %v | %s %q %s %q %q | %+v | %s", c.Cache.Version, c.Local.Kind, c.Local.Model, c.Local.Context, twinOf(g.Drafter), c.Models,
		c.Remote.Kind, c.Remote.URL, c.Remote.API.Kind, c.Remote.API.URL, c.Remote.API.Model, c.Policy, version())
}
