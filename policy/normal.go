package policy

import (
	"math/big"
	"regexp"
	"strings"
)

var (
	choice = regexp.MustCompile(`^(?:(?i:option|choice) )?(?:\(([A-Za-z])(?:\)|$)|([A-Z])(?:[).:]|$))[*_]*(?:[ \t:.].*)?$`)
	value  = regexp.MustCompile(`^[A-Z][.:]?[*_]* +[$]?[-−]?[0-9]`)
	number = regexp.MustCompile(`^([-+−]?)(?:US|USD|EUR|A)?[ ]?[$€£¥]?[ ]?([-−]?)([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)[ ]?(%|\\%|°)?(?: ([A-Za-z][A-Za-z/²³. -]{1,31}))?$`)
	comma  = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
	ratio  = regexp.MustCompile(`^(-?)([0-9]{1,30})/([0-9]{1,30})$`)
	named  = regexp.MustCompile(`^[A-Za-z](?:\([A-Za-z]\))? ?= ?(.+)$`)
	frac   = regexp.MustCompile(`\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}`)
	root   = regexp.MustCompile(`\\sqrt\{([^{}]*)\}`)
	said   = regexp.MustCompile(`\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}`)
	atom   = regexp.MustCompile(`^(?:-?[0-9]+|[A-Za-z])$`)
	words  = regexp.MustCompile(`[A-Za-z]{3,}`)
	assert = regexp.MustCompile(`^assert .* == (.+)$`)
)

// notUnits are words after a number that change what it says.
var notUnits = map[string]bool{
	"am": true, "pm": true, "a.m.": true, "p.m.": true, "a.m": true, "p.m": true, "and": true, "or": true, "to": true,
	"hundred": true, "thousand": true, "million": true, "billion": true, "trillion": true, "dozen": true,
	"pi": true, "sqrt": true, "mod": true, "times": true, "plus": true, "minus": true, "bc": true, "ad": true,
}

// normal brings a stated answer into its normal form and says what it is.
// normal(normal(s)) is normal(s). "" when nothing is left of it.
func normal(question, s string) (string, Kind) {
	s = strip(s)
	if m := assert.FindStringSubmatch(s); m != nil {
		s = strip(m[1])
	}
	if isLiteral(s) {
		if s[0] == '{' && strings.Contains(s, `"`) && !wantsLiteral.MatchString(question) {
			return s, KindText // JSON: its quotes are not ours to change
		}
		return normalLiteral(s), KindText
	}
	if m := choice.FindStringSubmatch(s); m != nil {
		// "C. elegans" is no choice unless the question offers one; "C. 78" is.
		l := strings.ToUpper(m[1] + m[2])
		if m[2] == "" || strings.Trim(s[strings.Index(s, m[2])+1:], ").:*_ ") == "" || strings.Contains(s, m[2]+")") || value.MatchString(s) || offers(question, l[0]) {
			return l, KindLetter
		}
	}
	if m := named.FindStringSubmatch(s); m != nil {
		s = strip(m[1])
	}
	if n, ok := normalNumber(s); ok {
		return n, KindNumber
	}
	if programs.MatchString(question) && !isConstant(s) && s != "" {
		return quoted(s), KindText // a string that was stated without its quotes
	}
	if m := number.FindStringSubmatch(s); m != nil && m[5] != "" {
		return strings.Join(strings.Fields(s), " "), KindText // "3 pm", "3 million"
	}
	s = normalText(s)
	if n, ok := normalNumber(s); ok { // \frac{6}{3} is 2
		return n, KindNumber
	}
	if len(s) == 1 && s[0] >= 'A' && s[0] <= 'Z' {
		return s, KindLetter
	}
	return s, KindText
}

// programs tells a question for the value of an expression of code.
var programs = regexp.MustCompile(`(?i)\bassert\b[^\n]*==|\bwith a literal\b`)

// isConstant reports what code prints without quotes and brackets.
func isConstant(s string) bool {
	return s == "True" || s == "False" || s == "None" || strings.ContainsAny(s[:min(1, len(s))], "([{'\"") ||
		strings.HasPrefix(s, "b'") || strings.HasPrefix(s, `b"`) || strings.HasPrefix(s, "set(")
}

