package policy

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	named  = regexp.MustCompile(`^[A-Za-z](?:\([A-Za-z0-9]+\))? ?= ?(.+)$`)
	assert = regexp.MustCompile(`^assert .* == (.+)$`)
)

// unsure is the normal form of what can be read in two ways.
const unsure = "\x00"

// statement is what a text states as its answer.
type statement struct {
	text   string
	before string // what the text said before it
	whole  bool   // nothing but closing marks follows
}

// normal brings a stated answer into its normal form and says what it is.
// normal(normal(s)) is normal(s). "" when nothing is left of it, [unsure] when
// it can be read in two ways.
func (q inquiry) normal(st statement) (string, Kind) {
	s := strip(st.text)
	if m := assert.FindStringSubmatch(s); m != nil {
		s = strip(m[1])
	}
	if a, ok := q.picked(s); ok {
		return a, kindOf(a)
	}
	if q.code {
		a := q.python(s, st)
		return a, kindOf(a)
	}
	if isLiteral(s) {
		if a, ok := q.structured(s); ok {
			return a, KindText
		}
		s = strip(s[1 : len(s)-1]) // words in quotes
	}
	s = plainText(s)
	if l, ok := q.choice(s, st.before); ok {
		return l, KindLetter
	}
	if l, ok := letters(s); ok {
		return l, KindText
	}
	if foreign.MatchString(s) {
		return unsure, KindText
	}
	if m := named.FindStringSubmatch(s); m != nil {
		s = strip(m[1])
	}
	a := q.value(s, st.whole)
	return a, kindOf(a)
}

// value is the normal form of a number, a date, a formula or words.
func (q inquiry) value(s string, whole bool) string {
	if n, ok := q.number(s); ok {
		return n
	}
	if d, ok := q.date(s); ok {
		return d
	}
	if isFormula(s) || whole {
		if n, ok := q.result(s); ok {
			return n
		}
	}
	if m := number.FindStringSubmatch(s); m != nil && m[5] != "" {
		return strings.Join(strings.Fields(s), " ") // "3 pm", "3 million"
	}
	for _, w := range []string{"Yes", "No", "True", "False", "None"} {
		if strings.EqualFold(s, w) {
			return w
		}
	}
	if !isFormula(s) {
		if n, ok := q.amountIn(s); ok && whole {
			return n
		}
		return strings.Join(strings.Fields(s), " ")
	}
	s = q.normalFormula(s)
	if n, ok := q.number(s); ok { // \frac{6}{3} is 2
		return n
	}
	return strings.Join(strings.Fields(s), " ")
}

// python is the value of a Python expression as a text states it. Strings may
// have come without their quotes. "" where it is cut short.
func (q inquiry) python(s string, st statement) string {
	repr, ok := pythonLiteral(s)
	switch {
	case ok && (!q.strings || isLiteral(repr) && repr[0] != '[' && repr[0] != '{'):
		return repr
	case s == "" || !st.whole || !q.strings && strings.IndexByte("([{", s[0]) >= 0 || strings.Count(s, "(")+strings.Count(s, "[")+strings.Count(s, "{") > strings.Count(s, ")")+strings.Count(s, "]")+strings.Count(s, "}"):
		return ""
	case strings.ContainsAny(s[:1], `'"`) && strings.Count(s, s[:1]) == 1: // a string cut short
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 0
		if s[i] == '\\' {
			n = unescape(&b, s[i:])
		}
		if n == 0 {
			b.WriteByte(s[i])
			n = 1
		}
		i += n
	}
	return pythonString(b.String(), false)
}

// structured is a literal that is more than words in quotes: a list, JSON, or
// whatever the question wants with its quotes.
func (q inquiry) structured(s string) (string, bool) {
	if !q.literal {
		if s[0] == '"' || s[0] == '\'' {
			return "", false
		}
		if s[0] == '{' && strings.Contains(s, `"`) {
			if c, err := canonicalJSON(s); err == nil {
				return c, true
			}
			return s, true // its quotes are not ours to change
		}
	}
	if repr, ok := pythonLiteral(s); ok {
		return repr, true
	}
	return normalLiteral(s), true
}

