package tenbit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"
)

// What follows reads JSON texts that are known to be valid: encoding/json would
// check and copy each of them once more at every level.

// object returns the fields of an object, false for another value or none. Of a
// name that stands twice the last counts.
func object(text []byte) (map[string]json.RawMessage, bool) {
	i := space(text, 0)
	if i == len(text) || text[i] != '{' {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for i = space(text, i+1); text[i] != '}'; i = comma(text, i) {
		end := valueEnd(text, i)
		name, _ := str(text[i:end])
		i = space(text, space(text, end)+1) // behind the colon
		end = valueEnd(text, i)
		fields[name] = text[i:end]
		i = end
	}
	return fields, true
}

// array returns the elements of an array, nil for another value or none.
func array(text []byte) []json.RawMessage {
	i := space(text, 0)
	if i == len(text) || text[i] != '[' {
		return nil
	}
	var list []json.RawMessage
	for i = space(text, i+1); text[i] != ']'; i = comma(text, i) {
		end := valueEnd(text, i)
		list = append(list, text[i:end])
		i = end
	}
	return list
}

// str returns a string, false for another value or none.
func str(text []byte) (string, bool) {
	if len(text) < 2 || text[0] != '"' {
		return "", false
	}
	if plain(text[1 : len(text)-1]) {
		return string(text[1 : len(text)-1]), true
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err == nil
}

// plain reports the inside of a string that stands for itself and that
// encoding/json writes as it is.
func plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(s) && !bytes.Contains(s, []byte("\u2028")) && !bytes.Contains(s, []byte("\u2029"))
}

// canonical appends the canonical form of the value at text[i], and returns
// where it ends: keys sorted at every level, no insignificant space, numbers as
// they are written, strings as encoding/json writes them.
func canonical(dst, text []byte, i int) ([]byte, int) {
	switch text[i] {
	case '{':
		return canonicalObject(dst, text, i)
	case '[':
		dst = append(dst, '[')
		for i = space(text, i+1); text[i] != ']'; i = comma(text, i) {
			dst, i = canonical(dst, text, i)
			dst = append(dst, ',')
		}
		return append(bytes.TrimSuffix(dst, []byte(",")), ']'), i + 1
	}
	end := valueEnd(text, i)
	if text[i] != '"' || plain(text[i+1:end-1]) {
		return append(dst, text[i:end]...), end
	}
	s, _ := str(text[i:end])
	return appendString(dst, s), end
}

// canonicalObject is canonical for an object.
func canonicalObject(dst, text []byte, i int) ([]byte, int) {
	type member struct {
		name     string
		from, to int // in dst, with the name and the comma behind it
	}
	var members []member
	dst = append(dst, '{')
	start, rising := len(dst), true
	for i = space(text, i+1); text[i] != '}'; i = comma(text, i) {
		end := valueEnd(text, i)
		m := member{from: len(dst)}
		m.name, _ = str(text[i:end])
		dst = append(appendString(dst, m.name), ':')
		dst, i = canonical(dst, text, space(text, space(text, end)+1))
		dst = append(dst, ',')
		m.to = len(dst)
		rising = rising && (len(members) == 0 || members[len(members)-1].name < m.name)
		members = append(members, m)
	}
	if !rising {
		written := slices.Clone(dst[start:])
		slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.name, b.name) })
		dst = dst[:start]
		for i, m := range members {
			if i+1 == len(members) || members[i+1].name != m.name { // the last counts
				dst = append(dst, written[m.from-start:m.to-start]...)
			}
		}
	}
	return append(bytes.TrimSuffix(dst, []byte(",")), '}'), i + 1
}

// canonicalFields is the canonical form of an object of these fields, without
// some of them.
func canonicalFields(fields map[string]json.RawMessage, without []string) []byte {
	dst := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if slices.Contains(without, name) {
			continue
		}
		dst = append(appendString(dst, name), ':')
		dst, _ = canonical(dst, fields[name], 0)
		dst = append(dst, ',')
	}
	return append(bytes.TrimSuffix(dst, []byte(",")), '}')
}

// appendString writes a string as encoding/json does without HTML's escapes.
func appendString(dst []byte, s string) []byte {
	if plain([]byte(s)) {
		return append(append(append(dst, '"'), s...), '"')
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings can't fail
	return append(dst, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// valueEnd is where the value that begins at text[i] ends.
func valueEnd(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			if i = stringEnd(text, i); depth == 0 {
				return i
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i // of a number or a name before it
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// stringEnd is where the string that begins at text[i] ends.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// space is where the white space at text[i] ends.
func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// comma is where the next value begins, or the end of the list is.
func comma(text []byte, i int) int {
	if i = space(text, i); text[i] == ',' {
		i = space(text, i+1)
	}
	return i
}
