package test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"tenbit"
	"tenbit/codec"
	"tenbit/internal/fake"
	"tenbit/internal/link"
	"tenbit/policy"
)

// hostile is an edge that speaks the real link as it likes.
func hostile(t *testing.T, url, token string) *link.Client {
	t.Helper()
	c, err := link.NewClient(link.ClientConfig{
		URL: url, Token: token, Model: codec.Default(), Candidates: policy.CandidateCoder{},
		NewDecoder: func(m codec.Model, a tenbit.Ask) link.Decoder { return policy.NewDecoder(m, a) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func hostileAsk(t *testing.T, id int, tenant, question string) tenbit.Ask {
	t.Helper()
	r, err := tenbit.ParseRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"` + question + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return tenbit.Ask{
		ID: fmt.Sprintf("%032x", id), Tenant: tenbit.TenantID(tenant), Request: r,
		Limit: 1_000_000 * tenbit.Bit, Modes: tenbit.Modes(tenbit.ModeFull, tenbit.ModePlain),
	}
}

// TestTheOriginsCapHoldsAgainstAHostileEdge: an edge that repeats ids, invents
// tenants and never settles gets no bit more than its credential's cap, and
// invented tenants no more than the share of all that are not named.
func TestTheOriginsCapHoldsAgainstAHostileEdge(t *testing.T) {
	const window, ship, others = 4000, 1500, 2000 // bits
	large := fake.NewUpstream(t, says(story))
	token, hash := newKey(t)
	config := originTree(t, large.URL, hash)
	bolt(t, config)
	config["edges"].([]tree)[0]["budget"] = allowance(window, 1000)
	config["edges"].([]tree)[0]["shares"] = []tree{
		{"id": "ship", "windows": []tree{{"bits": ship, "per": "8760h"}}}, {"id": "*", "windows": []tree{{"bits": others, "per": "8760h"}}},
	}
	origin := start(t, "origin", config)
	url := "ws://" + origin.Addr + "/link"
	spent := func() tenbit.Bits { s, held := audit(t, origin.Admin).of(t, "t:edge-1"); return s + held }

	c := hostile(t, url, token)
	first, err := c.Escalate(t.Context(), hostileAsk(t, 1, "ship", "One?"))
	if err != nil || first.Message.Content != story {
		t.Fatalf("got %+v, %v", first, err)
	}
	before, asked := spent(), len(large.Seen())
	for range 3 { // the same id: on this connection, and on others
		for _, by := range []*link.Client{c, hostile(t, url, token)} {
			again, err := by.Escalate(t.Context(), hostileAsk(t, 1, "ship", "One?"))
			if err == nil && again.Message.Content != first.Message.Content {
				t.Errorf("the same ask again: got %+v, want the same reply or a refusal", again)
			}
			other, err := by.Escalate(t.Context(), hostileAsk(t, 1, "ship", "Another?"))
			if err == nil {
				t.Errorf("the same id for another ask: got %+v", other)
			}
		}
	}
	if n := len(large.Seen()) - asked; n != 0 {
		t.Errorf("repeated ids had the large model asked %d times", n)
	}
	t.Logf("one reply took %v bits; repeating its id 12 times cost %v in refusals", before, spent()-before)

	var got, invented tenbit.Bits
	refusals := 0
	for i := 2; refusals < 5 && i < 200; i++ { // until the cap, and beyond
		tenant := []string{"ship", fmt.Sprint("invented-", i), "edge-1/ship", ""}[i%4]
		ctx, cancel := context.WithCancel(t.Context())
		ask := hostileAsk(t, i, tenant, "And now?")
		if i%5 == 0 { // leaves in the middle, and settles nothing
			ask.Sink = func(string) error { cancel(); return errors.New("gone") }
		}
		by := c
		if i%7 == 0 {
			by = hostile(t, url, token)
		}
		reply, err := by.Escalate(ctx, ask)
		cancel()
		if got += reply.Cost.Bits; tenant != "ship" {
			invented += reply.Cost.Bits
		}
		if errors.Is(err, tenbit.ErrOverBudget) {
			refusals++
		} else {
			refusals = 0
		}
	}
	a := audit(t, origin.Admin)
	all, held := a.of(t, "t:edge-1")
	named, _ := a.of(t, "s%3Aedge-1%2Fship")
	rest, _ := a.of(t, "s%3Aedge-1%2F%2A")
	t.Logf("the edge counts %v bits at most, %v of them for invented tenants; the origin has charged %v of %v (ship %v of %v, all others %v of %v)",
		first.Cost.Bits+got, invented, all, window*tenbit.Bit, named, ship*tenbit.Bit, rest, others*tenbit.Bit)
	if all+held > window*tenbit.Bit || named > ship*tenbit.Bit || rest > others*tenbit.Bit || refusals < 5 {
		t.Errorf("the caps do not hold: %d refusals in the end, %v held", refusals, held)
	}
	if rest < others*tenbit.Bit/2 || named == 0 || rest+named != all {
		t.Errorf("charged %v and %v of %v: want both shares used", named, rest, all)
	}
}
