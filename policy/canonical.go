package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting bounds the depth of a JSON text that is a final answer.
const maxNesting = 32

// errUnsure says that a JSON text has no one meaning to compare.
var errUnsure = errors.New("not one plain JSON value")

// canonicalJSON is a JSON text in the form that all texts of the same value
// share: keys in order, no space, numbers by value, strings by content. An error where the
// text is not one value, or readers may differ about it: keys that occur twice,
// lone surrogates, exponents beyond what a float holds.
func canonicalJSON(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errUnsure
	}
	w := jsonWriter{dec: json.NewDecoder(strings.NewReader(text))}
	w.dec.UseNumber()
	if err := w.value(0); err != nil {
		return "", err
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return "", errUnsure
	}
	return w.out.String(), nil
}

// sameJSON reports texts of the same value.
func sameJSON(a, b string) bool {
	x, errA := canonicalJSON(a)
	y, errB := canonicalJSON(b)
	return a == b || errA == nil && errB == nil && x == y
}

type jsonWriter struct {
	dec *json.Decoder
	out strings.Builder
}

func (w *jsonWriter) value(depth int) error {
	if depth > maxNesting {
		return errUnsure
	}
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return w.array(depth)
		}
		return w.object(depth)
	case string:
		return w.text(t)
	case json.Number:
		n, ok := canonicalNumber(t.String())
		if !ok {
			return errUnsure
		}
		w.out.WriteString(n)
	case bool:
		w.out.WriteString(strconv.FormatBool(t))
	case nil:
		w.out.WriteString("null")
	}
	return nil
}

func (w *jsonWriter) array(depth int) error {
	w.out.WriteByte('[')
	for i := 0; w.dec.More(); i++ {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	_, err := w.dec.Token()
	return err
}

func (w *jsonWriter) object(depth int) error {
	fields := map[string]string{}
	var keys []string
	for w.dec.More() {
		t, err := w.dec.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if _, twice := fields[key]; twice || !ok {
			return errUnsure
		}
		v := jsonWriter{dec: w.dec}
		if err := v.value(depth + 1); err != nil {
			return err
		}
		fields[key] = v.out.String()
		keys = append(keys, key)
	}
	slices.Sort(keys)
	w.out.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.text(k); err != nil {
			return err
		}
		w.out.WriteByte(':')
		w.out.WriteString(fields[k])
	}
	w.out.WriteByte('}')
	_, err := w.dec.Token()
	return err
}

// text writes a string. The decoder puts U+FFFD where it could not tell what was meant.
func (w *jsonWriter) text(s string) error {
	if strings.ContainsRune(s, utf8.RuneError) {
		return errUnsure
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	w.out.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return nil
}

// maxExponent is about what a float holds; readers differ about numbers beyond.
const maxExponent = 308

// canonicalNumber writes a JSON number by its value: without exponent where
// that takes no more than maxDigits characters, else as digits and exponent.
// Integers and decimals stay apart, since many clients read them as two types.
func canonicalNumber(s string) (string, bool) {
	mantissa, power, _ := strings.Cut(strings.ToLower(s), "e")
	exp := 0
	if power != "" {
		var err error
		if exp, err = strconv.Atoi(power); err != nil || exp > 1<<20 || exp < -1<<20 {
			return "", false
		}
	}
	mantissa, minus := strings.CutPrefix(mantissa, "-")
	whole, part, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+part, "0")
	exp -= len(part)
	sign, dot := "", ""
	if strings.ContainsAny(s, ".eE") {
		dot = ".0"
	}
	if digits == "" {
		return "0" + dot, true
	}
	if minus {
		sign = "-"
	}
	short := strings.TrimRight(digits, "0")
	exp += len(digits) - len(short)
	digits = short
	switch point := len(digits) + exp; {
	case exp >= 0 && point <= maxDigits:
		return sign + digits + strings.Repeat("0", exp) + dot, true
	case exp < 0 && point > 0 && len(digits) < maxDigits:
		return sign + digits[:point] + "." + digits[point:], true
	case exp < 0 && point <= 0 && len(digits)-point < maxDigits-2:
		return sign + "0." + strings.Repeat("0", -point) + digits, true
	}
	if exp > maxExponent || exp < -maxExponent {
		return "", false
	}
	return sign + digits + "e" + strconv.Itoa(exp), true
}
