package tenbit

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
)

// byTheBook is the canonical form as encoding/json makes it.
func byTheBook(t *testing.T, body []byte, without []string) (string, bool) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil || fields == nil {
		return "", false
	}
	for _, name := range without {
		delete(fields, name)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(fields); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), true
}

// FuzzCanonical holds our reader of JSON against encoding/json's.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "b" : [ 1 , -2.50e+7 , [ ] , { } ] , "a" : { "z" : null , "y" : true } } `, `{"b":1,"a":2,"b":3}`, `{"a":{"b":1,"b":{"c":[],"b":""}}}`,
		`{"stream":true,"messages":[{"role":"user","content":"a\n\"b\" <&> \u2028 \u00e9 é 😀 \ud83d\ude00 \ud83d"}]}`, `{"\u0061":"\/","a":"]}"}`, `{"a":"\\"}`, "{\"a\":\"\u2029\x7f\"}", "{\"a\":\"\xff\",\"\xff\":1,\"\xfe\":2}",
		`{"user":{"x":[{"stream":1}]},"stream":false}`, `[]`, `null`, `{`, `"x"`, `{"a":1}{`, `{"":0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := ParseFields(body)
		want, ok := byTheBook(t, body, delivery)
		if ok = ok && json.Valid(body) && depth(body) <= maxDepth; ok != (err == nil) {
			t.Fatalf("%q: got error %v", body, err)
		}
		if !ok {
			return
		}
		if got := string(canonicalFields(fields, delivery)); got != want {
			t.Errorf("%q\ngot  %q\nwant %q", body, got, want)
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(body, &raw); err != nil {
			t.Fatal(err)
		}
		same := func(a, b json.RawMessage) bool { return string(a) == string(b) }
		if !maps.EqualFunc(fields, raw, same) {
			t.Errorf("%q: got fields %q, want %q", body, fields, raw)
		}
		for _, v := range fields {
			var list []json.RawMessage
			_ = json.Unmarshal(v, &list)
			if got := array(v); len(got) != len(list) {
				t.Errorf("%q: got %d elements, want %d", v, len(got), len(list))
			}
			var text string
			isText := v[0] == '"' && json.Unmarshal(v, &text) == nil
			if got, ok := str(v); ok != isText || got != text {
				t.Errorf("%q: got the string %q, %v", v, got, ok)
			}
		}
	})
}

// TestBodyWith sets, replaces and removes fields.
func TestBodyWith(t *testing.T) {
	r, err := ParseRequest([]byte(`{"seed":1,"messages":[{"content":"a<b","role":"user"}],"n":2,"model":"m","stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.BodyWith(map[string]any{"n": nil, "model": "<x>", "stream": true, "tools": []json.RawMessage{[]byte(`{"b":1, "a":2}`)}})
	want := `{"messages":[{"content":"a<b","role":"user"}],"model":"<x>","seed":1,"stream":true,"tools":[{"a":2,"b":1}]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if _, err := r.BodyWith(map[string]any{"x": make(chan int)}); err == nil {
		t.Error("a field that is no JSON: got no error")
	}
}