// strip takes off what surrounds an answer: space, emphasis, math delimiters, a full stop.
func strip(s string) string {
	for {
		t := strings.TrimSpace(s)
		if m := said.FindStringSubmatch(t); m != nil && m[0] == t {
			t = m[1]
		}
		for _, p := range [][2]string{{"**", "**"}, {"__", "__"}, {"*", "*"}, {"`", "`"}, {"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}} {
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

// normalNumber drops currency, group commas, units, leading and trailing zeros.
func normalNumber(s string) (string, bool) {
	m := number.FindStringSubmatch(s)
	if m == nil || m[1] != "" && m[2] != "" {
		return "", false
	}
	for _, w := range strings.Fields(strings.ToLower(m[5])) {
		if notUnits[w] {
			return "", false
		}
	}
	if len(strings.Fields(m[5])) > 3 || strings.Contains(m[3], ",") && !comma.MatchString(m[3]) {
		return "", false
	}
	whole, part, dot := strings.Cut(strings.ReplaceAll(m[3], ",", ""), ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if part = strings.TrimRight(part, "0"); dot && part != "" {
		whole += "." + part
	}
	if len(whole) > maxDigits {
		return "", false
	}
	if sign := m[1] + m[2]; sign != "" && sign != "+" && whole != "0" {
		whole = "-" + whole
	}
	return whole, true
}

// normalText writes formulas without LaTeX and spaces, and words with single spaces.
func normalText(s string) string {
	for _, w := range []string{"Yes", "No", "True", "False", "None"} {
		if strings.EqualFold(s, w) {
			return w
		}
	}
	if isFormula(s) {
		s = normalFormula(s)
	}
	return strings.Join(strings.Fields(s), " ")
}

func normalFormula(s string) string {
	s = strings.NewReplacer(`\left`, "", `\right`, "", `\,`, "", `\!`, "", `\;`, "", `\ `, "", "−", "-", `\cdot`, "*", `\times`, "*",
		`\pi`, "pi", `\infty`, "infinity", `\$`, "", `\%`, "", "°", "", `^\circ`, "", `^{\circ}`, "", "$", "", "**", "^").Replace(s)
	s = said.ReplaceAllString(s, "$1")
	for range 4 { // nested fractions, innermost first
		s = frac.ReplaceAllStringFunc(s, func(f string) string {
			m := frac.FindStringSubmatch(f)
			return group(m[1]) + "/" + group(m[2])
		})
		s = root.ReplaceAllString(s, "sqrt($1)")
	}
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), ""), `\`, "")
	if m := ratio.FindStringSubmatch(s); m != nil {
		a, _ := new(big.Int).SetString(m[2], 10)
		b, _ := new(big.Int).SetString(m[3], 10)
		if b.Sign() != 0 {
			r := new(big.Rat).SetFrac(a, b)
			if r.Sign() == 0 {
				return "0"
			}
			return m[1] + strings.TrimSuffix(r.String(), "/1")
		}
	}
	return s
}

// group puts a fraction's part in parentheses unless it is one number or name.
func group(s string) string {
	if s = strings.TrimSpace(s); atom.MatchString(s) {
		return s
	}
	return "(" + s + ")"
}

// isFormula reports an expression: signs, and no words but names of functions.
func isFormula(s string) bool {
	if !strings.ContainsAny(s, `\^+*/=(),-0123456789`) || strings.ContainsAny(s, `;:!?'"@#&|~`) {
		return false
	}
	for _, w := range words.FindAllString(s, -1) {
		switch strings.ToLower(w) {
		case "sin", "cos", "tan", "cot", "sec", "csc", "log", "exp", "lim", "max", "min", "mod", "gcd", "lcm", "cup", "cap", "leq", "geq", "neq", "div",
			"frac", "dfrac", "tfrac", "sqrt", "text", "left", "right", "cdot", "infty", "times", "circ", "infinity", "mathrm", "textbf", "mathbf":
		default:
			return false
		}
	}
	return true
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
// commas and colons outside strings.
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
