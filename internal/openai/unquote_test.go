package openai

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestUnquote(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		bad            bool
	}{
		{"empty", `""`, "", false},
		{"null", `null`, "", false},
		{"plain", `"abc"`, "abc", false},
		{"escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", false},
		{"unicode escape", `"\u00e9\u20AC"`, "é€", false},
		{"pair", `"\ud83d\ude00"`, "😀", false},
		{"emoji as it stands", `"😀"`, "😀", false},
		{"invalid UTF-8 stays", "\"a\xff\xfeb\xc3\"", "a\xff\xfeb\xc3", false},
		{"surrogates in UTF-8 stay", "\"\xed\xa0\x80\"", "\xed\xa0\x80", false},
		{"lone high", `"a\ud83db"`, "a\ufffdb", false},
		{"lone low", `"a\ude00b"`, "a\ufffdb", false},
		{"high at the end", `"a\ud83d"`, "a\ufffd", false},
		{"two high, one low", `"\ud83d\ud83d\ude00"`, "\ufffd😀", false},
		{"high then escape", `"\ud83d\n"`, "\ufffd\n", false},
		{"high then no surrogate", `"\ud83d\u0041"`, "\ufffdA", false},
		{"nul", `"\u0000"`, "\x00", false},
		{"no quotes", `abc`, "", true},
		{"one quote", `"`, "", true},
		{"number", `12`, "", true},
		{"open", `"abc\"`, "", true},
		{"short escape", `"\u12"`, "", true},
		{"bad hex", `"\u12g4"`, "", true},
		{"signed hex", `"\u+123"`, "", true},
		{"unknown escape", `"\x41"`, "", true},
		{"raw newline", "\"a\nb\"", "", true},
		{"quote inside", `"a"b"`, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := unquote([]byte(tt.in))
			if (err != nil) != tt.bad || !tt.bad && got != tt.want {
				t.Errorf("unquote(%q): got %q, %v; want %q, error %v", tt.in, got, err, tt.want, tt.bad)
			}
		})
	}
}

func TestUnquoteAcrossStrings(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []string
		want string
	}{
		{"pair", []string{`"a\ud83d"`, `"\ude00b"`}, "a😀b"},
		{"pair with an empty delta between", []string{`"\ud83d"`, `""`, `null`, `"\ude00"`}, "😀"},
		{"half, then text", []string{`"\ud83d"`, `"x"`}, "\ufffdx"},
		{"half at the very end", []string{`"x"`, `"\ud83d"`}, "x\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var u unquoter
			var out []byte
			for _, in := range tt.in {
				var err error
				if out, err = u.append(out, []byte(in)); err != nil {
					t.Fatal(err)
				}
			}
			if got := string(u.flush(out)); got != tt.want {
				t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestWholeRunes(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int
	}{
		{"", 0},
		{"abc", 3},
		{"abé", 4},
		{"ab\xc3", 2},
		{"ab\xe2\x82", 2},
		{"ab\xf0\x9f\x98", 2},
		{"\xf0\x9f", 0},
		{"ab\xff", 3},
		{"ab\x80\x80", 4},
		{"\x80\x80\x80\x80", 4},
		{"ab\xe2\x28", 4},
	} {
		if got := wholeRunes([]byte(tt.in)); got != tt.want {
			t.Errorf("wholeRunes(%q): got %d, want %d", tt.in, got, tt.want)
		}
	}
}

// FuzzUnquote holds unquote to encoding/json, which differs in replacing what
// is not UTF-8 only, and to appendQuoted as its inverse.
func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`"abc"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\u00e9\n"`, "\"\xff\"", `"\x"`, `null`, `""`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := unquote(in)
		if len(got) > 3*len(in) {
			t.Errorf("%q: got %d bytes from %d", in, len(got), len(in))
		}
		var want string
		isString := string(in) == "null" || json.Valid(in) && in[0] == '"' && in[len(in)-1] == '"'
		if utf8.Valid(in) && isString {
			if e := json.Unmarshal(in, &want); e != nil || err != nil || got != want {
				t.Errorf("%q: got %q, %v; want %q, %v", in, got, err, want, e)
			}
		}
		if (err == nil) != isString {
			t.Errorf("%q: got error %v, JSON string: %v", in, err, isString)
		}
		back, err := unquote(appendQuoted(nil, string(in)))
		if err != nil || back != string(in) {
			t.Errorf("%q: quoted and unquoted: got %q, %v", in, back, err)
		}
	})
}
