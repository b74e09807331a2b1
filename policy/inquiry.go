package policy

import (
	"regexp"
	"strings"
	"unicode"
)

// inquiry is what a question tells about the form of its answer.
type inquiry struct {
	question   string
	code       bool     // it asks for the value of an expression of Python
	literal    bool     // it asks for a literal: quotes and brackets are part of the answer
	fraction   bool     // it is written in formulas: fractions are usual, decimals are not
	share      bool     // it asks for a probability or the like: 25 % is 0.25
	amount     bool     // it asks for one number
	expression bool     // it asks for an expression that makes a number
	strings    bool     // the code makes a string
	letters    uint32   // the choices that it offers
	items      []string // the words among which it lets choose
	dates      string   // the order that it wants dates in: "", "dmy" or "mdy"
}

var (
	// programs tells a question for the value of an expression of code.
	programs = regexp.MustCompile(`(?i)\bassert\b[^\n]*==|\bwith a literal\b`)
	// wantsLiteral tells a question about what code yields from one that wants a document.
	wantsLiteral = regexp.MustCompile(`(?i)\bliterals?\b|\bassert\b|\boutput of\b|\bevaluates? to\b|\breturns?\b`)
	formulas     = regexp.MustCompile(`\\[a-zA-Z]+|(?i:\bfractions?\b)|\$[a-zA-Z]\$|[a-z0-9)]\^`)
	shares       = regexp.MustCompile(`(?i)\b(?:probability|chance|likelihood|proportion|fraction)\b`)
	percents     = regexp.MustCompile(`(?i)%|\bpercent`)
	amounts      = regexp.MustCompile(`(?i)\bhow (?:many|much|long|far|old|tall|fast|often|big|large|high|heavy|deep|wide)\b|` +
		`\bwhat(?:'s| is| was| are| were| will be| would be)\b[^?]*\b(?:number|total|amount|cost|price|sum|average|percent(?:age)?|profit|loss|age|weight|height|length|distance|speed|difference|change|salary|value|area|volume)\b`)
	expressions = regexp.MustCompile(`(?i)\b(?:expression|equation|operations|operators|arithmetic)\b|\+ ?,? ?-`)
	targets     = regexp.MustCompile(`(?i)\b(?:make|get|obtain|reach|equals?|form|gives?|total(?:s|ing)?)(?: to| exactly| the number| a total of)* -?[0-9]+\b`)
	dateOrder   = regexp.MustCompile(`(?i)\b(?:(mm)[/.-]dd|(dd)[/.-]mm)[/.-]yy(?:yy)?\b`)
)

func inquire(question string) inquiry {
	q := inquiry{question: question}
	if question == "" {
		return q
	}
	q.code, q.literal = programs.MatchString(question), wantsLiteral.MatchString(question)
	q.fraction = formulas.MatchString(question)
	q.share = shares.MatchString(question) && !percents.MatchString(question)
	q.amount = amounts.MatchString(question)
	q.letters = offered(strings.ToUpper(question))
	q.items = listed(question)
	q.expression = expressions.MatchString(question) && targets.MatchString(question)
	q.strings = q.code && makesString(question)
	switch m := dateOrder.FindStringSubmatch(question); {
	case m == nil:
	case m[1] != "":
		q.dates = "mdy"
	default:
		q.dates = "dmy"
	}
	return q
}

var (
	returned = regexp.MustCompile(`(?m)\breturn[ \t]+(.+?)[ \t]*(?:#.*)?$`)
	stringOf = regexp.MustCompile(`^(?:[fFrR]?(?:'[^']*'|"[^"]*")|str\(.*\)|.*\.(?:join|upper|lower|replace|l?strip|rstrip|title|capitalize|swapcase|zfill|ljust|rjust|center|format|removeprefix|removesuffix|translate|expandtabs|casefold|decode)\([^()]*(?:\([^()]*\)[^()]*)*\))$`)
)

