package policy

import (
	"testing"

	"tenbit"
)

func TestWorth(t *testing.T) {
	for _, tt := range []struct {
		name       string
		price      Price
		sure, left float64
		want       tenbit.Bits
	}{
		{"no price", Price{}, 0.99, 0.01, tenbit.MaxBits},
		{"half sure", Price{Answer: 1000}, 0.5, 1, 500},
		{"sure", Price{Answer: 1000}, 1, 1, 0},
		{"a large model that is no better", Price{Answer: 1000, Large: 0.7}, 0.8, 1, 0},
		{"a large model that is better", Price{Answer: 1000, Large: 0.75}, 0.5, 1, 250},
		{"half a window", Price{Answer: 1000, Scarcity: 1}, 0.5, 0.5, 250},
		{"half a window, squared", Price{Answer: 1000, Scarcity: 2}, 0.5, 0.5, 125},
		{"half a window that nobody minds", Price{Answer: 1000}, 0.5, 0.5, 500},
		{"nothing left", Price{Answer: 1000, Scarcity: 1}, 0, 0, 0},
		{"more than all left", Price{Answer: 1000, Scarcity: 1}, 0.5, 7, 500},
	} {
		if got := tt.price.Worth(tt.sure, tt.left); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestExpected: what a reply is expected to take is about what replies take: near
// nothing where all agree, more where votes split, most where a text must cross.
func TestExpected(t *testing.T) {
	ask := func(modes tenbit.ModeSet, limit tenbit.Bits, draft int, votes ...int) tenbit.Ask {
		a := tenbit.Ask{Request: request(t, "How many ships sail?"), Modes: modes, Limit: limit}
		for i, v := range votes {
			a.Candidates = append(a.Candidates, tenbit.Candidate{Answer: []string{"41", "17", "1234567"}[i], Votes: v})
		}
		if draft > 0 {
			a.Request = request(t, "Write about the sea.")
			a.Draft = &tenbit.Message{Content: string(make([]byte, draft))}
		}
		return a
	}
	const wide = 1 << 20 * tenbit.Bit
	for _, tt := range []struct {
		name      string
		ask       tenbit.Ask
		low, high tenbit.Bits
	}{
		{"all agree", ask(allModes, wide, 0, 8), 500, 3500},
		{"split", ask(allModes, wide, 0, 4, 4), 1500, 8000},
		{"one vote", ask(allModes, wide, 0, 1), 1000, 9000},
		{"a short text", ask(allModes, wide, 100), 90 * tenbit.Bit, 200 * tenbit.Bit},
		{"a long text", ask(allModes, wide, 4000), 3000 * tenbit.Bit, 7000 * tenbit.Bit},
		{"a long text under a limit", ask(allModes, 20*tenbit.Bit, 4000), 0, 20 * tenbit.Bit},
		{"questions", ask(tenbit.Modes(tenbit.ModeAccept, tenbit.ModeAsk), 30*tenbit.Bit, 400), 10 * tenbit.Bit, 10 * tenbit.Bit},
		{"a hint", ask(tenbit.Modes(tenbit.ModeAccept, tenbit.ModeHint), 200*tenbit.Bit, 4000), 50 * tenbit.Bit, 200 * tenbit.Bit},
		{"a verdict", ask(tenbit.Modes(tenbit.ModeAccept), 30*tenbit.Bit, 400), 100, 1000},
	} {
		if got := Expected(tt.ask); got < tt.low || got > tt.high {
			t.Errorf("%s: got %v, want %v to %v", tt.name, got, tt.low, tt.high)
		}
	}
	if a, b := Expected(ask(allModes, wide, 0, 8)), Expected(ask(allModes, wide, 0, 4, 4)); a >= b {
		t.Errorf("agreement takes %v, a split %v", a, b)
	}
}
