package policy

import (
	"bytes"
	"encoding/json"
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

// mark finds where a text states its final answer. What follows a match is the statement.
type mark struct {
	re     *regexp.Regexp
	braced bool // the statement is the rest of a braced group, else of the line, or the next line where that is empty
	text   bool // a statement of any kind counts, not only a number, a letter or a short term
	letter bool // only a choice in parentheses counts
}

// marks are in their order of strength.
var marks = []mark{
	{re: regexp.MustCompile(`\\boxed\{`), braced: true, text: true},
	{re: regexp.MustCompile(`(?m)^#### *`), text: true},
	{re: regexp.MustCompile(`(?im)(?:^|[.!] |\n|"|\\")[ \t#>*_"]*(?:the )?(?:final |correct )?answer[*_"\\]*[ \t]*[:：][*_ \t]*|^[ \t]*(?:#{1,6}[ \t]*|\*\*)(?:the )?(?:final |correct )?answer\**:?\**[ \t]*$`), text: true},
	{re: regexp.MustCompile(`(?i)\banswer (?:is|should be|would be|must be)(?: therefore| thus| simply| choice| option| \.\.\.)?:?[ \t]*`)},
	{re: regexp.MustCompile(`(?m)^A: *`)},
	{re: regexp.MustCompile(`(?i)\b(?:closest|nearest|best|correct|right|accurate|appropriate|likely)(?: (?:answer|option|choice|one|match|explanation|statement))?(?: (?:to (?:this|that|it)|given|here|listed|available))?,?(?: which)? is(?: option| choice)?:?[ \t*_]*`), letter: true},
}

// Extract finds the final answer that text states in reply to question, in its
// normal form: equal strings are equal answers. It knows "Answer: X", "the
// answer is (B)", \boxed{}, "#### 42" and a text that is nothing but a number
// or a choice. It prefers to find nothing over finding an answer in prose.
// The question may be "": it tells which letters and words are choices, and what
// form the answer has.
func Extract(question, text string) (answer string, kind Kind, ok bool) {
	q := inquire(scanned(question))
	text = tail(text)
	// An answer must survive being stated again: that is how it is passed on.
	for range 3 {
		a, k, ok := q.extract(text)
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

// scanned is what is searched of a question: what is asked stands first or last.
func scanned(question string) string {
	if len(question) <= maxScan {
		return question
	}
	return question[:maxScan/4] + "\n" + question[len(question)-maxScan*3/4:]
}

func (q inquiry) extract(text string) (answer string, kind Kind, ok bool) {
	if a, ok := q.wholeLiteral(text); ok {
		return a, kindOf(a), true
	}
	for i, m := range marks {
		a, at := q.marked(m, text)
		if a == "" {
			continue
		}
		if kindOf(a) != KindLetter { // a choice that is stated behind a value is what counts
			for _, m := range marks[i+1:] {
				if l, from := q.marked(m, text); from > at && kindOf(l) == KindLetter && !m.text {
					a = l
					break
				}
			}
		}
		if a == unsure {
			return "", KindText, false
		}
		return a, kindOf(a), true
	}
	if a, ok := q.bare(text); ok {
		return a, kindOf(a), true
	}
	return "", KindText, false
}

// marked is what the last mark of a kind states, or the one before where the
// last is cut off, or states the value of a choice. And where the mark stands.
func (q inquiry) marked(m mark, text string) (answer string, at int) {
	all := m.re.FindAllStringIndex(text, -1)
	for _, found := range slices.Backward(all[max(0, len(all)-2):]) {
		a := q.stated(m, text, found)
		switch {
		case a == "":
		case answer == "":
			answer, at = a, found[0]
			if kindOf(a) == KindLetter || m.braced || m.text {
				return answer, at
			}
		case kindOf(a) == KindLetter && found[1]+16 > at: // "The answer is (B). The answer is 5."
			return a, found[0]
		}
	}
	return answer, at
}

// stated is the normal form of what follows a mark, where that is an answer.
func (q inquiry) stated(m mark, text string, at []int) string {
	sign, rest := text[at[0]:at[1]], text[at[1]:]
	s, asValue := q.said(m, sign, rest)
	if in := inner.FindString(s); in != "" && !asValue { // "Final answer:" and below it "The answer is (J)."
		sign, s = in, strings.TrimSpace(s[len(in):])
		if strings.Contains(in, `"`) {
			s = strings.TrimRight(s, " }")
		}
	}
	st := statement{text: s, before: text[:at[0]], whole: asValue || m.braced || last(rest, s)}
	switch {
	case asValue && s == unsure, blank.MatchString(sign) && last(rest, ""): // a form that nobody filled in
		return unsure
	case s == "" && q.code && (asValue || strings.TrimSpace(rest) == "" && nothing.MatchString(st.before[max(0, len(st.before)-300):])):
		return "''"
	case s == "" || len(s) > maxAnswer || strings.HasSuffix(s, "("):
		return ""
	case strings.HasPrefix(sign, `"`) && strings.Count(sign, `"`) == 1, asValue && !q.code && strings.Contains(s, "\n"):
		return ""
	case m.letter && s[0] != '(', thoughts.MatchString(s):
		return ""
	}
	a, k := q.normal(st)
	switch {
	case a == unsure:
		return unsure
	case a == "" || m.letter && k != KindLetter:
		return ""
	case k != KindText, short(a), slices.Contains(q.items, a):
		return a
	case m.text && len(strings.Fields(a)) <= maxWords && st.whole:
		return a
	}
	return ""
}

// said is what is stated behind a mark. It is a value where the mark is a key
// of JSON and the value is whole: nothing else of the text belongs to it.
func (q inquiry) said(m mark, sign, rest string) (s string, asValue bool) {
	if m.braced {
		return braced(rest), false
	}
	if strings.Contains(sign, `"`) {
		if v, ok := jsonValue(rest); ok {
			return v, true
		}
	}
	line := lineOf(rest)
	if q.code && m.text && line != "" {
		if all := q.lines(strings.TrimSpace(rest), line); all != "" {
			return all, false
		}
	}
	if v, ok := jsonAnswer(line); ok {
		return v, true
	}
	return line, false
}

var (
	inner = regexp.MustCompile(`(?i)^(?:(?:\\text\{)?(?:the |so |therefore,? )*(?:final |correct |closest )?answer (?:is|would be)(?: \.\.\.)?:?|"?answer"?:)[*_ \t]*`)
	// blank is a line to fill in.
	blank = regexp.MustCompile(`_{2,}[ \t]*$`)
	// thoughts begin what is no answer yet.
	thoughts = regexp.MustCompile(`(?i)^(?:let(?:'|’)?s|let us|let me|first,|to (?:find|solve|determine|answer|calculate|get)) `)
	nothing  = regexp.MustCompile(`(?i)\bempty string\b|''|""`)
)

// jsonValue is the JSON value at the start of a text, strings without quotes.
func jsonValue(rest string) (string, bool) {
	d := json.NewDecoder(strings.NewReader(rest))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return "", false
	}
	after := strings.TrimLeft(rest[d.InputOffset():], " \t\r\n")
	if after != "" && strings.IndexByte(",}]", after[0]) < 0 && !bytes.HasPrefix(raw, []byte(`"`)) {
		return "", false // "answer": 3 apples
	}
	var s string
	if json.Unmarshal(raw, &s) == nil && raw[0] == '"' {
		return s, true
	}
	if raw[0] == 'n' { // null is none
		return unsure, true
	}
	return string(raw), true
}

// jsonAnswer is the answer in an object that has nothing else.
func jsonAnswer(s string) (string, bool) {
	var object map[string]json.RawMessage
	if !strings.HasPrefix(s, "{") || json.Unmarshal([]byte(s), &object) != nil || len(object) != 1 {
		return "", false
	}
	for _, key := range []string{"answer", "Answer", "final_answer", "result"} {
		if raw, ok := object[key]; ok {
			return jsonValue(string(raw))
		}
	}
	return "", false
}

// braced is a group up to its closing brace.
func braced(rest string) string {
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

// lineOf is the first sentence of the first line that says anything.
func lineOf(rest string) string {
	rest = strings.TrimLeft(rest, " \t\r\n*_")
	line, _, _ := strings.Cut(rest, "\n")
	if i := sentence.FindStringSubmatchIndex(line); i != nil {
		line = line[:i[2]]
	}
	return strings.TrimSpace(line)
}

// lines is what a text states of a program's output where that goes on behind its
// first sentence or line, as texts print what has these in it: a literal that
// isn't closed there, or all that is left where the code makes a string. "" where
// the line says all.
func (q inquiry) lines(rest, line string) string {
	if len(rest) > maxAnswer && !isOpening(line[0]) {
		return ""
	}
	if _, ok := pythonLiteral(line); ok {
		return ""
	}
	over := strings.Contains(rest, "\n")
	if isOpening(line[0]) {
		p := python{s: rest}
		if _, ok := p.value(); ok && p.i <= maxAnswer && (over || p.i > len(line) && last(rest, rest[:p.i])) {
			return strings.TrimSpace(rest[:p.i])
		}
	}
	if over && q.strings && len(rest) <= maxAnswer && !strings.Contains(rest, "\n\n") {
		return rest
	}
	return ""
}

func isOpening(b byte) bool { return strings.IndexByte(`'"([{`, b) >= 0 }

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

// wholeLiteral takes a text that is nothing but a literal, where the question wants one.
func (q inquiry) wholeLiteral(text string) (string, bool) {
	s := strings.TrimSpace(text)
	if !q.literal || s == "" || len(s) > maxAnswer || strings.Contains(strings.ToLower(q.question), "json") {
		return "", false
	}
	repr, ok := pythonLiteral(s)
	return repr, ok && (isLiteral(repr) || repr[0] == '(' || repr[0] == 'b')
}

// bare takes a text that is nothing but its answer.
func (q inquiry) bare(text string) (string, bool) {
	s := strings.TrimSpace(text)
	if s == "" || len(s) > maxAnswer || strings.Contains(s, "\n") || len(strings.Fields(s)) > maxWords || sentence.MatchString(s) {
		return "", false
	}
	if a, ok := q.picked(s); ok {
		return a, true
	}
	a, k := q.normal(statement{text: s, whole: q.code})
	switch {
	case a == "" || a == unsure:
		return "", false
	case k != KindText, bareText.MatchString(s), isDate(a):
		return a, true
	}
	return a, (isLiteral(s) || s[0] == '(' && isFormula(s)) && q.literal && !strings.Contains(strings.ToLower(q.question), "json")
}

// short reports whether a text answer in running prose is a term rather than a
// phrase: "the answer is clear to anyone who reads" is none.
func short(a string) bool {
	return isLiteral(a) || isFormula(a) || bareText.MatchString(a) || isDate(a)
}
