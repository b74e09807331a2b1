package policy

import (
	"regexp"
	"strings"
)

var (
	frac      = regexp.MustCompile(`\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}`)
	fracShort = regexp.MustCompile(`\\[dt]?frac([0-9])([0-9])`)
	root      = regexp.MustCompile(`\\sqrt\{([^{}]*)\}`)
	rootShort = regexp.MustCompile(`(?:\\sqrt|√) ?([0-9]+|[A-Za-z]\b)`)
	said      = regexp.MustCompile(`\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}`)
	atom      = regexp.MustCompile(`^(?:-?[0-9]+|[A-Za-z]|pi)$`)
	words     = regexp.MustCompile(`[A-Za-z]{3,}`)
	power     = regexp.MustCompile(`([\^_])\{([A-Za-z0-9]+)\}`)
	// product is a sign of multiplication that says nothing: "2*x", "3*(a+b)".
	product = regexp.MustCompile(`([0-9)])\*([A-Za-z(])`)
	// radical is a root in parentheses of its own, as a fraction's numerator.
	radical = regexp.MustCompile(`(^|[^A-Za-z])\((-?[0-9]*sqrt\([^()]*\))\)`)
)

// isFormula reports an expression: signs, and no words but names of functions.
func isFormula(s string) bool {
	if !strings.ContainsAny(s, `\^+*/=(),-0123456789√π`) || strings.ContainsAny(s, `;:!?'"@#&|~`) {
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

// plainSigns are signs that LaTeX and Unicode have in several forms.
var plainSigns = strings.NewReplacer(`\left`, "", `\right`, "", `\,`, "", `\!`, "", `\;`, "", `\ `, "", "−", "-", `\cdot`, "*", `\times`, "*", "×", "*", "·", "*",
	`\pi`, "pi", "π", "pi", `\infty`, "infinity", "∞", "infinity", `\$`, "", `\%`, "", "^\\circ", "", "^{\\circ}", "", "°", "", "$", "", "**", "^",
	"²", "^2", "³", "^3", "≤", "<=", "≥", ">=", `\leq`, "<=", `\geq`, ">=", `\le`, "<=", `\ge`, ">=")

// normalFormula writes an expression without LaTeX and spaces.
func (q inquiry) normalFormula(s string) string {
	s = rootShort.ReplaceAllString(fracShort.ReplaceAllString(s, `\frac{$1}{$2}`), `\sqrt{$1}`)
	s = plainSigns.Replace(s)
	s = power.ReplaceAllString(said.ReplaceAllString(s, "$1"), "$1$2")
	for range 4 { // nested fractions, innermost first
		s = frac.ReplaceAllStringFunc(s, func(f string) string {
			m := frac.FindStringSubmatch(f)
			return group(m[1]) + "/" + group(m[2])
		})
		s = root.ReplaceAllString(s, "sqrt($1)")
	}
	s = strings.ReplaceAll(s, "√(", "sqrt(")
	s = strings.ReplaceAll(strings.Join(strings.Fields(s), ""), `\`, "")
	s = radical.ReplaceAllString(product.ReplaceAllString(s, "$1$2"), "$1$2")
	if r, ok := rational(s); ok {
		return q.written(r)
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
