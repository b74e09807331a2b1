package test

import (
	"net/http"
	"testing"

	"tenbit/internal/redistest"
)

// TestTwoEdgesShareRedis: what one edge bought the other finds in the cache,
// and both see the same budget.
func TestTwoEdgesShareRedis(t *testing.T) {
	addr := redistest.Start(t)
	shared := func(edge, _ tree) {
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", addr)
		edge.set("cache.redis.addr", addr)
	}
	d := deploy(t, says("It is dark."), says(story), shared)
	first := d.post(t, chat(open))
	if first.Text != story || first.Meter.Bits <= 0 {
		t.Fatalf("got %d, %+v, %.300s", first.Status, first.Meter, first.Body)
	}
	one := d.Edge
	config := d.edgeConfig
	config.set("listen", "127.0.0.1:0")
	d.startEdge(t, config)
	if d.Edge.Addr == one.Addr {
		t.Fatal("the second edge is the first")
	}
	second := d.post(t, chat(open))
	if second.Text != story || second.Meter.Route != "cache" || second.Meter.Bits != 0 || second.Meter.Left != first.Meter.Left {
		t.Errorf("the second edge: got %d, %+v, %.300s; want the cached answer and %v bits left", second.Status, second.Meter, second.Body, first.Meter.Left)
	}
}

// TestRedisIsAway: the far side is closed without a ledger, local answers go
// on, marked; `make bench-redis-away` measures how soon.
func TestRedisIsAway(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", "127.0.0.1:1") // where nobody listens
	})
	for range 3 {
		a := d.post(t, fresh(open, false))
		if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Degraded == "" || a.Meter.Bits != 0 {
			t.Errorf("got %d, %+v, %.300s; want the draft, marked, for nothing", a.Status, a.Meter, a.Body)
		}
	}
}
