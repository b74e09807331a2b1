package cache

import (
	_ "embed"
	"slices"
	"strings"
)

// Guard compares two questions and names what keeps one's answer from being the
// other's: a number, a negation, a name, a unit, an identifier of code, a word
// and its opposite, a direction, what kind of thing is asked for, or that they
// share no subject. Empty: nothing that can
// be seen in the words. It errs to the safe side: some that mean the same are
// told apart, those that a guard lets pass are still to be judged.
func Guard(a, b Features) string {
	switch {
	case a.Language != b.Language:
		return "language"
	case !slices.Equal(numbers(a), numbers(b)):
		return "number"
	case !slices.Equal(a.quantities, b.quantities), !slices.Equal(slices.Compact(slices.Clone(a.units)), slices.Compact(slices.Clone(b.units))):
		return "unit"
	case a.negations != b.negations:
		return "negation"
	case !sameInOrder(a.names, b.names, a.words, b.words):
		return "name"
	case !sameInOrder(a.identifiers, b.identifiers, a.marks, b.marks):
		return "identifier"
	case len(a.asks) > 0 && len(b.asks) > 0 && !overlap(a.asks, b.asks):
		return "asks"
	case turnedRound(a.after, b.after):
		return "direction"
	case contrary(a.words, b.words):
		return "opposite"
	case !related(a, b):
		return "subject"
	}
	return ""
}

// turnedRound reports a word of [leading] that both have, once, before different
// words.
func turnedRound(a, b []string) bool {
	objects := func(after []string, lead string) (out []string) {
		for _, s := range after {
			if l, o, _ := strings.Cut(s, " "); l == lead {
				out = append(out, stem(o))
			}
		}
		return out
	}
	for lead := range leading {
		x, y := objects(a, lead), objects(b, lead)
		if len(x) == 1 && len(y) == 1 && x[0] != y[0] {
			return true
		}
	}
	return false
}

// related reports questions that share a fourth of what they speak of, the
// shorter one's. Of scripts without spaces it can't be seen.
func related(a, b Features) bool {
	if slices.Contains([]string{"chinese", "japanese", "thai"}, a.Language) {
		return true
	}
	x, y := subjects(a), subjects(b)
	shared := 0
	for s := range x {
		if y[s] {
			shared++
		}
	}
	least := min(len(x), len(y))
	return least == 0 || 4*shared >= least
}

// subjects are the beginnings of a question's words that are no small ones, no
// numbers and no units.
func subjects(f Features) map[string]bool {
	m := map[string]bool{}
	for _, w := range f.words {
		if _, _, number := numberOf(w); len(speaks[w]) == 0 && unitAfter(w) == "" && !number {
			m[stem(w)] = true
		}
	}
	return m
}

// stem is a word's beginning, which most of its forms share.
func stem(w string) string {
	rs := []rune(w)
	return string(rs[:min(len(rs), 4)])
}

// numbers are the numbers of a question, in order.
func numbers(f Features) (out []string) {
	for _, q := range f.quantities {
		n, _, _ := strings.Cut(q, " ")
		out = append(out, n)
	}
	return out
}

// sameInOrder reports whether what either text marks as special stands in both,
// each at its first place in the same order: "from Rome to Oslo" is not "from
// Oslo to Rome". One of the texts may not mark it: many people write no capitals.
func sameInOrder(a, b, inA, inB []string) bool {
	special := map[string]bool{}
	for _, s := range slices.Concat(a, b) {
		special[s] = true
	}
	return len(special) == 0 || slices.Equal(firsts(inA, special), firsts(inB, special)) && len(firsts(inA, special)) == len(special)
}

// firsts are the special words of a text, each at its first place.
func firsts(words []string, special map[string]bool) (out []string) {
	for _, w := range words {
		if special[w] && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// negates reports a word that turns a question round.
func negates(w string) bool {
	return negations[w] || strings.HasSuffix(w, "n't")
}

// negations are words of the languages that [Language] knows, and English ones
// that leave the apostrophe out. "no" and "non" are in several of them.
var negations = set(`not no never none nobody nowhere nothing neither nor cannot cant dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt
	hasnt havent hadnt aint without except excluding unless unable impossible fail fails failed failing hardly avoid avoids avoiding prevent prevents preventing lacks lacking
	nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder außer
	pas jamais rien aucun aucune sans personne ni non
	sin nunca jamás nada nadie ningún ninguna ninguno tampoco
	mai senza niente nessuno nessuna neanche
	não nunca sem nenhum nenhuma ninguém
	niet geen nooit niemand zonder
	не нет без никогда ничего никто нельзя ни`)

//go:embed opposites.txt
var oppositesFile string

// opposites are, for each word, the words that cannot stand for it.
var opposites = func() map[string]map[string]bool {
	m := map[string]map[string]bool{}
	for line := range strings.Lines(oppositesFile) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		sides := strings.Split(strings.TrimSpace(line), "|")
		for i, side := range sides {
			for _, w := range strings.Fields(side) {
				if m[w] == nil {
					m[w] = map[string]bool{}
				}
				for j, other := range sides {
					for _, o := range strings.Fields(other) {
						m[w][o] = m[w][o] || i != j
					}
				}
			}
		}
	}
	return m
}()

// contrary reports a word of one text whose opposite stands in the other, where
// neither has both.
func contrary(a, b []string) bool {
	inA, inB := setOf(a), setOf(b)
	for w := range inA {
		if inB[w] {
			continue
		}
		for o := range inB {
			if !inA[o] && (opposites[w][o] || turned(w, o) || turned(o, w)) {
				return true
			}
		}
	}
	return false
}

func setOf(words []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

// turned reports a word that is another one with a syllable that turns it round.
func turned(w, o string) bool {
	if len(w) < 3 {
		return false
	}
	for _, p := range []string{"un", "in", "im", "ir", "il", "dis", "non", "non-", "de", "anti", "anti-", "mis"} {
		if o == p+w {
			return true
		}
	}
	return strings.HasSuffix(w, "ful") && o == strings.TrimSuffix(w, "ful")+"less"
}
