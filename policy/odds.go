package policy

import (
	"tenbit"
	"tenbit/codec"
)

// OddsVersion names the tables below. A peer that names another version gets these.
const OddsVersion = 1

// MinLimit is the least grant that is worth a question: the dearest "cannot
// say" fits in it, so an answer that is too dear can always be refused. The
// ledger should not reserve less.
const MinLimit = 8 * tenbit.Bit

// Below these grants a mode cannot carry anything and leaves the table.
const (
	minFull  = tenbit.Bits(codec.MaxEndMillibits) + cutPrice + 32*tenbit.Bit
	minPlain = 160 * tenbit.Bit // an empty zstd frame is over ten bytes
)

// tight is the grant up to which the odds favour short answers, so that as many
// of them fit as can.
const tight = 14 * tenbit.Bit

// tenBits is the grant up to which numbers of two digits are sure of their room.
const tenBits = 11 * tenbit.Bit

// maxCandidates bounds the candidates that take part, as the link does; the rest
// are as if unseen.
const maxCandidates = 64

// oddsTotal is what the odds of one symbol add up to, about: small ones are
// raised to 1. The coder's bound is 1<<16.
const oddsTotal = 1 << 15

// odds are the modes an Ask allows with their integer frequencies. They depend
// on nothing but the Ask.
type odds struct {
	modes []tenbit.Mode
	freqs []uint32
}

func (o *odds) add(m tenbit.Mode, weight uint64) {
	o.modes = append(o.modes, m)
	o.freqs = append(o.freqs, uint32(max(weight, 1)))
}

// modeOdds is the shipped table. "Cannot say" always has 1/64, so that accept
// never costs under 0.02 bits and none never more than 6.
func modeOdds(ask tenbit.Ask, closed bool, votes []uint64, habits *Habits) odds {
	can := func(m tenbit.Mode) bool { return ask.Modes.Has(m) }
	full := can(tenbit.ModeFull) && ask.Limit >= minFull
	plain := can(tenbit.ModePlain) && ask.Limit >= minPlain
	answer := can(tenbit.ModeAnswer) && !special(ask.Request)
	accept := can(tenbit.ModeAccept) && (ask.Draft != nil || closed)

	var o odds
	o.add(tenbit.ModeNone, oddsTotal/64)
	rest := uint64(oddsTotal - oddsTotal/64)
	if plain {
		o.add(tenbit.ModePlain, oddsTotal/512)
		rest -= oddsTotal / 512
	}
	if !closed {
		if answer {
			part := rest / 64
			if !full { // the one way to say anything but that the draft is right
				part = rest / 2
			}
			o.add(tenbit.ModeAnswer, part)
			rest -= part
		}
		switch {
		case accept && full:
			o.add(tenbit.ModeAccept, rest/4)
			o.add(tenbit.ModeFull, rest-rest/4)
		case accept:
			o.add(tenbit.ModeAccept, rest)
		case full:
			o.add(tenbit.ModeFull, rest)
		}
		return o
	}
	other := tenbit.ModeAnswer // says what no candidate does
	if special(ask.Request) {
		other, answer = tenbit.ModeFull, full
	} else if full {
		o.add(tenbit.ModeFull, oddsTotal/256)
		rest -= oddsTotal / 256
	}
	w := habits.weigh(closedWeights(votes, accept, can(tenbit.ModeSelect), answer))
	if answer && ask.Limit <= tight && kindOf(ask.Candidates[0].Answer) != KindLetter {
		w[2] = max(w[2], w[0]+w[1]) // leaves all bits but one for a short answer
	}
	for i, m := range []tenbit.Mode{tenbit.ModeAccept, tenbit.ModeSelect, other} {
		if w[i] > 0 {
			o.add(m, rest*w[i]/(w[0]+w[1]+w[2]))
		}
	}
	return o
}

// planOdds are those of a plan other than the whole answer: three quarters for
// what was asked for, accept where there is a draft.
func planOdds(ask tenbit.Ask, p plan) odds {
	var o odds
	o.add(tenbit.ModeNone, oddsTotal/64)
	rest := uint64(oddsTotal - oddsTotal/64)
	if p == planCheck { // right or not, and nothing else
		o.freqs[0] += uint32(rest / 4)
		o.add(tenbit.ModeAccept, rest-rest/4)
		return o
	}
	if ask.Modes.Has(tenbit.ModeAccept) && ask.Draft != nil && p != planNeed {
		o.add(tenbit.ModeAccept, rest/4)
		rest -= rest / 4
	}
	o.add(map[plan]tenbit.Mode{planBrief: tenbit.ModeBrief, planHint: tenbit.ModeHint, planAnswer: tenbit.ModeAsk, planNeed: tenbit.ModeAsk}[p], rest)
	return o
}

// closedWeights are the weights of accept, select and answer: a candidate
// weighs the square of its votes, "none of them" as many as there are samples
// and further candidates: the likelier the fewer agree, as in PPM.
func closedWeights(votes []uint64, accept, sel, answer bool) (w [3]uint64) {
	var n uint64
	first := 0
	if accept {
		w[0], first = votes[0]*votes[0], 1
	}
	for i, v := range votes {
		if n += v; i >= first && sel {
			w[1] += v * v
		}
	}
	if !answer {
		return w
	}
	w[2] = n + uint64(len(votes)) - 1
	w[2] = max(w[2], (w[0]+w[1])/255, 1)
	return w
}

// voteWeights are the candidates' votes, at least one each, scaled so that
// their squares sum up without overflow.
func voteWeights(ask tenbit.Ask) []uint64 {
	cs := ask.Candidates[:min(len(ask.Candidates), maxCandidates)]
	most := 1
	for _, c := range cs {
		most = max(most, c.Votes)
	}
	down := most/(1<<16) + 1
	votes := make([]uint64, len(cs))
	for i, c := range cs {
		votes[i] = uint64(max(c.Votes/down, 1))
	}
	return votes
}

// spread turns weights into frequencies of at least one that sum to about oddsTotal.
func spread(weights []uint64) []uint32 {
	var sum uint64
	for _, w := range weights {
		sum += w
	}
	for sum >= 1<<48 { // keep the product below inside 64 bits
		sum = 0
		for i := range weights {
			weights[i] >>= 8
			sum += weights[i]
		}
	}
	freqs := make([]uint32, len(weights))
	for i, w := range weights {
		freqs[i] = uint32(max(w*oddsTotal/max(sum, 1), 1))
	}
	return freqs
}
