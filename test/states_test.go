package test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit/internal/fake"
	"tenbit/internal/redistest"
)

// TestRedisStates spoils a running edge's Redis in each way: /readyz names the
// state, requests are answered by the local model, marked, and when it is mended
// answers are bought again without a restart.
func TestRedisStates(t *testing.T) {
	server := redistest.Run(t, "--appendonly", "yes", "--requirepass", "right")
	c := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "right", PoolSize: 1}) // stays in when the password changes
	defer c.Close()
	do := func(args ...any) {
		t.Helper()
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	var proxy *fake.Proxy
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
		proxy = fake.NewProxy(t, server.Addr)
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", proxy.Addr)
		edge.set("ledger.redis.password", "right")
		edge.set("policy.price.bits", 0)
	})
	for _, tt := range []struct {
		name, want  string
		spoil, mend func()
	}{
		{"full", "full (maxmemory)", func() { do("CONFIG", "SET", "maxmemory", "1") }, func() { do("CONFIG", "SET", "maxmemory", "0") }},
		{
			"a read-only replica", "read-only replica", func() { do("REPLICAOF", "127.0.0.1", "1") },
			func() { do("REPLICAOF", "NO", "ONE") },
		},
		{
			"another password", "refuses the user name or password",
			func() { do("CONFIG", "SET", "requirepass", "other"); proxy.Cut() },
			func() { do("CONFIG", "SET", "requirepass", "right"); proxy.Cut() },
		},
		{"slow by 200 ms", "slow", func() { proxy.Delay(200 * time.Millisecond) }, func() { proxy.Delay(0) }},
		{"away", "away", server.Kill, server.Restart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.eventually(t, "a good state", func() bool {
				return ready(t, d.Edge.Admin).Status == http.StatusOK && d.post(t, fresh(open, false)).Text == story
			})
			tt.spoil()
			state := readiness{}
			d.eventually(t, "a bad state", func() bool { state = ready(t, d.Edge.Admin); return state.Status != http.StatusOK })
			d.eventually(t, "its name", func() bool { state = ready(t, d.Edge.Admin); return strings.Contains(state.Text, tt.want) })
			for _, stream := range []bool{false, true} {
				began := time.Now()
				a := d.post(t, fresh(open, stream))
				if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Degraded != "ledger unavailable" || a.Meter.Bits != 0 {
					t.Errorf("stream %v: got %d, %+v, %.300s; want the draft, marked", stream, a.Status, a.Meter, a.Body)
				}
				t.Logf("%q; an answer took %v", strings.TrimSpace(state.Text), time.Since(began))
			}
			tt.mend()
			d.eventually(t, "its end", func() bool {
				return ready(t, d.Edge.Admin).Status == http.StatusOK && d.post(t, fresh(open, false)).Text == story
			})
		})
	}
	if n := d.metric(t, "tenbit_degraded_total", "ledger unavailable"); n < 10 {
		t.Errorf("%v answers are counted as worse than configured, want at least 10", n)
	}
	audit(t, d.Edge.Admin)
}

// TestReadyzTellsOfMissingAOF: a ledger on a Redis without append-only file works,
// and is a note.
func TestReadyzTellsOfMissingAOF(t *testing.T) {
	server := redistest.Run(t)
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", server.Addr)
		edge.set("ledger.redis.timeout", "30s")
	})
	const note = "append-only file is off"
	if r := ready(t, d.Edge.Admin); r.Status != http.StatusOK || !strings.Contains(r.Text, note) {
		t.Errorf("got %+v, want ready, with a note", r)
	}
	c := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer c.Close()
	if err := c.ConfigSet(t.Context(), "appendonly", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, "the note's end", func() bool {
		r := ready(t, d.Edge.Admin)
		return r.Status == http.StatusOK && !strings.Contains(r.Text, note)
	})
}
