package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakEnv is for how long TestSoak runs; unset: it is skipped, since its load
// would disturb the others. `make soak` sets it.
const soakEnv = "TENBIT_SOAK"

// TestSoak puts mixed load on an edge, about a third of what it can do, with
// clients that leave at random, and sees that it grows in nothing: goroutines,
// descriptors, memory.
func TestSoak(t *testing.T) {
	span, err := time.ParseDuration(os.Getenv(soakEnv))
	if err != nil {
		t.Skip(soakEnv + " is not set to a duration")
	}
	d := deploy(t, scripted, scripted, func(edge, _ tree) {
		edge.set("log", "info")
		edge.set("limits.active", 200)
		edge.set("cache.bytes", 4<<20)
		edge.set("responses.bytes", 4<<20)
	})
	capacity := d.load(t, 5*time.Second, 0)
	t.Logf("capacity: %.0f mixed requests/s", capacity)
	d.load(t, span/4, capacity/3) // caches, pools and tables fill
	before := d.levels(t)
	served := d.load(t, span-span/4, capacity/3)
	after := d.levels(t)
	t.Logf("%v at %.0f requests/s; before %v, after %v", span, served, before, after)
	for what, most := range map[string]float64{
		"go_goroutines":    before["go_goroutines"] + 20,
		"process_open_fds": before["process_open_fds"] + 20,
		"next_gc":          before["next_gc"]*1.5 + 16<<20,
		"resident":         before["resident"]*1.5 + 16<<20,
	} {
		if after[what] > most {
			t.Errorf("%s: got %.0f at the end, %.0f before, want at most %.0f", what, after[what], before[what], most)
		}
	}
}

// levels are what must not grow, when all is quiet again.
func (d *deployment) levels(t *testing.T) map[string]float64 {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	out := map[string]float64{}
	d.eventually(t, "the end of all requests", func() bool {
		out["go_goroutines"] = d.metric(t, "go_goroutines", "")
		again := d.metric(t, "go_goroutines", "")
		return again == out["go_goroutines"] && again < 100
	})
	out["process_open_fds"] = d.metric(t, "process_open_fds", "")
	// Twice what was in use at the end of the last collection; the heap at any
	// other moment is mostly what the next one will find to be garbage.
	out["next_gc"] = d.metric(t, "go_memstats_next_gc_bytes", "")
	out["resident"] = float64(d.Edge.resident(t))
	return out
}

// load sends a mix of requests for a while, at so many a second, 0: as many as
// go, and returns how many a second were.
func (d *deployment) load(t *testing.T, span time.Duration, rate float64) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var done, failed atomic.Int64
	var wg sync.WaitGroup
	const workers = 8
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), uint64(span)))
			var pace <-chan time.Time
			if rate > 0 {
				ticks := time.NewTicker(time.Duration(workers / rate * float64(time.Second)))
				defer ticks.Stop()
				pace = ticks.C
			}
			for ctx.Err() == nil {
				if pace != nil {
					select {
					case <-pace:
					case <-ctx.Done():
						return
					}
				}
				if status := d.mixed(ctx, rng); status >= http.StatusInternalServerError {
					failed.Add(1)
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed", n, done.Load())
	}
	return float64(done.Load()) / span.Seconds()
}

// mixed sends one request of the mix and may leave in its midst. It returns the
// status, 0 where it left.
func (d *deployment) mixed(ctx context.Context, rng *rand.Rand) int {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	if rng.IntN(10) == 0 { // leaves
		wait := time.AfterFunc(time.Duration(rng.IntN(5000))*time.Microsecond, leave)
		defer wait.Stop()
	}
	path, body := "/chat/completions", map[string]any{"model": "tenbit", "stream": rng.IntN(2) == 0}
	say := func(text string) {
		body["messages"] = []map[string]string{{"role": "user", "content": text}}
	}
	switch rng.IntN(10) {
	case 0, 1, 2:
		say(fmt.Sprint("echo ", rng.IntN(1<<30))) // new
	case 3, 4:
		say(fmt.Sprint("echo ", rng.IntN(10))) // cached
	case 5:
		say("who?")
		body["response_format"] = map[string]string{"type": "json_object"}
	case 6:
		say("count")
		body["n"], body["stop"], body["seed"] = 2, "7", rng.IntN(1000)
	case 7:
		path, body["input"] = "/responses", fmt.Sprint("echo ", rng.IntN(1<<30))
	case 8:
		path, body = "/embeddings", map[string]any{"model": "tenbit", "input": "echo"}
	case 9:
		say("hello")
		body["temperature"] = 9 // refused
	}
	b, _ := json.Marshal(body) // strings and numbers only
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+path, bytes.NewReader(b))
	if err != nil {
		return http.StatusInternalServerError
	}
	req.Header.Set("Authorization", "Bearer "+d.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && strings.Contains(string(text), `data: {"error"`) {
		return http.StatusBadGateway
	}
	return resp.StatusCode
}
