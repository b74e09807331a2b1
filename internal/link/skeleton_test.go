package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"tenbit/codec"

	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, body, skeleton string
		texts                []string
	}{
		{"nothing", ``, ``, nil},
		{"a question", `{"messages":[{"content":"Is 2 \\cdot 3\n\"six\"?","role":"user"}]}`, "{\"messages\":[{\"content\":\x01,\"role\":\"user\"}]}", []string{"Is 2 \\cdot 3\n\"six\"?"}},
		{"short strings stay", `{"content":"Hello \"you\"","model":"m"}`, `{"content":"Hello \"you\"","model":"m"}`, nil},
		{"names stay", `{"a_rather_long_name_of_a_field":1}`, `{"a_rather_long_name_of_a_field":1}`, nil},
		{"other escapes stay", `["first of all, \u0001 and \b","and then, the second"]`, "[\"first of all, \\u0001 and \\b\",\x01]", []string{"and then, the second"}},
		{"it ends in a string", `,{"content":"And what do you th`, `,{"content":"And what do you th`, nil},
		{"a backslash at the end", `"of what is not even JSON\`, `"of what is not even JSON\`, nil},
	}
	for _, tt := range tests {
		skeleton, texts := split([]byte(tt.body))
		if string(skeleton) != tt.skeleton || !slices.EqualFunc(texts, tt.texts, func(a []byte, b string) bool { return string(a) == b }) {
			t.Errorf("%s: got %q and %q, want %q and %q", tt.name, skeleton, texts, tt.skeleton, tt.texts)
		}
		if got := join(skeleton, texts); string(got) != tt.body {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.body)
		}
	}
}

// FuzzSplit: whatever has no gap of its own is put together as it was.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{"messages":[{"content":"\\frac{1}{2}\n\"x\"\u0000, and so on","role":"user"}]}`, `\"aaaaaaaaaaaaaaaaaaaaaa\\"`, "\"line\n break\t, raw, long enough\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if bytes.ContainsFunc(p, func(r rune) bool { return r < ' ' }) {
			return // no JSON has these
		}
		skeleton, texts := split(p)
		if got := join(skeleton, texts); !bytes.Equal(got, p) {
			t.Fatalf("%q became %q", p, got)
		}
	})
}

// TestBodiesOverRefs: a body is what it was, wherever it parts from a ref, in
// strings and in the middle of escapes.
func TestBodiesOverRefs(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab \"\\\n\x01é")), 0, 60, -1)
	rapid.Check(t, func(t *rapid.T) {
		body := func(name string) []byte {
			b, err := json.Marshal(map[string]any{"messages": []any{map[string]string{"role": "user", "content": text.Draw(t, name)}}, "model": text.Draw(t, name)})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		k := kit{model: codec.Default(), history: &history{refs: []ref{body("ref")}}}
		want := body("body")
		at := place{at: rapid.IntRange(-1, 0).Draw(t, "at")}
		if at.at == 0 {
			most := func(a, b []byte) (n int) {
				for n < min(len(a), len(b)) && a[n] == b[n] {
					n++
				}
				return n
			}
			r := k.refs()[0]
			at.from = rapid.IntRange(0, most(r, want)).Draw(t, "from")
			back := func(b []byte) []byte { b = slices.Clone(b[at.from:]); slices.Reverse(b); return b }
			at.to = len(r) - rapid.IntRange(0, most(back(r), back(want))).Draw(t, "tail")
		}
		var parts [][]byte
		k.body(at).write(func(_ codec.Predictor, p []byte) { parts = append(parts, p) }, at.fresh(want, k.refs()))
		got, err := k.body(at).read(func(codec.Predictor) ([]byte, error) {
			if len(parts) == 0 {
				return nil, errors.New("nothing left")
			}
			p := parts[0]
			parts = parts[1:]
			return p, nil
		})
		if err != nil || !bytes.Equal(at.whole(got, k.refs()), want) || len(parts) > 0 {
			t.Fatalf("%s became %s, %v", want, at.whole(got, k.refs()), err)
		}
	})
}
