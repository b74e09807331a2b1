package main

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit/internal/config"
	"tenbit/internal/redistest"
)

// Each way in which Redis fails a ledger is a clear state, and none hangs.
func TestRedisStates(t *testing.T) {
	for _, tt := range []struct {
		name, password, want string
		spoil                func(t *testing.T, c *redis.Client) error
	}{
		{"fine", "", "", func(*testing.T, *redis.Client) error { return nil }},
		{"full", "", "full (maxmemory)", func(t *testing.T, c *redis.Client) error { return c.ConfigSet(t.Context(), "maxmemory", "1").Err() }},
		{"a replica", "", "read-only replica", func(t *testing.T, c *redis.Client) error { return c.ReplicaOf(t.Context(), "127.0.0.1", "1").Err() }},
		{"another password", "wrong", "refuses the user name or password", func(t *testing.T, c *redis.Client) error {
			return c.ConfigSet(t.Context(), "requirepass", "right").Err()
		}},
		{"no password", "", "wants a password", func(t *testing.T, c *redis.Client) error {
			return c.ConfigSet(t.Context(), "requirepass", "right").Err()
		}},
		{"slow", "", "slow", func(t *testing.T, c *redis.Client) error {
			return c.Do(t.Context(), "CLIENT", "PAUSE", 60000).Err()
		}},
		{"gone", "", "away", func(t *testing.T, c *redis.Client) error {
			_ = c.ShutdownNoSave(t.Context()).Err() // the connection ends before an answer
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := redistest.Start(t)
			c := redis.NewClient(&redis.Options{Addr: addr})
			defer c.Close()
			if err := tt.spoil(t, c); err != nil {
				t.Fatal(err)
			}
			l, err := openLedger(config.Ledger{Kind: "redis", Journal: time.Hour, Redis: config.Redis{Addr: addr, Password: config.Secret(tt.password), Timeout: 500 * time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := ""
			if err := l.Ready(t.Context()); err != nil {
				got = redisState(err)
			}
			if !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
