package policy

import (
	"math"

	"tenbit"
	"tenbit/codec"
)

// Price says what bits must bring: the far side is asked while what it would
// add to the probability of a right answer is worth the bits it would take. The
// zero value asks whatever it takes.
type Price struct {
	// Answer is what one more right answer is worth while the tenant's windows
	// are full, in bits; 0: whatever it takes.
	Answer tenbit.Bits
	// Large is how likely the large model is right, 0 to 1; 0 is 1.
	Large float64
	// Scarcity is how fast the worth falls as the tenant's windows empty: with
	// the share that is left, to this power. 0: not at all.
	Scarcity float64
}

// Worth is the most bits that a question is worth whose draft has this
// confidence, when this share of the tightest window is left:
// (large - confidence) × answer × left^scarcity, rounded down, and not negative.
func (p Price) Worth(confidence, left float64) tenbit.Bits {
	if p.Answer <= 0 {
		return tenbit.MaxBits
	}
	large := p.Large
	if large == 0 {
		large = 1
	}
	gain := max(large-confidence, 0)
	return tenbit.Bits(gain * float64(p.Answer) * math.Pow(max(0, min(left, 1)), p.Scarcity))
}

// Expected is how many bits a reply to ask takes on average, where the odds of
// the modes are right: the sum over them of probability times price. A text's
// price is judged by its length; an answer's by the leading candidate's; full
// and plain replies to closed questions are left out, being exceptions. Never
// more than the limit.
func Expected(ask tenbit.Ask) tenbit.Bits {
	s := newScene(codec.Default(), ask)
	if Asks(ask) { // the questions are still to be written: about a bit each
		return min(tenbit.Bits(maxQuestions)*tenbit.Bit, ask.Limit)
	}
	sum, total := 0.0, 0.0
	for i, m := range s.odds.modes {
		if s.closed && (m == tenbit.ModeFull || m == tenbit.ModePlain) {
			continue
		}
		f := float64(s.odds.freqs[i])
		sum += f * s.guess(m)
		total += f
	}
	bits := (sum + weighed(s.odds.freqs)) / max(total, 1)
	return min(tenbit.Bits(bits*float64(tenbit.Bit)), ask.Limit)
}

// guess is about how many bits the payload of a mode takes.
func (s *scene) guess(m tenbit.Mode) float64 {
	switch m {
	case tenbit.ModeSelect:
		var squares []uint64
		sum := 0.0
		for _, v := range s.votes[min(s.first, len(s.votes)):] {
			squares = append(squares, v*v)
		}
		freqs := spread(squares)
		for _, f := range freqs {
			sum += float64(f)
		}
		return weighed(freqs) / max(sum, 1)
	case tenbit.ModeAnswer:
		answer := "100"
		if len(s.ask.Candidates) > 0 && s.ask.Candidates[0].Answer != "" {
			answer = s.ask.Candidates[0].Answer
		}
		e := codec.NewEncoder()
		if _, err := newLiteral(tenbit.Ask{Request: s.ask.Request}, nil, nil).code(writer{e}, answer); err != nil {
			return float64(8 * len(answer))
		}
		return float64(e.Millibits()) / 1000
	case tenbit.ModeFull, tenbit.ModePlain:
		return float64(wholePrice(s.ask)) / 1000
	case tenbit.ModeBrief, tenbit.ModeHint:
		return float64(s.plan.characters(s.ask)) * perCharacter / 1000
	case tenbit.ModeAsk:
		return float64(len(s.ask.Questions))
	}
	return 0
}

// weighed is the sum over frequencies f of f times the bits of a symbol with it.
func weighed(freqs []uint32) (sum float64) {
	total := 0.0
	for _, f := range freqs {
		total += float64(f)
	}
	for _, f := range freqs {
		sum += float64(f) * math.Log2(total/float64(max(f, 1)))
	}
	return sum
}
