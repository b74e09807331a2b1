package policy

import (
	"testing"

	"tenbit"
	"tenbit/codec"
)

// TestHabits: what is always so becomes cheap, what then happens instead stays
// possible, both ends agree, and another tenant's fresh model has not changed.
func TestHabits(t *testing.T) {
	l := NewLearner(codec.Default(), nil)
	ask := tenbit.Ask{
		Request: request(t, "How many legs have three spiders?"), Limit: 1000 * tenbit.Bit, Modes: allModes,
		Candidates: []tenbit.Candidate{{Answer: "24", Votes: 1}},
	}
	price := func(m codec.Model, answer string) (tenbit.Bits, tenbit.Reply) {
		t.Helper()
		c, fits, err := newScene(m, ask).choose(tenbit.Completion{Message: tenbit.Message{Content: "Answer: " + answer}, Finish: tenbit.FinishStop})
		if err != nil || !fits {
			t.Fatal(fits, err)
		}
		return c.bits, c.reply
	}
	m := l.Fresh(learnsHabits)
	fresh, _ := price(m, "24")
	for range 50 {
		_, r := price(m, "24")
		next := l.After(m, ask, r)
		if next.Fingerprint() == m.Fingerprint() {
			t.Fatal("a reply doesn't change the fingerprint")
		}
		m = next
	}
	learnt, _ := price(m, "24")
	if learnt*4 > fresh {
		t.Errorf("accept costs %v, and %v after fifty of them", fresh, learnt)
	}
	if learnt < 10 {
		t.Errorf("accept costs %v, want at least 0.01", learnt)
	}
	if other, r := price(m, "18"); r.Answer != "18" || other > 25*tenbit.Bit {
		t.Errorf("another answer costs %v", other)
	}
	if again, _ := price(l.Fresh(learnsHabits), "24"); again != fresh {
		t.Errorf("a fresh tenant pays %v, want %v", again, fresh)
	}
}

// TestHabitsUnderAnyLimit: whatever was learnt, "cannot say" and a short number
// still fit into ten bits.
func TestHabitsUnderAnyLimit(t *testing.T) {
	l := NewLearner(codec.Default(), nil)
	ask := tenbit.Ask{
		Request: request(t, "How many legs?"), Limit: 10 * tenbit.Bit, Modes: allModes,
		Candidates: []tenbit.Candidate{{Answer: "24", Votes: 3}, {Answer: "8", Votes: 1}},
	}
	m := l.Fresh(learnsHabits)
	for range 2000 {
		m = l.After(m, ask, tenbit.Reply{Mode: tenbit.ModeAccept})
	}
	s := newScene(m, ask)
	for _, r := range []tenbit.Reply{{Mode: tenbit.ModeNone}, {Mode: tenbit.ModeAnswer, Answer: "5"}} {
		if c, err := s.prove(r); err != nil || c.bits > ask.Limit {
			t.Errorf("%v: %v bits, %v", r.Mode, c.bits, err)
		}
	}
}

// TestHabitsOfEveryKind: however long the answers go on to be of every kind,
// they can be coded.
func TestHabitsOfEveryKind(t *testing.T) {
	l := NewLearner(codec.Default(), nil)
	ask := tenbit.Ask{
		Request: request(t, "What is it?"), Limit: 1000 * tenbit.Bit, Modes: allModes,
		Candidates: []tenbit.Candidate{{Answer: "red", Votes: 5}},
	}
	m := l.Fresh(learnsHabits)
	answers := []string{"137", "blue", "B"}
	for n := range 4 * recent {
		m = l.After(m, ask, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: answers[n%len(answers)]})
		if n%500 != 0 {
			continue
		}
		for _, a := range answers {
			if _, err := newScene(m, ask).prove(tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: a}); err != nil {
				t.Fatalf("%q after %d replies: %v", a, n+1, err)
			}
		}
	}
}
