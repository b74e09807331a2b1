package policy

import (
	"slices"
	"strings"

	"tenbit"
	"tenbit/codec"
)

// guess is what both ends know of a short answer before it is coded, and the
// predictors that follow from it. Each predictor says what it can; a blend with
// trained weights mixes them (see short.go).
type guess struct {
	question   string
	draft      string
	candidates []tenbit.Candidate // with their texts
	none       []string           // what the answer is not
	tight      bool               // hardly more than two digits fit
	learnt     learnt             // from recorded answers
	primed     func() codec.Predictor
}

// newGuess takes what ask says. primed gives the codec's model after the prompt,
// nil where there is none.
func newGuess(ask tenbit.Ask, l learnt, primed func() codec.Predictor) *guess {
	g := &guess{question: tail(ask.Request.Question()), learnt: l, primed: primed, tight: ask.Limit > 0 && ask.Limit <= tenBits}
	if ask.Draft != nil {
		g.draft = tail(ask.Draft.Content)
	}
	for i, c := range ask.Candidates[:min(len(ask.Candidates), maxCandidates)] {
		if c.Hash != 0 {
			continue
		}
		g.candidates = append(g.candidates, c)
		if i == 0 || ask.Modes == 0 || ask.Modes.Has(tenbit.ModeSelect) { // else the answer may be one
			g.none = append(g.none, c.Answer)
		}
	}
	return g
}

// numbers predicts a number in normal form.
func (g *guess) numbers() codec.Predictor {
	p := codec.Predictor(codec.Blend([]codec.Weights{g.learnt.numbers}, g.numberExperts()...))
	if g.tight {
		p = codec.Either(p, codec.Symbols(twoDigits), 1<<16-shareOfTwoDigits)
	}
	return codec.Except(p, g.none)
}

// terms predicts an answer that is neither a number nor a choice.
func (g *guess) terms() codec.Predictor {
	return codec.Except(codec.Blend(g.learnt.sorts[:], g.termExperts()...), g.none)
}

// numberExperts predict a number each in its own way.
func (g *guess) numberExperts() []codec.Predictor {
	known := g.known()
	return []codec.Predictor{
		codec.Symbols(known.next),
		lines(func(so []byte) []uint64 { return g.learnt.counts.odds(so, figuresPrior()) }),
		codec.Symbols(oneOf(known.asked).next),
		codec.Symbols(oneOf(known.reckoned).next),
		codec.Symbols(oneOf(known.led).next),
		codec.Symbols(g.length),
		lines(func(so []byte) []uint64 { return odds2(so, g.said(), level) }),
	}
}

// termExperts predict a term each in its own way. The last two need the model.
func (g *guess) termExperts() []codec.Predictor {
	said, asked := g.said(), []source{newSource(g.question, 1, proseOrder)}
	all := slices.Concat(asked, said)
	if g.draft != "" {
		all = append(all, newSource(g.draft, 1, proseOrder))
	}
	joined := []source{newSource(squeezed(g.question), 1, 0)}
	words := newVocabulary(g)
	var lead shape
	if len(g.candidates) > 0 {
		lead = shape(g.candidates[0].Answer)
	}
	experts := []codec.Predictor{
		lines(func(so []byte) []uint64 { return odds4(so, all, g.learnt.counts.odds(so, termPrior(so))) }),
		lines(func(so []byte) []uint64 { return g.learnt.counts.odds(so, termPrior(so)) }),
		lines(func(so []byte) []uint64 { return odds2(so, asked, level) }),
		lines(func(so []byte) []uint64 { return odds2(so, said, level) }),
		lines(func(so []byte) []uint64 { return odds2(so, joined, level) }),
		codec.Symbols(words.next),
		codec.Symbols(lead.next),
	}
	if g.primed != nil {
		p := g.primed()
		for _, c := range g.candidates[max(0, len(g.candidates)-maxPrimed):] {
			codec.Prime(p, []byte("\nThe answer is: "+c.Answer))
		}
		codec.Prime(p, []byte("\nThe answer is: "))
		experts = append(experts, codec.Fork(p), codec.Unspaced(p))
	}
	return experts
}

// maxPrimed bounds the candidates that prime the codec's model.
const maxPrimed = 16

// said are the candidates as sources.
func (g *guess) said() []source {
	var s []source
	for _, c := range g.candidates {
		s = append(s, newSource(c.Answer, 2, 0))
	}
	return s
}

// others are those of vs that are no candidate's.
func (g *guess) others(vs []string) []string {
	return slices.DeleteFunc(slices.Clone(vs), func(v string) bool { return slices.Contains(g.none, v) })
}

// led are the numbers that a number of the question, or one of those that
// problems turn on, makes with a candidate: a step too many, or one too few.
func (g *guess) led(asked []string) []string {
	var out []string
	for _, c := range g.candidates {
		if kindOf(c.Answer) != KindNumber {
			continue
		}
		for _, f := range slices.Concat(asked, []string{"2", "1", "100", "10"}) {
			out = append(out, reckon([]string{strings.TrimPrefix(c.Answer, "-"), f})...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// known are the numbers that both ends know of.
func (g *guess) known() numbers {
	asked := figures(g.question, maxAsked)
	return newNumbers(g, g.others(asked), g.others(reckon(asked)), g.others(g.led(asked)))
}

// twoDigits expects each number from 0 to 99 alike.
func twoDigits(so []byte) []uint64 {
	p := make([]uint64, termSymbols)
	switch {
	case len(so) == 0:
		p['0'] = 1
		for d := '1'; d <= '9'; d++ {
			p[d] = 11
		}
	case len(so) == 1 && so[0] != '0':
		for d := '0'; d <= '9'; d++ {
			p[d] = 1
		}
		p[termEnd] = 1
	default:
		p[termEnd] = 1
	}
	return p
}

// shareOfTwoDigits lets each of them fit into nine bits, in 1/65536.
const shareOfTwoDigits = 15000

// length expects as many digits as the candidates have.
func (g *guess) length(so []byte) []uint64 {
	digits := len(so)
	if digits > 0 && so[0] == '-' {
		digits--
	}
	on, end := uint64(1), uint64(1)
	for _, c := range g.candidates {
		if kindOf(c.Answer) != KindNumber {
			continue
		}
		switch n := len(strings.TrimPrefix(c.Answer, "-")); {
		case n == digits:
			end += 4 * uint64(max(c.Votes, 1))
		case n > digits:
			on += 4 * uint64(max(c.Votes, 1))
		}
	}
	p := slices.Repeat([]uint64{4}, termSymbols)
	for d := '0'; d <= '9'; d++ {
		p[d] += on << 20 / (on + end) / 10
	}
	p[termEnd] += end << 20 / (on + end)
	return p
}

// lines is a predictor from what follows a newline and the text so far.
func lines(next func(so []byte) []uint64) codec.Predictor {
	return codec.Symbols(func(so []byte) []uint64 { return next(append([]byte{'\n'}, so...)) })
}

// level says nothing of what comes next.
var level = slices.Repeat([]uint64{1 << termBits / termSymbols}, termSymbols)
