package policy

import (
	"regexp"
	"slices"
	"strings"
)

// Kind is the form of a final answer. It decides how the answer is coded.
type Kind uint8

// The kinds.
const (
	KindNumber Kind = iota // an integer or a decimal: -?[0-9]+(.[0-9]+)?
	KindLetter             // a choice: one letter from A to Z
	KindText               // anything else on one line: a literal, a formula, yes or no
	kinds
)

// maxAnswer bounds a final answer in bytes: beyond it a text is not a short answer.
const maxAnswer = 512

// maxWords bounds a stated answer in words: beyond it "Answer:" opens prose.
const maxWords = 20

// marks find where a text states its final answer, strongest first. What
// follows a match is the statement.
var marks = []struct {
	re   *regexp.Regexp
	line bool // the statement is the rest of the line, or the next line where that is empty
	text bool // a statement of any kind counts, not only a number or a letter
}{
	{regexp.MustCompile(`\\boxed\{`), false, true},
	{regexp.MustCompile(`(?m)^#### *`), true, true},
	{regexp.MustCompile(`(?im)(?:^|[.!] |\n|")[ \t#>*_"]*(?:final |correct )?answer[*_"]*[ \t]*:[*_ \t]*`), true, true},
	{regexp.MustCompile(`(?i)\banswer (?:is|should be|would be|must be)(?: therefore| thus| simply| choice| option| \.\.\.)?:?[ \t]*`), true, false},
	{regexp.MustCompile(`(?m)^A: *`), true, false},
}

// Extract finds the final answer that text states in reply to question, in its
// normal form: equal strings are equal answers. It knows "Answer: X", "the
// answer is (B)", \boxed{}, "#### 42" and a text that is nothing but a number
// or a choice. It prefers to find nothing over finding an answer in prose.
// The question may be "": it only tells which letters are choices.
func Extract(question, text string) (answer string, kind Kind, ok bool) {
	question, text = tail(question), tail(text)
	// An answer must survive being stated again: that is how it is passed on.
	for range 3 {
		a, k, ok := extract(question, text)
		if ok && strings.ContainsAny(a, "\r\n") {
			break // no statement holds several lines
		}
		if !ok || a == answer {
			return a, k, ok
		}
		answer, text = a, "Answer: "+a
	}
	return "", KindText, false
}

// maxScan bounds what is searched of a text, from its end, in bytes.
const maxScan = 16 << 10

func tail(s string) string { return s[max(0, len(s)-maxScan):] }

func extract(question, text string) (answer string, kind Kind, ok bool) {
	if s, ok := bare(question, text); ok {
		a, k := normal(question, s)
		return a, k, true
	}
	for i, m := range marks {
		at := m.re.FindAllStringIndex(text, -1)
		if len(at) == 0 {
			continue
		}
		// The last statement counts; the one before it where the last is cut off.
		for _, m := range slices.Backward(at[max(0, len(at)-2):]) {
			if a, k, ok := stated(question, text[m[0]:m[1]], text[m[1]:], i); ok {
				return a, k, true
			}
		}
	}
	return "", KindText, false
}

// stated is the normal form of what follows mark i, where that is an answer.
func stated(question, mark, rest string, i int) (string, Kind, bool) {
	s := statement(rest, i == 0)
	if in := inner.FindString(s); in != "" { // "Final answer:" and below it "The answer is (J)."
		mark, s = in, strings.TrimSpace(s[len(in):])
	}
	if m := jsonString.FindStringSubmatch(s); m != nil && strings.Contains(mark, `"`) {
		s = m[1]
	}
	if s == "" || len(s) > maxAnswer || strings.HasSuffix(s, "(") {
		return "", KindText, false
	}
	a, k := normal(question, s)
	switch {
	case a == "":
		return "", KindText, false
	case k != KindText, short(a):
		return a, k, true
	}
	return a, k, marks[i].text && len(strings.Fields(a)) <= maxWords && (i == 0 || last(rest, s))
}

var (
	inner      = regexp.MustCompile(`(?i)^(?:(?:the |so |therefore,? )*(?:final |correct |closest )?answer (?:is|would be)(?: \.\.\.)?:?|"?answer"?:)[*_ \t]*`)
	jsonString = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"[,}]*$`)
)

// statement is what follows a mark: a braced group, or the rest of the line.
func statement(rest string, braced bool) string {
	if braced {
		depth := 1
		for i := 0; i < len(rest) && i <= maxAnswer; i++ {
			switch rest[i] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					return strings.TrimSpace(rest[:i])
				}
			}
		}
		return ""
	}
	rest = strings.TrimLeft(rest, " \t\r\n*_")
	line, _, _ := strings.Cut(rest, "\n")
	if i := sentence.FindStringSubmatchIndex(line); i != nil {
		line = line[:i[2]]
	}
	return strings.TrimSpace(line)
}

// sentence ends a statement inside a line: a full stop before a capital, as in
// "18. She sells". A choice ("B. Paris") and an initial stay whole.
var sentence = regexp.MustCompile(`[^A-Z\s]([.!?])\)?\**\s+[A-Z]`)

// last reports whether nothing but closing marks follows the statement.
func last(rest, s string) bool {
	_, after, _ := strings.Cut(rest, s)
	return strings.Trim(after, " \t\r\n*_`.$\\)]}\"") == ""
}

// bareText are whole texts that are a final answer by themselves.
var bareText = regexp.MustCompile(`(?i)^(?:yes|no|true|false)[.!]?$`)

// bare takes a text that is nothing but its answer.
func bare(question, text string) (string, bool) {
	s := strings.TrimSpace(text)
	if s == "" || len(s) > maxAnswer || strings.Contains(s, "\n") {
		return "", false
	}
	a, k := normal(question, s)
	switch {
	case a == "":
		return "", false
	case k != KindText, bareText.MatchString(s):
		return s, true
	}
	return s, (isLiteral(s) || s[0] == '(' && isFormula(s)) && wantsLiteral.MatchString(question) && !strings.Contains(strings.ToLower(question), "json")
}

// wantsLiteral tells a question about what code yields from one that wants a document.
var wantsLiteral = regexp.MustCompile(`(?i)\bliterals?\b|\bassert\b|\boutput of\b|\bevaluates? to\b|\breturns?\b`)

// short reports whether a text answer in running prose is a term rather than a
// phrase: "the answer is clear to anyone who reads" is none.
func short(a string) bool {
	return isLiteral(a) || isFormula(a) || bareText.MatchString(a)
}