// makesString reports code of which every return shows that it is a string: an
// answer without quotes is one, too, even if it looks like a number.
func makesString(code string) bool {
	all := returned.FindAllStringSubmatch(code, -1)
	for _, m := range all {
		if !stringOf.MatchString(m[1]) {
			return false
		}
	}
	return len(all) > 0
}

// offered are the choice letters that a prompt lists, one bit each: "(A) ..",
// "B) ..", "C. ..", "D: .." at the start of a line or in brackets.
func offered(prompt string) (letters uint32) {
	for _, m := range choices.FindAllStringSubmatch(prompt, -1) {
		letters |= 1 << ((m[1] + m[2])[0] - 'A')
	}
	if letters&3 != 3 { // no list of choices starts without A and B
		return 0
	}
	return letters
}

var choices = regexp.MustCompile(`\(([A-Z])\)|(?m:^[ \t*\-]*([A-Z])[).:][ \t*])`)

func (q inquiry) offers(letter byte) bool { return q.letters&(1<<(letter-'A')) != 0 }

// lists introduce the words among which a question lets choose.
var (
	lists   = regexp.MustCompile(`(?i)\b(?:(?:exactly |only )?one of|choose (?:from|between|among)|pick (?:from|between)|select (?:from|one)|either|(?:possible |allowed |valid )?(?:options|labels|categories|classes|values|answers)(?: are)?|classify (?:it|this|the [a-z ]{1,30}) as)\b[^:\n"'` + "`" + `]{0,40}?(?::|["'` + "`" + `]|\n|(?: are| as) )|\b(?:one of|(?:choose|pick|select|decide) (?:between|among)) `)
	quotes  = regexp.MustCompile("[\"'`“‘]([^\"'`”’\\n]{1,40})[\"'`”’]")
	item    = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} _/+&-]{0,39}$`)
	bullet  = regexp.MustCompile(`^[ \t]*[-*•][ \t]+`)
	between = regexp.MustCompile(`(?i)\s*(?:,|;|\||/|\bor\b|\band\b)\s*(?:or\b|and\b)?\s*`)
)

// maxItems bounds a list of words to choose from.
const maxItems = 64

// listed are the words among which a question lets choose: behind "one of:" and
// the like, separated by commas or by "or", or each in quotes or on a line of
// its own. Nil unless there are two at least, and all of them are short.
func listed(question string) []string {
	for _, at := range lists.FindAllStringIndex(question, 16) {
		rest := question[at[0]:]
		if head := at[1] - at[0]; strings.ContainsAny(rest[head-1:head], "\"'`") {
			rest = rest[head-1:]
		} else {
			rest = rest[head:]
		}
		if found := itemsOf(rest); len(found) >= 2 {
			return found
		}
	}
	return nil
}

func itemsOf(rest string) []string {
	var raw []string
	line, more, _ := strings.Cut(rest, "\n")
	switch {
	case strings.TrimSpace(line) == "":
		for _, l := range strings.Split(more, "\n") {
			if bullet.FindString(l) == "" {
				break
			}
			raw = append(raw, bullet.ReplaceAllString(l, ""))
		}
	case len(quotes.FindAllString(line, -1)) >= 2:
		for _, m := range quotes.FindAllStringSubmatch(line, -1) {
			raw = append(raw, m[1])
		}
	default:
		if i := sentence.FindStringSubmatchIndex(line); i != nil {
			line = line[:i[2]]
		}
		raw = between.Split(strings.TrimRight(line, " .?!)]"), -1)
	}
	var out []string
	for _, s := range raw {
		s = strings.Trim(s, " \t\r\"'`*_.[](){}")
		if !item.MatchString(s) || len(strings.Fields(s)) > 4 || len(out) == maxItems {
			return nil
		}
		out = append(out, s)
	}
	return out
}

// picked is the listed word that s is, but for case and closing marks.
func (q inquiry) picked(s string) (string, bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'`*_.!“”‘’[]", r) })
	for _, item := range q.items {
		if strings.EqualFold(item, s) {
			return item, true
		}
	}
	return "", false
}
