package policy

import (
	"regexp"
	"slices"
	"strings"

	"tenbit"
)

// An expert knows something about short answers that a count of characters
// doesn't show. Given the answer so far and what [terms] expects next, in
// 2^-termBits, it says what it expects; what it has no opinion on is left as it was.
type expert interface {
	expect(so string, p []uint64) []uint64
}

func newExperts(ask tenbit.Ask) []expert {
	experts := []expert{newVocabulary(ask)}
	if len(ask.Candidates) > 0 {
		experts = append(experts, shape(ask.Candidates[0].Answer))
	}
	return experts
}

// panel mixes experts by how well they have done in this answer.
type panel struct {
	experts []expert
	weights []uint64   // of what the terms expect, then of each expert; they sum to about 2^weightBits
	said    [][]uint64 // what each expects next
}

const (
	weightBits = 16
	leastShare = 1 << (weightBits - 6) // of any weight, so that an expert can come back
)

func newPanel(experts []expert) *panel {
	m := &panel{experts: experts, weights: make([]uint64, 1+len(experts)), said: make([][]uint64, 1+len(experts))}
	m.weights[0] = 1 << weightBits / 2
	for i := range experts {
		m.weights[i+1] = 1 << weightBits / 2 / uint64(len(experts))
	}
	return m
}

func (m *panel) odds(so string, p []uint64) []uint64 {
	m.said[0] = p
	for i, e := range m.experts {
		m.said[i+1] = e.expect(so, p)
	}
	mixed := make([]uint64, len(p))
	for i, said := range m.said {
		for sym, v := range said {
			mixed[sym] += v * m.weights[i] >> weightBits
		}
	}
	return mixed
}

func (m *panel) learn(sym int) {
	var sum uint64
	for i, said := range m.said {
		m.weights[i] = max(m.weights[i]*said[sym]>>weightBits, 1) // under 2^33
		sum += m.weights[i]
	}
	for i := range m.weights {
		m.weights[i] = max(m.weights[i]<<weightBits/sum, leastShare)
	}
}

// vocabulary expects the words of the question, and the days or months where it
// names one.
type vocabulary []string

const maxVocabulary = 200

var (
	wordRun  = regexp.MustCompile(`[A-Za-z]{2,}`)
	weekdays = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
	months   = strings.Fields("January February March April May June July August September October November December")
)

func newVocabulary(ask tenbit.Ask) vocabulary {
	var v vocabulary
	all := wordRun.FindAllString(tail(ask.Request.Question()), -1)
	for _, c := range ask.Candidates[:min(len(ask.Candidates), maxCandidates)] {
		all = append(all, wordRun.FindAllString(c.Answer, -1)...)
	}
	for _, w := range all[max(0, len(all)-maxVocabulary):] {
		if !slices.Contains(v, w) {
			v = append(v, w)
		}
	}
	for _, list := range [][]string{weekdays, months} {
		if slices.ContainsFunc(v, func(w string) bool { return slices.Contains(list, w) }) {
			for _, w := range list {
				if !slices.Contains(v, w) {
					v = append(v, w)
				}
				v = append(v, w, w, w) // a question that names one asks for one
			}
		}
	}
	return v
}

func (v vocabulary) expect(so string, p []uint64) []uint64 {
	i := len(so)
	for i > 0 && letter(so[i-1]) {
		i--
	}
	begun := so[i:]
	counts := make([]uint64, termSymbols)
	var n, whole uint64
	for _, w := range v {
		switch {
		case w == begun:
			whole++
		case strings.HasPrefix(w, begun):
			counts[w[len(begun)]]++
			n++
		}
	}
	if n+whole == 0 {
		return p
	}
	// Behind a word comes no letter; which sign, the terms know better.
	var other uint64
	for sym, o := range p {
		if sym == termEnd || !letter(byte(sym)) {
			other += o
		}
	}
	q := make([]uint64, termSymbols)
	for sym, o := range p {
		q[sym] = counts[sym] << termBits / (n + whole)
		if whole > 0 && other > 0 && (sym == termEnd || !letter(byte(sym))) {
			q[sym] += (o << (64 - termBits - 1) / other) * whole / (n + whole) << 1
		}
	}
	return q
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// shape expects digits and signs where the leading candidate has them, and the
// end where it ends; of an object, as long as the answer equals it, the same
// letters and digits.
type shape string

func (s shape) expect(so string, p []uint64) []uint64 {
	if len(so) > len(s) || s == "" {
		return p
	}
	for i := range len(so) {
		if digit(so[i]) != digit(s[i]) || letter(so[i]) != letter(s[i]) {
			return p
		}
	}
	q := make([]uint64, termSymbols)
	const sure = 1 << termBits / 16 * 15
	at := len(so)
	follows := s[0] == '{' && so == string(s[:at])
	switch {
	case at == len(s):
		q[termEnd] = sure
	case letter(s[at]) && !follows:
		return p
	case digit(s[at]):
		each := uint64(sure / 10)
		if follows {
			each /= 2
			q[s[at]] = sure / 2
		}
		for d := byte('0'); d <= '9'; d++ {
			q[d] += each
		}
	default:
		q[s[at]] = sure
	}
	for sym, o := range p {
		q[sym] += o / 16
	}
	return q
}

func digit(b byte) bool { return b >= '0' && b <= '9' }
