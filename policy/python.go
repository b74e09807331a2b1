package policy

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pythonLiteral is a Python literal as repr writes it, so that equal values are
// equal strings: sets and the keys of dicts are in order, since == doesn't mind
// it; of a key that occurs twice the last value counts, in the first one's
// place. Values separated by commas are a tuple. False where s is no literal:
// expressions and names other than True, False and None are none.
func pythonLiteral(s string) (repr string, ok bool) {
	if !utf8.ValidString(s) {
		return "", false
	}
	p := python{s: s}
	items, commas, ok := p.items("")
	switch {
	case !ok || p.i < len(p.s) || len(items) == 0:
		return "", false
	case commas == 0:
		return items[0].key, true
	}
	return tuple(items), true
}

// python reads literals from s.
type python struct {
	s     string
	i     int
	depth int
}

// pair is an item of a dict, or with an empty value one of something else.
type pair struct{ key, value string }

func (p *python) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

// take skips space and then next, if it is there.
func (p *python) take(next string) bool {
	p.space()
	if !strings.HasPrefix(p.s[p.i:], next) {
		return false
	}
	p.i += len(next)
	return true
}

// items reads values up to closing, or to the end of s where that is "".
func (p *python) items(closing string) (list []pair, commas int, ok bool) {
	if p.depth++; p.depth > maxNesting {
		return nil, 0, false
	}
	defer func() { p.depth-- }()
	for {
		p.space()
		if closing == "" && p.i == len(p.s) || closing != "" && p.take(closing) {
			return list, commas, true
		}
		if len(list) > commas { // no comma between two values
			return nil, 0, false
		}
		var v pair
		if v.key, ok = p.value(); !ok {
			return nil, 0, false
		}
		if closing == "}" && p.take(":") {
			if v.value, ok = p.value(); !ok {
				return nil, 0, false
			}
		}
		list = append(list, v)
		if p.take(",") {
			commas++
		}
	}
}

func (p *python) value() (string, bool) {
	p.space()
	switch {
	case p.take("("):
		items, commas, ok := p.items(")")
		if ok && commas == 0 && len(items) == 1 {
			return items[0].key, true
		}
		return tuple(items), ok
	case p.take("["):
		items, _, ok := p.items("]")
		return "[" + list(items) + "]", ok
	case p.take("{"):
		items, _, ok := p.items("}")
		return braces(items, ok)
	}
	for _, name := range []string{"True", "False", "None", "set()"} {
		if p.take(name) {
			return name, p.i == len(p.s) || !word(p.s[p.i])
		}
	}
	if s, bytes, ok := p.strings(); ok {
		return pythonString(s, bytes), true
	}
	return p.number()
}

func list(items []pair) string {
	var b strings.Builder
	for i, v := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.key)
		if v.value != "" {
			b.WriteString(": " + v.value)
		}
	}
	return b.String()
}

func tuple(items []pair) string {
	if len(items) == 1 {
		return "(" + items[0].key + ",)"
	}
	return "(" + list(items) + ")"
}

// braces are a dict or a set.
func braces(items []pair, ok bool) (string, bool) {
	var kept []pair
	for _, v := range items {
		if (v.value == "") != (items[0].value == "") {
			return "", false
		}
		if i := slices.IndexFunc(kept, func(k pair) bool { return k.key == v.key }); i >= 0 {
			kept[i].value = v.value
			continue
		}
		kept = append(kept, v)
	}
	slices.SortFunc(kept, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return "{" + list(kept) + "}", ok
}

func word(b byte) bool { return letter(b) || digit(b) || b == '_' || b >= utf8.RuneSelf }

// number reads an integer or a decimal.
func (p *python) number() (string, bool) {
	from := p.i
	for p.i < len(p.s) && (p.s[p.i] == '-' || p.s[p.i] == '+') {
		p.i++
	}
	minus := strings.Count(p.s[from:p.i], "-")%2 == 1
	start := p.i
	for p.i < len(p.s) && (word(p.s[p.i]) || p.s[p.i] == '.' || (p.s[p.i] == '-' || p.s[p.i] == '+') && p.s[p.i-1]|0x20 == 'e' && p.i > start) {
		p.i++
	}
	text := p.s[start:p.i]
	if text == "" || !digit(text[0]) && (text[0] != '.' || len(text) == 1 || !digit(text[1])) {
		return "", false
	}
	sign := ""
	if minus {
		sign = "-"
	}
	if strings.Trim(text, "0123456789") == "" {
		digits := strings.TrimLeft(text, "0")
		switch {
		case digits == "":
			return "0", true
		case len(digits) < len(text): // 007 is no number
			return "", false
		}
		return sign + digits, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.Trim(text, "0123456789.eE+-") != "" {
		return "", false
	}
	return sign + pythonFloat(f), true
}

// pythonFloat is a float that is not negative as repr writes it.
func pythonFloat(f float64) string {
	if f != 0 && (f < 1e-4 || f >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// pythonString is a string as repr writes it: in single quotes unless it holds
// one and no double quote.
func pythonString(s string, bytes bool) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	if bytes {
		b.WriteByte('b')
	}
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x7f && r >= ' ', r > 0x7f && unicode.IsPrint(r) && !bytes:
			b.WriteRune(r)
		default:
			b.WriteString(escapeRune(r))
		}
	}
	b.WriteByte(quote)
	return b.String()
}

func escapeRune(r rune) string {
	hex := strconv.FormatInt(int64(r), 16)
	switch {
	case r < 0x100:
		return `\x` + strings.Repeat("0", 2-len(hex)) + hex
	case r < 0x10000:
		return `\u` + strings.Repeat("0", 4-len(hex)) + hex
	}
	return `\U` + strings.Repeat("0", 8-len(hex)) + hex
}
