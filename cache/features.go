package cache

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Features are what the guards compare of a question.
type Features struct {
	Language    string
	quantities  []string // numbers with their units, in order
	units       []string // that stand alone, sorted
	negations   int
	names       []string // capitalised words that no sentence made so, and acronyms, folded
	identifiers []string // of code, as written
	after       []string // than, from, into, before and after, with what they lead to
	asks        []string // who, when, how long ..., where it says so
	words       []string // all, folded, without possessive endings
	marks       []string // all as written, without punctuation around them
}

// FeaturesOf reads a question.
func FeaturesOf(text string) Features {
	f := Features{Language: Language(text)}
	ts := tokens(text)
	cased := tellsCase(ts)
	for i, t := range ts {
		f.words, f.marks = append(f.words, t.word), append(f.marks, t.mark)
		if negates(t.word) {
			f.negations++
		}
		switch {
		case f.quantity(ts, i):
		case t.code:
			f.identifiers = append(f.identifiers, t.mark)
		case unit(t.word) != "" && !attached(ts, i):
			f.units = append(f.units, unit(t.word))
		case cased && unit(t.word) == "" && named(ts, i):
			f.names = append(f.names, t.word)
		}
		if a := asksFor(ts, i); a != "" {
			f.asks = append(f.asks, a)
		}
		if i > 0 && leading[ts[i-1].word] {
			f.after = append(f.after, ts[i-1].word+" "+object(ts[i:]))
		}
	}
	slices.Sort(f.units)
	return f
}

// asksFor is what kind of thing the word at ts[i] asks for, or "".
func asksFor(ts []token, i int) string {
	w, before := ts[i].word, ""
	if i > 0 {
		before = ts[i-1].word
	}
	switch {
	case asking[w]:
		return w
	case before == "how" && w == "many" && i+1 < len(ts) && unit(ts[i+1].word) != "":
		return "" // how far and how long are asked so, too
	case before == "how":
		return measures[w]
	case (before == "what" || before == "which") && times[w]:
		return "when"
	}
	return ""
}

// leading are words whose object makes the direction: faster than sound.
var leading = set("than from into before after")

// object is the first word of ts that says something.
func object(ts []token) string {
	for _, t := range ts {
		if len(speaks[t.word]) == 0 {
			return t.word
		}
	}
	return ""
}

// times are what is asked for with what or which instead of when.
var times = set("year date day month century decade")

// asking are the words that say what kind of thing is asked for.
var asking = set("who when where why")

// measures are what "how" asks for with the next word.
var measures = map[string]string{
	"many": "count", "much": "count", "long": "length", "far": "distance", "old": "age", "often": "frequency", "tall": "height",
	"high": "height", "deep": "depth", "fast": "speed", "quickly": "speed", "heavy": "weight", "big": "size", "large": "size", "wide": "width", "hot": "heat",
}

// token is a word with what its place tells of it.
type token struct {
	mark  string // as written, without punctuation around it
	word  string // folded, without a possessive ending
	first bool   // of a sentence
	code  bool   // written as code is
}

// tokens are a text's words. Between backquotes stands code.
func tokens(text string) (out []token) {
	first, quoted := true, false
	for _, field := range strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("?!¿¡;\"“”„«»…，。？！、—", r)
	}) {
		opened := quoted || strings.HasPrefix(strings.TrimLeft(field, "(["), "`")
		if strings.Count(field, "`")%2 == 1 {
			quoted = !quoted
		}
		mark := elided.ReplaceAllString(strip(strings.Trim(field, "`")), "")
		ends := strings.HasSuffix(field, ".") || strings.HasSuffix(field, ":")
		if mark == "" {
			first = first || ends
			continue
		}
		out = append(out, token{mark: mark, word: bare(mark), first: first, code: opened || codeLike(mark)})
		first = ends && !abbreviated(mark)
	}
	return out
}

