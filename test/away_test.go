package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit/internal/redistest"
)

// awayEnv is for how long TestRedisAwayUnderLoad takes Redis away; `make
// bench-redis-away` sets it.
const awayEnv = "TENBIT_AWAY"

// awayRate is the load, in requests a second: half of them cached, half local.
const awayRate = 200

// TestRedisAwayUnderLoad takes Redis, which holds cache and ledger, away under
// load, in both ways: it refuses connections, and it hangs. No request fails, and
// it comes back into use by itself. The times are printed and not judged: the
// machine may be busy.
func TestRedisAwayUnderLoad(t *testing.T) {
	span := 4 * time.Second
	if s := os.Getenv(awayEnv); s != "" {
		var err error
		if span, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name       string
		away, back func(*redistest.Server)
	}{
		{"killed", (*redistest.Server).Kill, (*redistest.Server).Restart},
		{"hanging", (*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := redistest.Run(t, "--appendonly", "yes", "--appendfsync", "everysec")
			d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
				edge.set("log", "info")
				edge.set("limits.active", 10_000) // a machine that stands still for a second fails no request
				edge.set("policy.confidence", 0)  // local answers are good enough
				edge.set("cache.redis.addr", s.Addr)
				edge.set("ledger.kind", "redis")
				edge.set("ledger.redis.addr", s.Addr)
			})
			d.pressure(t, "warm", 2*time.Second)
			before := d.pressure(t, "before", span)
			tt.away(s)
			first := d.pressure(t, "away, first second", time.Second)
			after := d.pressure(t, "away, after that", span)
			tt.back(s)
			d.pressure(t, "back", span)
			t.Logf("%s: p99 added %v in the first second, %v after", tt.name, first.at(.99)-before.at(.99), after.at(.99)-before.at(.99))
			client := redis.NewClient(&redis.Options{Addr: s.Addr})
			defer client.Close()
			had := entries(t, client)
			d.eventually(t, "the return of ledger and cache", func() bool {
				a := d.post(t, newQuestion())
				return a.Header.Get("X-Tenbit-Budget-Left") != "" && entries(t, client) > had
			})
		})
	}
}

// entries counts what the cache has in Redis.
func entries(t *testing.T, client *redis.Client) int {
	t.Helper()
	names, err := client.Keys(t.Context(), "tenbit:answer:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

var questions atomic.Int64

// newQuestion is one that no cache answers and every cache may keep.
func newQuestion() map[string]any {
	return chat(fmt.Sprintf("What of harbour %d?", questions.Add(1)))
}

// taken are how long requests took, from the moment they were due; sorted.
type taken []time.Duration

func (x taken) at(q float64) time.Duration {
	return x[min(int(q*float64(len(x))), len(x)-1)].Round(10 * time.Microsecond)
}

// pressure puts the load on for a while, whatever the answers take.
func (d *deployment) pressure(t *testing.T, what string, span time.Duration) taken {
	t.Helper()
	n := int(span.Seconds() * awayRate)
	took := make(taken, n)
	failures := make([]error, n)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / awayRate)
		time.Sleep(time.Until(due)) // a load has its own times
		wg.Go(func() {
			failures[i] = d.light(t.Context(), i)
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	failed := 0
	for _, err := range failures {
		if err != nil {
			if failed++; failed <= 3 {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	slices.Sort(took)
	t.Logf("%-20s %5d requests, %d failed; p50 %v, p99 %v, most %v", what, n, failed, took.at(.5), took.at(.99), took.at(1))
	return took
}

// light is one request of the load: every other one is in the cache.
func (d *deployment) light(ctx context.Context, i int) error {
	body := newQuestion()
	if i%2 == 0 {
		body = chat(fmt.Sprintf("What of the sea, %d?", i%20))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := d.send(ctx, http.MethodPost, "/chat/completions", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(text), `"It is dark."`) {
		return fmt.Errorf("status %d: %.300s", resp.StatusCode, text)
	}
	return nil
}
