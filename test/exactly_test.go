package test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/redistest"
)

// wholeGrant makes every answer of the large model cost all that is granted: it
// is the story in the one mode allowed, and the grant is its price. It returns
// the price.
func wholeGrant(t *testing.T) tenbit.Bits {
	t.Helper()
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) { onlyFull(edge) })
	price := d.post(t, fresh(open, false)).Meter.Bits
	if price <= 0 {
		t.Fatal("the story costs nothing")
	}
	return price
}

// onlyFull leaves one mode and buys whatever it takes.
func onlyFull(edge tree) {
	edge.set("policy.modes", []string{"full"})
	edge.set("policy.price.bits", 0)
}

// worth gives the edge's tenant a budget of n grants.
func worth(t *testing.T, edge tree, n int, grant tenbit.Bits) {
	t.Helper()
	onlyFull(edge)
	number := func(b tenbit.Bits) float64 {
		f, err := strconv.ParseFloat(b.String(), 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	edge["tenants"].([]tree)[0]["budget"] = tree{
		"windows": []tree{{"bits": number(tenbit.Bits(n) * grant), "per": "8760h"}}, "per_request": number(grant),
	}
}

// gather holds the large model's replies until all who want to ask have tried.
type gather struct {
	free chan struct{}
}

func (g *gather) script(fake.Received) fake.Behaviour {
	<-g.free
	return fake.Answers(story)
}

// fleet is some edges that share one Redis, and one origin.
type fleet struct {
	*deployment
	price tenbit.Bits
	redis *redistest.Server
	edges []*deployment // the same, at each edge
	gather
}

// newFleet has a tenant whose budget is worth ten answers.
func newFleet(t *testing.T, price tenbit.Bits, edges int) *fleet {
	t.Helper()
	f := &fleet{price: price, redis: redistest.Run(t, "--appendonly", "yes"), gather: gather{make(chan struct{})}}
	f.deployment = deploy(t, says("It is dark."), f.script, func(edge, _ tree) {
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", f.redis.Addr)
		edge.set("ledger.redis.timeout", "30s") // a busy machine is not this test's subject
		worth(t, edge, 10, price)
	})
	for i := range edges {
		if i > 0 {
			f.startEdge(t, f.edgeConfig)
		}
		e := &deployment{URL: f.URL, Key: f.Key, Edge: f.Edge}
		e.left(t) // connects to Redis, so that none is ahead of the others
		f.edges = append(f.edges, e)
	}
	return f
}

// reply is an answer of one of the edges; Status 0: none.
type reply struct {
	answer
	edge int
}

// crowd asks each edge's share of sixty questions at once.
func (f *fleet) crowd(t *testing.T) <-chan reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	replies := make(chan reply, 60)
	for i := range 60 {
		at := i % len(f.edges)
		go func() { // ends with ctx
			resp, err := f.edges[at].send(ctx, http.MethodPost, "/chat/completions", fresh(open, false))
			if err != nil {
				replies <- reply{edge: at}
				return
			}
			replies <- reply{read(t, resp), at}
		}()
	}
	return replies
}

// tried waits until fifty found nothing left, while ten reservations are held,
// and returns how many are held at each edge.
func (f *fleet) tried(t *testing.T, replies <-chan reply) []int {
	t.Helper()
	pending := make([]int, len(f.edges))
	for i := range 60 {
		pending[i%len(f.edges)]++
	}
	for range 50 { // those who found nothing left are answered first
		a := await(t, "a local answer", replies)
		pending[a.edge]--
		if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Bits != 0 || a.Meter.Degraded != "over budget" {
			t.Errorf("got %d, %+v, %.300s; want the draft, marked", a.Status, a.Meter, a.Body)
		}
	}
	f.eventually(t, "ten escalations", func() bool { return len(f.Large.Seen()) >= 10 })
	f.holds(t, f.edges[0], 0, 10)
	return pending
}

// holds wants so many answers spent and so many held, and a budget that has no
// millibit left beside them.
func (f *fleet) holds(t *testing.T, at *deployment, spent, held int) {
	t.Helper()
	gotSpent, gotHeld := audit(t, at.Edge.Admin).of(t, "t:ship")
	if wantSpent, wantHeld := tenbit.Bits(spent)*f.price, tenbit.Bits(held)*f.price; gotSpent != wantSpent || gotHeld != wantHeld {
		t.Errorf("the journal says %v spent, %v held; want %v, %v", gotSpent, gotHeld, wantSpent, wantHeld)
	}
}

// bought reads n answers, each of which took its whole grant.
func (f *fleet) bought(t *testing.T, replies <-chan reply, n int) {
	t.Helper()
	for range n {
		if a := await(t, "a bought answer", replies); a.Status != http.StatusOK || a.Text != story || a.Meter.Bits != f.price {
			t.Errorf("got %d, %+v, %.300s; want the story for %v bits", a.Status, a.Meter, a.Body, f.price)
		}
	}
}

// exhausted asks every edge again: nothing is left, and the large model has been
// asked ten times in all.
func (f *fleet) exhausted(t *testing.T) {
	t.Helper()
	for i, e := range f.edges {
		for range 3 {
			if a := e.post(t, fresh(open, false)); a.Meter.Bits != 0 || a.Meter.Degraded != "over budget" {
				t.Errorf("edge %d, afterwards: got %+v, want a local answer, marked", i, a.Meter)
			}
		}
	}
	if n := len(f.Large.Seen()); n != 10 {
		t.Errorf("%d requests escalated, want 10", n)
	}
}

// TestExactlyTen asks sixty times at once with a budget worth ten answers. Every
// reservation is held until all sixty have tried, and each reply costs its whole
// grant: exactly ten escalate, and the budget is spent to the millibit.
func TestExactlyTen(t *testing.T) {
	price := wholeGrant(t)
	for _, edges := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d edges", edges), func(t *testing.T) {
			f := newFleet(t, price, edges)
			replies := f.crowd(t)
			f.tried(t, replies)
			close(f.free)
			f.bought(t, replies, 10)
			f.holds(t, f.edges[0], 10, 0)
			f.exhausted(t)
			t.Logf("60 asked of %d edges at once: %d escalated, each for its whole grant of %v bits", edges, len(f.Large.Seen()), price)
		})
	}
}

