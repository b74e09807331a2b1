package policy

import (
	"regexp"
	"slices"
	"strings"
)

// vocabulary expects the words of the question, and the days or months where it
// names one.
type vocabulary []string

const maxVocabulary = 200

var (
	wordRun  = regexp.MustCompile(`[A-Za-z]{2,}`)
	weekdays = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
	months   = strings.Fields("January February March April May June July August September October November December")
)

func newVocabulary(g *guess) vocabulary {
	var v vocabulary
	all := wordRun.FindAllString(g.question, -1)
	for _, c := range g.candidates {
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

func (v vocabulary) next(so []byte) []uint64 {
	i := len(so)
	for i > 0 && letter(so[i-1]) {
		i--
	}
	begun := string(so[i:])
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
		return level
	}
	// Behind a word comes no letter; which sign, others know better.
	const signs = termSymbols - 2*26
	for sym := range counts {
		counts[sym] = counts[sym] << termBits / (n + whole)
		if sym == termEnd || !letter(byte(sym)) {
			counts[sym] += whole << termBits / (n + whole) / signs
		}
	}
	return counts
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// shape expects digits and signs where the leading candidate has them, and the
// end where it ends; of an object, as long as the answer equals it, the same
// letters and digits.
type shape string

func (s shape) next(so []byte) []uint64 {
	if len(so) > len(s) || s == "" {
		return level
	}
	for i := range len(so) {
		if digit(so[i]) != digit(s[i]) || letter(so[i]) != letter(s[i]) {
			return level
		}
	}
	q := make([]uint64, termSymbols)
	const sure = 1 << termBits / 16 * 15
	at := len(so)
	follows := s[0] == '{' && string(so) == string(s[:at])
	switch {
	case at == len(s):
		q[termEnd] = sure
	case letter(s[at]) && !follows:
		return level
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
	for sym, o := range level {
		q[sym] += o / 16
	}
	return q
}

func digit(b byte) bool { return b >= '0' && b <= '9' }
