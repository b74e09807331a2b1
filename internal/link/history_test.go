package link

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tenbit"
	"tenbit/codec"
)

const learnable = "The keeper of the lamp at Cape Wrath counts twenty-one turns of the prism before he writes the hour into his book. "

// TestHistory: what crossed before is cheap for its tenant and for no other; an
// origin that was restarted has forgotten, and both begin anew.
func TestHistory(t *testing.T) {
	learning := func(s *ServerConfig) { s.Histories = 2 }
	h := &echo{say: answer(learnable)}
	far := newOrigin(t, h, learning)
	n := 0
	ask := func(c *Client, tenant tenbit.TenantID) (bits tenbit.Bits, up int64) {
		t.Helper()
		n++
		a := newAsk(t, testID(n), "What does the keeper of Cape Wrath do at night, before he writes the hour?")
		a.Tenant = tenant
		r, err := c.Escalate(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if r.Message.Content != learnable {
			t.Fatalf("got %q", r.Message.Content)
		}
		return r.Cost.Bits, r.Cost.WireUp
	}
	c := newClient(t, far.url, func(c *ClientConfig) { c.Histories = 2 })
	ask(c, "greeter") // dials
	first, firstUp := ask(c, "a")
	second, secondUp := ask(c, "a")
	if second*3 > first || secondUp >= firstUp {
		t.Errorf("%v and %d bytes, then %v and %d", first, firstUp, second, secondUp)
	}
	if other, _ := ask(c, "b"); other != first {
		t.Errorf("another tenant pays %v, want %v", other, first)
	}
	if got, _ := ask(c, "greeter"); got != first {
		t.Errorf("the third tenant's history was dropped at both ends, and costs %v", got)
	}

	// The origin forgets. One ask is refused and repeated without a model for its
	// texts; the refusal is paid.
	far.edges[0].memories.all = nil
	if got, _ := ask(c, "b"); got != first+ErrorPrice {
		t.Errorf("after the origin forgot: %v, want %v", got, first+ErrorPrice)
	}
	if got, _ := ask(c, "b"); got != first {
		t.Errorf("begun anew: %v, want %v", got, first)
	}
	if got, _ := ask(c, "b"); got*3 > first {
		t.Errorf("learnt again: %v", got)
	}
}

// TestHistoryOff: either end alone changes nothing.
func TestHistoryOff(t *testing.T) {
	for _, tt := range []struct{ edge, origin int }{{0, 4}, {4, 0}} {
		o := newOrigin(t, &echo{say: answer(learnable)}, func(s *ServerConfig) { s.Histories = tt.origin })
		c := newClient(t, o.url, func(c *ClientConfig) { c.Histories = tt.edge })
		var bits [2]tenbit.Bits
		for i := range bits {
			r, err := c.Escalate(t.Context(), newAsk(t, testID(i), "What does the keeper do?"))
			if err != nil {
				t.Fatal(err)
			}
			bits[i] = r.Cost.Bits
		}
		if bits[0] != bits[1] {
			t.Errorf("%+v: %v, then %v", tt, bits[0], bits[1])
		}
	}
}

// TestHistoryAfterFailure: an exchange that the edge didn't get whole is learnt
// by neither end.
func TestHistoryAfterFailure(t *testing.T) {
	o := newOrigin(t, &echo{say: answer(learnable)}, func(s *ServerConfig) { s.Histories = 4 })
	c := newClient(t, o.url, func(c *ClientConfig) { c.Histories = 4 })
	gone := errors.New("client is gone")
	for i := range 6 {
		a := newAsk(t, testID(i), "What does the keeper do?")
		if i%2 == 0 {
			a.Sink = func(string) error { return gone }
		}
		if _, err := c.Escalate(t.Context(), a); err != nil && !errors.Is(err, gone) {
			t.Fatalf("ask %d: %v", i, err)
		}
	}
	if got := o.edges[0].memories.all; len(got) != 1 {
		t.Errorf("%d histories, want one: nothing was out of step", len(got))
	}
}

// TestHistoryAtOnce: requests of one tenant at the same time and two edges with
// one credential.
func TestHistoryAtOnce(t *testing.T) {
	o := newOrigin(t, &echo{say: answer(learnable)}, func(s *ServerConfig) { s.Histories = 8 })
	var wait sync.WaitGroup
	for e := range 2 {
		c := newClient(t, o.url, func(c *ClientConfig) { c.Histories = 3 })
		for w := range 6 {
			wait.Go(func() {
				for i := range 8 {
					a := newAsk(t, fmt.Sprintf("%032x", e<<16|w<<8|i), strings.Repeat("x", i)+" What does the keeper do?")
					a.Tenant = tenbit.TenantID(fmt.Sprint(w % 4))
					if r, err := c.Escalate(t.Context(), a); err != nil || r.Message.Content != learnable {
						t.Errorf("got %q, %v", r.Message.Content, err)
					}
				}
			})
		}
	}
	wait.Wait()
}

// TestHistoryOfLongTexts: what takes too long to learn leaves the history as it was.
func TestHistoryOfLongTexts(t *testing.T) {
	o := newOrigin(t, &echo{say: answer(strings.Repeat(learnable, 700))}, func(s *ServerConfig) { s.Histories = 1 })
	c := newClient(t, o.url, func(c *ClientConfig) { c.Histories = 1 })
	for i := range 2 {
		a := newAsk(t, testID(i), "What does the keeper do?")
		a.Limit = tenbit.MaxBits
		if _, err := c.Escalate(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.pasts.all[0].history.model; got != c.pasts.learner.Fresh(1) {
		t.Errorf("learnt, to %x", got.Fingerprint())
	}
}

// noting is a learner of some forms that counts what it learns.
type noting struct {
	form  uint8
	calls *atomic.Int32
}

// noted is its model.
type noted struct {
	codec.Model
	form   uint8
	learnt int
}

func (n noting) Form() uint8 { return n.form }

func (noting) Fresh(form uint8) codec.Model { return &noted{codec.Default(), form, 0} }

func (n noting) After(m codec.Model, _ tenbit.Ask, _ tenbit.Reply) codec.Model {
	n.calls.Add(1)
	next := *m.(*noted)
	next.learnt++
	return &next
}

// TestHistoryForms: ends that can learn different things learn what both can, and
// the origin has learnt an exchange, and let go of its texts, before the next ask.
func TestHistoryForms(t *testing.T) {
	for _, tt := range []struct{ edge, origin, both uint8 }{
		{3, 3, 3}, {3, 2, 2}, {2, 3, 2}, {2, 2, 2}, {1, 3, 1}, {1, 2, 0}, {2, 1, 0},
	} {
		t.Run(fmt.Sprint(tt.edge, tt.origin), func(t *testing.T) {
			var far atomic.Int32
			o := newOrigin(t, &echo{say: answer(learnable)}, func(s *ServerConfig) { s.Histories, s.Learner = 4, noting{tt.origin, &far} })
			c := newClient(t, o.url, func(c *ClientConfig) { c.Histories, c.Learner = 4, noting{tt.edge, new(atomic.Int32)} })
			const asks = 3
			for i := range asks {
				if _, err := c.Escalate(t.Context(), newAsk(t, testID(i), "What does the keeper do?")); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if err := o.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			kept := c.pasts.all[0].history
			if kept.form != tt.both {
				t.Fatalf("the edge learns form %d, want %d", kept.form, tt.both)
			}
			if tt.both == 0 {
				if n := len(o.edges[0].memories.all); n != 0 {
					t.Errorf("the origin keeps %d histories, want none", n)
				}
				return
			}
			if far.Load() != asks {
				t.Errorf("the origin learnt %d exchanges by itself, want %d", far.Load(), asks)
			}
			m := o.edges[0].memories.all[0]
			if e := kept.model.(*noted); e.form != tt.both || e.learnt != asks {
				t.Errorf("the edge learnt %d exchanges as form %d, want %d as %d", e.learnt, e.form, asks, tt.both)
			}
			if n := m.next().model.(*noted); n.form != tt.both || n.learnt != asks || m.chain != kept.chain {
				t.Errorf("the origin learnt %d exchanges as form %d, want %d as %d", n.learnt, n.form, asks, tt.both)
			}
		})
	}
}
