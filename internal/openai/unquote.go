package openai

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errString = errors.New("not a JSON string")

// unquoter turns JSON strings into bytes and, unlike encoding/json, keeps bytes
// that are not UTF-8 as they are. It remembers the first half of a surrogate
// pair between strings, since servers cut their deltas anywhere, even there.
type unquoter struct {
	high rune // the first half of a pair whose second half is awaited, or 0
}

// append adds the string that the JSON literal q spells to dst. A null adds
// nothing. A half of a surrogate pair without the other becomes U+FFFD, as in
// every JSON decoder; a first half at the very end waits for the next string or
// for flush.
func (u *unquoter) append(dst, q []byte) ([]byte, error) {
	if string(q) == "null" {
		return dst, nil
	}
	if len(q) < 2 || q[0] != '"' || q[len(q)-1] != '"' {
		return dst, errString
	}
	dst = slices.Grow(dst, len(q)-2)
	for s := q[1 : len(q)-1]; len(s) > 0; {
		c := s[0]
		if c == '"' || c < 0x20 {
			return dst, errString
		}
		if c != '\\' {
			dst = append(u.flush(dst), c)
			s = s[1:]
			continue
		}
		if len(s) < 2 {
			return dst, errString
		}
		if s[1] == 'u' {
			r, ok := hex4(s[2:])
			if !ok {
				return dst, errString
			}
			dst, s = u.unit(dst, r), s[6:]
			continue
		}
		b, ok := escapes[s[1]]
		if !ok {
			return dst, errString
		}
		dst, s = append(u.flush(dst), b), s[2:]
	}
	return dst, nil
}

// flush gives up waiting for the second half of a pair.
func (u *unquoter) flush(dst []byte) []byte {
	if u.high == 0 {
		return dst
	}
	u.high = 0
	return utf8.AppendRune(dst, utf8.RuneError)
}

// unit adds one UTF-16 code unit.
func (u *unquoter) unit(dst []byte, r rune) []byte {
	if u.high != 0 {
		if whole := utf16.DecodeRune(u.high, r); whole != utf8.RuneError {
			u.high = 0
			return utf8.AppendRune(dst, whole)
		}
		dst = u.flush(dst)
	}
	if r >= 0xd800 && r < 0xdc00 {
		u.high = r
		return dst
	}
	return utf8.AppendRune(dst, r) // a lone second half becomes U+FFFD
}

var escapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] { // ParseUint alone would take an underscore or a sign
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0, false
		}
	}
	v, err := strconv.ParseUint(string(s[:4]), 16, 16)
	return rune(v), err == nil
}

// unquote is the whole of one literal.
func unquote(q []byte) (string, error) {
	var u unquoter
	b, err := u.append(nil, q)
	return string(u.flush(b)), err
}

// appendQuoted is the inverse: a JSON string whose bytes outside ASCII's control
// characters, quote and backslash stand for themselves, valid UTF-8 or not.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// wholeRunes is the length of b without a character that has begun but not
// ended, so that what is passed on is cut between characters. Bytes that can
// begin nothing are not held back.
func wholeRunes(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if tail[0] >= utf8.RuneSelf && !utf8.FullRune(tail) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}
