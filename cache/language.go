package cache

import (
	"strings"
	"unicode"
)

// Language names what a text is written in: a script, or for Latin letters a
// language that its small words tell. "latin" is a text that shows none, or two
// alike: it meets its like only.
func Language(text string) string {
	script := scriptOf(text)
	if script != "latin" {
		return script
	}
	votes := map[string]int{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }) {
		for _, l := range speaks[w] {
			votes[l]++
		}
	}
	best, second, language := 0, 0, "latin"
	for l, n := range votes {
		if n > best {
			best, second, language = n, best, l
		} else if n > second {
			second = n
		}
	}
	if best == second {
		return "latin"
	}
	return language
}

// scripts are told by any of their letters that are the most; Japanese by its
// own letters beside Chinese ones.
var scripts = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"latin", unicode.Latin},
	{"cyrillic", unicode.Cyrillic},
	{"greek", unicode.Greek},
	{"arabic", unicode.Arabic},
	{"hebrew", unicode.Hebrew},
	{"devanagari", unicode.Devanagari},
	{"thai", unicode.Thai},
	{"korean", unicode.Hangul},
	{"chinese", unicode.Han},
	{"japanese", unicode.Hiragana},
	{"japanese", unicode.Katakana},
}

func scriptOf(text string) string {
	count := map[string]int{}
	for _, r := range text {
		for _, s := range scripts {
			if unicode.Is(s.table, r) {
				count[s.name]++
				break
			}
		}
	}
	if count["japanese"] > 0 && count["japanese"]+count["chinese"] > count["latin"] {
		return "japanese"
	}
	best := "latin"
	for _, s := range scripts {
		if count[s.name] > count[best] {
			best = s.name
		}
	}
	return best
}

// speaks are the languages that have a small word. Each list holds the words
// that questions are full of and other lists mostly lack.
var speaks = func() map[string][]string {
	m := map[string][]string{}
	for language, words := range map[string]string{
		"en": `the of and to is are was were what which who whom whose how why when where does do did can could should would will has have had it its this that these those
			with without for from by about into than then there their they you your my me we our i i'm not a an in on at be been or if but as between after before
			explain describe tell give please say may show write list make find name compare convert calculate difference many much long best mean means use using get need fix work does`,
		"de": `der die das den dem des ein eine einen einem einer und oder ist sind war waren was wer wie wo wann warum welche welcher welches wird werden kann können
			ich du er sie wir ihr mein dein nicht kein mit ohne für von zu zum zur auf aus bei nach über unter zwischen im am es gibt viel viele wieviel soll muss auch`,
		"fr": `le la les un une des du de et ou est sont était quel quelle quels quelles qui que quoi comment pourquoi quand où combien je tu il elle nous vous ils mon ton son
			ne pas avec sans pour par sur dans au aux ce cette ces peut peux faire fait entre plus moins c'est qu'est d'un l'on`,
		"es": `el la los las un una unos de del y o es son era qué cuál cuáles quién cómo por para con sin dónde cuándo cuánto cuántos cuánta yo tú ella nosotros mi tu su
			no se en al lo que entre más menos puede puedo hacer hay como está están`,
		"it": `il lo la gli le un una di del della dei delle e è sono era che cosa quale quali chi come perché quando dove quanto quanti io tu lui lei noi mio tuo suo
			non con senza per da dal nel nella sul tra fra più meno può posso fare c'è`,
		"pt": `o a os as um uma de do da dos das e é são era que qual quais quem como por porque quando onde quanto quantos eu você ele ela nós meu seu
			não com sem para em no na nos nas entre mais menos pode posso fazer há está`,
		"nl": `de het een en of is zijn was waren wat wie hoe waar wanneer waarom welke kan kunnen ik jij hij zij wij mijn jouw niet geen met zonder voor van naar op uit
			bij tussen om te er dit dat deze meer minder veel maken doen`,
	} {
		for w := range set(words) {
			m[w] = append(m[w], language)
		}
	}
	return m
}()
