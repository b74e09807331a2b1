package link

import (
	"context"
	"errors"
	"sync"
	"testing"

	"tenbit"
)

// twin makes the same draft of every request.
type twin struct {
	draft tenbit.Message
	cands []tenbit.Candidate
	err   error

	mu      sync.Mutex // guards checked
	checked []bool
}

func (*twin) Fingerprint() uint64 { return 42 }

func (w *twin) Draft(_ context.Context, a tenbit.Ask) (tenbit.Ask, error) {
	a.Draft, a.Candidates = &w.draft, w.cands
	return a, w.err
}

func (w *twin) Checked(same bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checked = append(w.checked, same)
}

// TestTwin: a draft that the twin makes as well stays at home; one that it makes
// otherwise travels, for the price of a symbol.
func TestTwin(t *testing.T) {
	draft := tenbit.Message{Content: "The lamp turns twenty-one times an hour, says the keeper."}
	cands := []tenbit.Candidate{{Answer: "21", Votes: 3}, {Answer: "12", Votes: 1}}
	for _, tt := range []struct {
		name   string
		twin   *twin
		misses int
	}{
		{"the same", &twin{draft: draft, cands: cands}, 0},
		{"another draft", &twin{draft: tenbit.Message{Content: "No."}, cands: cands}, maxTwinMisses},
		{"other votes", &twin{draft: draft, cands: []tenbit.Candidate{{Answer: "21", Votes: 2}, {Answer: "12", Votes: 1}}}, maxTwinMisses},
		{"an error", &twin{draft: draft, cands: cands, err: errors.New("no model")}, maxTwinMisses},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &echo{say: answer("yes")}
			led := &ledger{left: tenbit.MaxBits}
			o := newOrigin(t, h, func(s *ServerConfig) { s.Twin, s.Candidates, s.Ledger = tt.twin, spelt{}, led })
			var told []bool
			c := newClient(t, o.url, func(c *ClientConfig) {
				c.Twin, c.Candidates = 42, spelt{}
				c.Twinned = func(same bool) { told = append(told, same) }
			})
			without := newClient(t, o.url, func(c *ClientConfig) { c.Candidates = spelt{} })
			var sum tenbit.Bits
			for i := range 6 {
				a := newAsk(t, testID(2*i+1), "How often does the lamp turn?")
				a.Draft, a.Candidates = &draft, cands
				r, err := c.Escalate(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				a.ID = testID(2*i + 2)
				full, err := without.Escalate(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				want := full.Cost.Bits
				if i < tt.misses {
					want += ErrorPrice
				}
				if r.Cost.Bits != want {
					t.Errorf("ask %d: %v, want %v", i, r.Cost.Bits, want)
				}
				if sum += r.Cost.Bits + full.Cost.Bits; led.spent() != sum {
					t.Errorf("ask %d: the origin's ledger has %v, the edge %v", i, led.spent(), sum)
				}
				if i > 0 && tt.misses == 0 && r.Cost.WireUp >= full.Cost.WireUp {
					t.Errorf("ask %d: %d bytes up, %d with the draft", i, r.Cost.WireUp, full.Cost.WireUp)
				}
				got := h.asks[len(h.asks)-2]
				if got.Draft == nil || got.Draft.Content != draft.Content || len(got.Candidates) != 2 {
					t.Errorf("ask %d: the origin has %+v", i, got.Draft)
				}
			}
			if tt.misses > 0 && (len(told) != tt.misses || len(tt.twin.checked) != tt.misses || told[0] || tt.twin.checked[0]) {
				t.Errorf("told %v, checked %v", told, tt.twin.checked)
			}
			if tt.misses == 0 && (len(told) != 6 || !told[5]) {
				t.Errorf("told %v", told)
			}
		})
	}
}

// TestAnotherTwin: an origin with another small model is not asked to use it, and
// both ends count that.
func TestAnotherTwin(t *testing.T) {
	w := &twin{}
	o := newOrigin(t, &echo{say: answer("yes")}, func(s *ServerConfig) { s.Twin = w })
	var told []bool
	c := newClient(t, o.url, func(c *ClientConfig) { c.Twin, c.Twinned = 41, func(same bool) { told = append(told, same) } })
	a := newAsk(t, testID(1), "How often does the lamp turn?")
	a.Draft = &tenbit.Message{Content: "Often."}
	if r, err := c.Escalate(t.Context(), a); err != nil || r.Message.Content != "yes" || len(w.checked) != 1 || w.checked[0] || len(told) != 1 || told[0] {
		t.Errorf("got %v, %v, the twin was told %v, the edge %v; want one difference each", r, err, w.checked, told)
	}
}
