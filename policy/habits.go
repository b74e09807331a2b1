package policy

import (
	"math/bits"

	"tenbit"
	"tenbit/codec"
)

// Habits are what the replies to one tenant's closed questions were like: how
// often the leading candidate was right where so many votes spoke for it, how
// often another one, and of which kind the answers were that none had. They
// correct the shipped odds. Both ends keep the same, since each whole reply is
// known to both. A value is immutable; the zero value has seen nothing.
type Habits struct {
	version uint64
	lead    [classes]tally // by the shipped odds: was it the leading candidate
	others  [classes]tally // if not: was it another candidate
	kinds   [kinds][kinds]uint16
}

// tally counts two outcomes.
type tally struct{ yes, no uint16 }

const (
	classes = 16
	// trust is how many replies the shipped odds are worth.
	trust = 2
	// recent bounds a tally, and the kinds of answers behind one lead: older
	// replies count for less.
	recent = 1000
)

// class groups odds by their logarithm, two classes for each power of two.
func class(yes, no uint64) int {
	ratio := (yes*4 + 1) * 4 / (no*4 + 1) // in quarters
	square := bits.Len64(ratio*ratio/16) + classes/2 - 3
	if ratio < 4 {
		inverse := (no*4 + 1) * 4 / (yes*4 + 1)
		square = classes/2 - 1 - bits.Len64(inverse*inverse/16)
	}
	return max(0, min(square, classes-1))
}

// correct are odds after what was seen of their class, in 2^-16.
func correct(t *[classes]tally, yes, no uint64) uint64 {
	if yes+no == 0 {
		return 0
	}
	seen := t[class(yes, no)]
	p := yes << 16 / (yes + no)
	p = (uint64(seen.yes)<<16 + trust*p) / (uint64(seen.yes) + uint64(seen.no) + trust)
	return max(1<<9, min(p, 1<<16-1<<9))
}

// weigh corrects the weights of accept, select and answer. Where only one or
// two of them are possible it leaves them as they are.
func (h *Habits) weigh(w [3]uint64) [3]uint64 {
	if h == nil || h.version == 0 || w[0] == 0 || w[2] == 0 {
		return w
	}
	lead := correct(&h.lead, w[0], w[1]+w[2])
	other := correct(&h.others, w[1], w[2])
	rest := 1<<16 - lead
	return [3]uint64{lead << 16, rest * other, rest * (1<<16 - other)}
}

// after are the habits when one more reply is whole.
func (h Habits) after(a tenbit.Ask, r tenbit.Reply) Habits {
	if len(a.Candidates) == 0 || a.Request.Tools || a.Request.JSON || r.Mode == tenbit.ModeNone {
		return h
	}
	w := closedWeights(voteWeights(a), true, true, true)
	count := func(t *tally, yes bool) {
		if yes {
			t.yes++
		} else {
			t.no++
		}
		if t.yes+t.no > recent {
			t.yes, t.no = t.yes/2, t.no/2
		}
	}
	count(&h.lead[class(w[0], w[1]+w[2])], r.Mode == tenbit.ModeAccept)
	if r.Mode != tenbit.ModeAccept {
		count(&h.others[class(w[1], w[2])], r.Mode == tenbit.ModeSelect)
	}
	if r.Mode == tenbit.ModeAnswer {
		seen := &h.kinds[kindOf(a.Candidates[0].Answer)]
		seen[kindOf(r.Answer)]++
		if seen[KindNumber]+seen[KindLetter]+seen[KindText] > recent {
			for i := range seen {
				seen[i] /= 2
			}
		}
	}
	h.version = h.version*0x9e3779b97f4a7c15 + uint64(r.Mode) + 1
	if h.version == 0 {
		h.version = 1
	}
	return h
}

// Experienced is a codec's model together with a tenant's habits. It is a
// [codec.Model], and what [NewDecoder] and [Origin] are given where the ends learn.
type Experienced struct {
	codec.Model
	habits Habits
	form   uint8 // what it learns
}

// Fingerprint tells habits apart, too.
func (e *Experienced) Fingerprint() uint64 { return e.Model.Fingerprint() + e.habits.version }

// The forms of what is learnt, as the link has them.
const (
	learnsTexts  = 1
	learnsHabits = 2
)

// Learner learns habits, and with texts the texts that cross as well. It serves
// both ends of the link.
type Learner struct {
	model codec.Model
	texts texts
}

// texts is a learner of texts.
type texts interface {
	Form() uint8
	Fresh(form uint8) codec.Model
	After(m codec.Model, a tenbit.Ask, r tenbit.Reply) codec.Model
}

// NewLearner learns habits over m, and what t learns where t isn't nil.
func NewLearner(m codec.Model, t texts) *Learner { return &Learner{m, t} }

// Form is 2, and 3 where texts are learnt.
func (l *Learner) Form() uint8 {
	if l.texts != nil {
		return learnsHabits | l.texts.Form()
	}
	return learnsHabits
}

// Fresh has seen nothing, and will learn that part of the form: an end that
// learns texts and one that doesn't have habits in common.
func (l *Learner) Fresh(form uint8) codec.Model {
	if form&learnsTexts != 0 && l.texts != nil {
		return &Experienced{Model: l.texts.Fresh(learnsTexts), form: form}
	}
	return &Experienced{Model: l.model, form: form &^ learnsTexts}
}

// After is m when it has seen a whole reply.
func (l *Learner) After(m codec.Model, a tenbit.Ask, r tenbit.Reply) codec.Model {
	next := *m.(*Experienced)
	if next.form&learnsHabits != 0 {
		next.habits = next.habits.after(a, r)
	}
	if next.form&learnsTexts != 0 {
		next.Model = l.texts.After(next.Model, a, r)
	}
	return &next
}
