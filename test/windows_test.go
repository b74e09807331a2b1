package test

import (
	"math"
	"net/http"
	"testing"

	"tenbit/internal/fake"
)

// TestWindows limits what is not bits: asks, bytes up, and money at worst, each
// of which is reserved before anything is asked. Eight ask at once, and nobody
// has settled before all have tried.
func TestWindows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		window tree
		bought int // with what one ask may take at worst
	}{
		{"escalations", tree{"escalations": 3}, 3},
		{"bytes up", tree{"up_bytes": 40_000}, 2},    // twice a round: some bytes and 8 KiB
		{"money at worst", tree{"money": 0.0400}, 2}, // a token for each of those, and 1000 for the answer
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := gather{make(chan struct{})}
			d := deploy(t, says("It is dark."), g.script, func(edge, _ tree) {
				tt.window["per"] = "8760h"
				onlyFull(edge)
				edge.set("remote.price", tree{"input": 1, "output": 1, "max_output": 1000})
				edge["tenants"].([]tree)[0]["budget"] = tree{"windows": []tree{{"bits": budget, "per": "8760h"}, tt.window}, "per_request": 1000}
			})
			answers := make(chan answer, 8)
			for range 8 {
				go func() { answers <- d.post(t, fresh(open, false)) }()
			}
			for range 8 - tt.bought {
				if a := await(t, "a local answer", answers); a.Meter.Degraded != "over budget" || a.Meter.Bits != 0 {
					t.Errorf("got %d, %+v, want a local answer, marked", a.Status, a.Meter)
				}
			}
			close(g.free)
			var up int64
			for range tt.bought {
				a := await(t, "a bought answer", answers)
				if up += a.Meter.WireUp; a.Text != story {
					t.Errorf("got %d, %+v, %.300s; want the story", a.Status, a.Meter, a.Body)
				}
			}
			if n := len(d.Large.Seen()); n != tt.bought {
				t.Errorf("%d escalated, want %d", n, tt.bought)
			}
			// What is charged is what it took: tokens as the large model counts them.
			b := fake.Answers(story)
			money := float64(tt.bought*(b.Prompt+b.Tokens)) / 1e6
			got := audit(t, d.Edge.Admin).Accounts[0].Spent
			if got.Escalations != int64(tt.bought) || got.UpBytes != up || math.Abs(got.Money-money) > 1e-9 {
				t.Errorf("the journal says %+v, want %d asks, %d bytes up, %.6f", got, tt.bought, up, money)
			}
			t.Logf("8 asked at once, %d escalated; charged: %+v", tt.bought, got)
		})
	}
}

// TestLimitsOfATenant bound its requests in a span and at the same time; what an
// operator changes is in force for the next request.
func TestLimitsOfATenant(t *testing.T) {
	gate := make(chan struct{})
	d := deploy(t, func(fake.Received) fake.Behaviour {
		b := fake.Answers("It is dark.")
		b.Gate = gate
		return b
	}, says(story), func(edge, _ tree) {
		edge["tenants"].([]tree)[0].set("limits", tree{"active": 2})
	})
	ask := func() answer { return d.post(t, fresh(open, false), "x-tenbit-max-bits", "0") }
	refused := func(a answer) bool {
		return a.Status == http.StatusTooManyRequests && a.Error != nil && a.Error.Code == "rate_limit_exceeded" && a.Header.Get("Retry-After") != ""
	}
	answers := make(chan answer, 2)
	for range 2 {
		go func() { answers <- ask() }()
	}
	d.eventually(t, "two requests", func() bool { return len(d.Local.Seen()) == 2 })
	if a := ask(); !refused(a) {
		t.Errorf("a third at the same time: got %d, %.300s", a.Status, a.Body)
	}
	close(gate)
	for range 2 {
		if a := await(t, "an answer", answers); a.Status != http.StatusOK {
			t.Errorf("got %d, %.300s", a.Status, a.Body)
		}
	}
	admin := d.Edge.Admin[len("http://"):]
	if _, errs, code := once(t, "", "tenant", "set", "ship", "-requests", "3", "-per", "8760h", "-active", "0", "-admin", admin); code != 0 {
		t.Fatal(errs)
	}
	ok := 0
	for range 5 { // the two before may count, too
		if a := ask(); a.Status == http.StatusOK {
			ok++
		} else if !refused(a) {
			t.Errorf("got %d, %.300s", a.Status, a.Body)
		}
	}
	if ok > 3 || ok == 0 {
		t.Errorf("%d of 5 were answered, want at most 3", ok)
	}
}

// TestOnEmpty changes what happens when nothing is left, at once.
func TestOnEmpty(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) { onlyFull(edge); setWindow(edge, 1, 1000) })
	for _, tt := range []struct {
		say    string
		status int
	}{{"local", http.StatusOK}, {"reject", http.StatusTooManyRequests}, {"local", http.StatusOK}} {
		if _, errs, code := once(t, "", "tenant", "set", "ship", "-on-empty", tt.say, "-admin", d.Edge.Admin[len("http://"):]); code != 0 {
			t.Fatal(errs)
		}
		a := d.post(t, fresh(open, false))
		marked := a.Text == "It is dark." && a.Meter.Degraded == "over budget"
		if a.Status != tt.status || a.Status == http.StatusOK != marked || !marked && (a.Error == nil || a.Error.Code != "insufficient_quota") {
			t.Errorf("%s: got %d, %+v, %.300s", tt.say, a.Status, a.Meter, a.Body)
		}
	}
}