// elided are the French and Italian words that lose their end before a vowel.
var elided = regexp.MustCompile(`^(?i:[dlcjmnst]|qu|dell|nell|all|sull|dall|un)['’]`)

// strip drops the punctuation around a word, not what belongs to it.
func strip(s string) string {
	s = strings.TrimLeft(s, "([{'`*,.:<‘’")
	if strings.HasSuffix(s, "()") {
		return strings.TrimRight(strings.TrimSuffix(s, "()"), "`'*,.:")
	}
	return strings.TrimRight(s, ")]}'`*,.:>‘’")
}

// bare is a word folded, without a possessive ending.
func bare(s string) string {
	s = strings.ReplaceAll(strings.ToLower(s), "’", "'")
	return strings.TrimSuffix(s, "'s")
}

// abbreviated reports a word whose full stop ends no sentence.
func abbreviated(s string) bool {
	return len([]rune(s)) == 1 || slices.Contains([]string{"mr", "mrs", "ms", "dr", "st", "vs", "prof", "no", "e.g", "i.e", "etc"}, strings.ToLower(s))
}

// codeLike reports a word that only code, commands, paths and versions are
// written like.
func codeLike(s string) bool {
	if strings.HasPrefix(s, "-") && len(s) > 1 && !unicode.IsDigit(rune(s[1])) || strings.ContainsAny(s, "_=<>{}[]|\\@#$^*+~") && strings.ContainsFunc(s, unicode.IsLetter) {
		return true
	}
	if strings.ContainsAny(s, "/.:") && strings.ContainsFunc(s, unicode.IsLetter) && !slices.Contains(slashed, strings.ToLower(s)) && !initials(s) {
		return true
	}
	letters, digits, inner, lower := 0, 0, false, false
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
			inner = inner || lower && unicode.IsUpper(r)
		}
		lower = unicode.IsLower(r)
	}
	return inner || letters > 0 && digits > 0
}

// slashed are words with a stroke or full stop in them that are no code.
var slashed = []string{"and/or", "km/h", "m/s", "a.m", "p.m", "e.g", "i.e", "u.s", "w/o", "n/a"}

// initials reports letters with full stops between them: U.S.A, J.R.R.
func initials(s string) bool {
	for i, r := range []rune(s) {
		if i%2 == 0 && !unicode.IsLetter(r) || i%2 == 1 && r != '.' {
			return false
		}
	}
	return true
}

// tellsCase reports whether capitals say anything: in a title, or where all is
// in capitals, they don't.
func tellsCase(ts []token) bool {
	upper, all := 0, 0
	for _, t := range ts {
		if t.first || t.code || !unicode.IsLetter([]rune(t.mark)[0]) {
			continue
		}
		all++
		if unicode.IsUpper([]rune(t.mark)[0]) {
			upper++
		}
	}
	return all < 4 || 4*upper < 3*all
}

// named reports a word that is capitalised without a sentence's beginning, or
// at one with another such word behind it.
func named(ts []token, i int) bool {
	t := ts[i]
	r := []rune(t.mark)
	if !unicode.IsUpper(r[0]) || t.word == "i" || strings.HasPrefix(t.word, "i'") {
		return false
	}
	if !t.first || len(r) > 1 && strings.ToUpper(t.mark) == t.mark || strings.HasSuffix(t.mark, "'s") || strings.HasSuffix(t.mark, "’s") {
		return true
	}
	return !opening[t.word] && i+1 < len(ts) && !ts[i+1].first && unicode.IsUpper([]rune(ts[i+1].mark)[0])
}

// opening are words that begin sentences before a name that they are no part of.
var opening = set(`a an the is are was were do does did has have had can could should would will may might must what which who whom whose when where why how
	if in on at for from to of and or but so explain describe tell give show list name compare convert translate write find get please let suppose given define
	calculate compute with without by about my your our its his her their this that these those there explain summarize`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
