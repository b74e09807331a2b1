package policy

import (
	"bytes"
	"slices"
)

// source is a text to learn from, a short answer's predecessors by PPM with
// interpolation (Witten and Bell 1991): an answer of a few characters is over
// before an adaptive text model has learnt anything. A newline in it ends an
// answer, and one stands before its first byte.
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

func newSource(text string, weight uint64, from int) source {
	return source{[]byte("\n" + text + "\n"), weight, from}
}

// odds2 and odds4 weigh the next symbol after so, which a newline begins: from p
// up, the counts behind each longer context are mixed with what the shorter ones
// say. An escape weighs two or four times as in Witten-Bell's method.
func odds2(so []byte, sources []source, p []uint64) []uint64 { return interpolate(so, sources, p, 2) }

func odds4(so []byte, sources []source, p []uint64) []uint64 { return interpolate(so, sources, p, 4) }

func interpolate(so []byte, sources []source, p []uint64, escape uint64) []uint64 {
	p = slices.Clone(p)
	for order := 0; order <= min(maxOrder, len(so)); order++ {
		var counts [termSymbols]uint64
		for _, s := range sources {
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
		distinct *= escape // n and distinct stay under 2^24, so the sums fit
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

// termPriors are what short answers are written in without a context, in
// 2^-termBits: digits, signs and brackets, letters, then everything else. Behind
// a lower-case letter, the second, comes a word.
var termPriors = [2][]uint64{newTermPrior(false), newTermPrior(true)}

func termPrior(so []byte) []uint64 {
	if last := so[len(so)-1]; last >= 'a' && last <= 'z' {
		return termPriors[1]
	}
	return termPriors[0]
}

func newTermPrior(word bool) []uint64 {
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
