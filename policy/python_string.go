package policy

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// strings reads string literals that stand side by side, as one.
func (p *python) strings() (s string, bytes, ok bool) {
	var b strings.Builder
	for n := 0; ; n++ {
		p.space()
		at := p.i
		for at < len(p.s) && at < p.i+2 && strings.IndexByte("bBrRuU", p.s[at]) >= 0 {
			at++
		}
		if at == len(p.s) || p.s[at] != '\'' && p.s[at] != '"' {
			return b.String(), bytes, n > 0
		}
		prefix := strings.ToLower(p.s[p.i:at])
		if isBytes := strings.Contains(prefix, "b"); n > 0 && isBytes != bytes {
			return "", false, false
		} else {
			bytes = isBytes
		}
		quote := p.s[at : at+1]
		if strings.HasPrefix(p.s[at:], quote+quote+quote) {
			quote += quote + quote
		}
		p.i = at + len(quote)
		if !p.inside(&b, quote, strings.Contains(prefix, "r")) {
			return "", false, false
		}
	}
}

// inside reads a string up to its closing quote.
func (p *python) inside(b *strings.Builder, quote string, raw bool) bool {
	for p.i < len(p.s) {
		switch {
		case strings.HasPrefix(p.s[p.i:], quote):
			p.i += len(quote)
			return true
		case p.s[p.i] == '\\' && p.i+1 < len(p.s) && raw:
			b.WriteString(p.s[p.i : p.i+2])
			p.i += 2
		case p.s[p.i] == '\\':
			n := unescape(b, p.s[p.i:])
			if n == 0 {
				return false
			}
			p.i += n
		default:
			b.WriteByte(p.s[p.i])
			p.i++
		}
	}
	return false
}

// escapes are the one-letter escapes of strings.
var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '\'': '\'', '"': '"', 'a': 7, 'b': 8, 'f': 12, 'v': 11}

// unescape writes what the escape at the start of s stands for and returns its
// length. What is no escape stands for itself, backslash and all. 0: cut short.
func unescape(b *strings.Builder, s string) int {
	if len(s) < 2 {
		return 0
	}
	if c, ok := escapes[s[1]]; ok {
		b.WriteByte(c)
		return 2
	}
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	switch {
	case s[1] == '\n': // a line that goes on
		return 2
	case width > 0 && len(s) < 2+width:
		return 0
	case width > 0:
		v, err := strconv.ParseUint(s[2:2+width], 16, 32)
		if err != nil || !utf8.ValidRune(rune(v)) {
			return 0
		}
		b.WriteRune(rune(v))
		return 2 + width
	case s[1] >= '0' && s[1] <= '7':
		n := 2
		for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(s[1:n], 8, 32) // at most 0777
		b.WriteRune(rune(v))
		return n
	}
	b.WriteByte('\\')
	return 1
}