// TestExactlyTenAcrossACrash is the same while one of three edges is killed with
// kill -9, and so is Redis, which starts again from its append-only file. What
// the dead edge had reserved stays set aside.
func TestExactlyTenAcrossACrash(t *testing.T) {
	f := newFleet(t, wholeGrant(t), 3)
	replies := f.crowd(t)
	pending := f.tried(t, replies)
	dead := -1 // who holds fewest, but some
	for i, n := range pending {
		if n > 0 && (dead < 0 || n < pending[dead]) {
			dead = i
		}
	}
	lost := pending[dead]
	f.edges[dead].Edge.kill(t)
	for range lost {
		if a := await(t, "a broken request", replies); a.edge != dead || a.Status != 0 {
			t.Errorf("got %d, %+v from edge %d; want the dead edge's requests to break", a.Status, a.Meter, a.edge)
		}
	}
	f.redis.Kill()
	f.redis.Restart()
	living := f.edges[(dead+1)%3]
	f.eventually(t, "the ledger's return", func() bool { return ready(t, living.Edge.Admin).Status == http.StatusOK })
	f.holds(t, living, 0, 10)
	close(f.free)
	f.bought(t, replies, 10-lost)
	f.startEdge(t, f.edgeConfig)
	f.edges[dead] = f.deployment
	f.holds(t, f.edges[dead], 10-lost, lost)
	f.exhausted(t)
	t.Logf("60 asked of 3 edges: %d escalated, %d of them by the edge that died, each for its whole grant of %v bits", len(f.Large.Seen()), lost, f.price)
}