// strip takes off what surrounds an answer: space, emphasis, math delimiters, a full stop.
func strip(s string) string {
	for {
		t := strings.TrimSpace(s)
		if m := said.FindStringSubmatch(t); m != nil && m[0] == t {
			t = m[1]
		}
		for _, p := range [][2]string{{"**", "**"}, {"__", "__"}, {"*", "*"}, {"`", "`"}, {"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}, {`\boxed{`, `}`}, {`\"`, `\"`}} {
			if len(t) > len(p[0])+len(p[1]) && strings.HasPrefix(t, p[0]) && strings.HasSuffix(t, p[1]) {
				t = t[len(p[0]) : len(t)-len(p[1])]
			}
		}
		t = strings.TrimSuffix(strings.TrimSuffix(t, "**"), ".")
		if t = strings.TrimPrefix(t, `\$`); t == s {
			return s
		}
		s = t
	}
}

// plainText writes digits, minus signs and spaces of all scripts as ASCII has them.
func plainText(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0 || !utf8.ValidString(s) {
		return s
	}
	out := []rune(s)
	for i, r := range out {
		switch {
		case r >= '！' && r <= '～': // full width
			out[i] = r - '！' + '!'
		case r > unicode.MaxASCII && unicode.IsDigit(r):
			out[i] = '0' + digitOf(r)
		case unicode.Is(unicode.Zs, r):
			out[i] = ' '
		case i+1 < len(out) && (r == '−' || (r == '–' || r == '‐' || r == '‑' || r == '﹣') && i == 0):
			out[i] = '-'
		}
	}
	return string(out)
}

// digitOf is the value of a decimal digit: scripts have theirs in runs of ten.
func digitOf(r rune) rune {
	for n := rune(0); n < 10; n++ {
		if !unicode.IsDigit(r - n - 1) {
			return n
		}
	}
	// Runs that follow each other, as of mathematical digits, start at multiples of ten of their block.
	return (r - 0x1d7ce) % 10
}

// isLiteral reports a quoted or bracketed literal, as code prints it.
func isLiteral(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch a, b := s[0], s[len(s)-1]; {
	case a == '[' && b == ']', a == '{' && b == '}':
		return true
	case (a == '\'' || a == '"') && b == a:
		return true
	case a == '(' && b == ')':
		return strings.Contains(s, ",") && strings.ContainsAny(s, `'"[`)
	}
	return false
}

// normalLiteral writes strings as Python's repr quotes them and one space after
// commas and colons outside strings. It serves what is no whole literal.
func normalLiteral(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'', '"':
			j := i + 1
			for j < len(s) && s[j] != c {
				if s[j] == '\\' {
					j++
				}
				j++
			}
			if j >= len(s) { // not closed: leave the rest as it is
				b.WriteString(s[i:])
				return b.String()
			}
			b.WriteString(quoted(s[i+1 : j]))
			i = j
		case ' ', '\t':
		case ',', ':':
			b.WriteByte(c)
			if j := i + 1; j < len(s) && !strings.ContainsRune(")]}", rune(s[j])) {
				b.WriteByte(' ')
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// quoted is a string literal with the given inside: in single quotes unless it
// holds one and no double quote. Escapes of quotes are dropped or added with it.
func quoted(in string) string {
	in = strings.NewReplacer(`\\`, `\\`, `\'`, `'`, `\"`, `"`).Replace(in)
	if strings.Contains(in, "'") {
		if !strings.Contains(in, `"`) {
			return `"` + in + `"`
		}
		in = strings.ReplaceAll(in, "'", `\'`)
	}
	return "'" + in + "'"
}
