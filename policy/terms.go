package policy

import (
	"bytes"
	"errors"

	"tenbit"
)

// terms codes a short answer that is neither a number nor a choice: a formula,
// a literal, a name. It is PPM with interpolation (Witten and Bell 1991) over
// what both ends hold: an answer of a few characters is over before an adaptive
// text model has learnt anything.
type terms struct {
	sources []source
	experts []expert
	priors  [2][]uint64 // odds of the next symbol without a context, in 2^-termBits: outside words, inside
}

// source is a text to learn from. A newline in it ends an answer, and one
// stands before its first byte.
type source struct {
	text   []byte
	weight uint64 // of each occurrence
	from   int    // the shortest context that counts: prose says little about formulas
}

const (
	termSymbols = 257 // bytes and the end
	termEnd     = 256
	termBits    = 32
	maxOrder    = 6
	proseOrder  = 2 // shortest context that counts in the question and the draft
)

func newTerms(ask tenbit.Ask) terms {
	t := terms{priors: [2][]uint64{termPrior(false), termPrior(true)}}
	add := func(text string, weight uint64, from int) {
		t.sources = append(t.sources, source{[]byte("\n" + tail(text) + "\n"), weight, from})
	}
	add(ask.Request.Question(), 1, proseOrder)
	if ask.Draft != nil {
		add(ask.Draft.Content, 1, proseOrder)
	}
	for _, c := range ask.Candidates[:min(len(ask.Candidates), maxCandidates)] {
		if c.Hash == 0 {
			add(c.Answer, 2, 0)
		}
	}
	t.experts = newExperts(ask)
	return t
}

// code walks over the answer a, which holds no newline.
func (t terms) code(c coder, a string) (string, error) {
	out := []byte{'\n'}
	mix := newPanel(t.experts)
	for i := 0; ; i++ {
		next := termEnd
		if i < len(a) {
			next = int(a[i])
		}
		sym, err := c.symbol(next, spread(mix.odds(string(out[1:]), t.odds(out))))
		switch {
		case err != nil:
			return "", err
		case sym == termEnd:
			return string(out[1:]), nil
		case i == maxAnswer:
			return "", errors.New("answer without an end")
		}
		mix.learn(sym)
		out = append(out, byte(sym))
	}
}

// odds of the next symbol after so. From the prior up, the counts behind each
// longer context are mixed with what the shorter ones say.
func (t terms) odds(so []byte) []uint64 {
	prior := t.priors[0]
	if last := so[len(so)-1]; last >= 'a' && last <= 'z' {
		prior = t.priors[1]
	}
	p := shortOdds(so, prior)
	for order := 0; order <= min(maxOrder, len(so)); order++ {
		var counts [termSymbols]uint64
		for _, s := range t.sources {
			if order >= s.from {
				s.count(so[len(so)-order:], &counts)
			}
		}
		var n, distinct uint64
		for _, c := range counts {
			if n += c; c > 0 {
				distinct++
			}
		}
		if n == 0 {
			continue
		}
		// Escapes weigh four times as in Witten-Bell's method, since the answer is
		// none of the candidates. n and distinct stay under 2^24, so the sums fit.
		distinct *= 4
		for i := range p {
			p[i] = (counts[i]<<termBits + distinct*p[i]) / (n + distinct)
		}
	}
	return p
}

// count adds what follows context in the source.
func (s source) count(context []byte, counts *[termSymbols]uint64) {
	for at := 0; ; at++ {
		i := bytes.Index(s.text[at:], context)
		if at += i; i < 0 || at+len(context) >= len(s.text) {
			return
		}
		if b := s.text[at+len(context)]; b == '\n' {
			counts[termEnd] += s.weight
		} else {
			counts[b] += s.weight
		}
	}
}

// english is how often each letter from a to z occurs in English prose, per mille.
var english = [26]uint64{82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1}

// termPrior is what short answers are written in: digits, signs and brackets,
// letters, then everything else. Behind a lower-case letter comes a word.
func termPrior(word bool) []uint64 {
	p := make([]uint64, termSymbols)
	var sum uint64
	for i := range p {
		switch c := byte(i); {
		case i == termEnd:
			p[i] = 120
		case c == '\n':
			p[i] = 1
		case c >= 'a' && c <= 'z' && word:
			p[i] = 8 + english[c-'a']*3
		case c >= 'a' && c <= 'z':
			p[i] = 8 + english[c-'a']/4
		case c >= '0' && c <= '9':
			p[i] = 40
		case bytes.IndexByte([]byte("()+-*/^,. '[]"), c) >= 0:
			p[i] = 30
		case c >= 'A' && c <= 'Z':
			p[i] = 6
		case c > ' ' && c < 0x7f:
			p[i] = 4
		default:
			p[i] = 1
		}
		sum += p[i]
	}
	for i := range p {
		p[i] = p[i] << termBits / sum
	}
	return p
}
