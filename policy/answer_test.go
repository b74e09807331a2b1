package policy

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"tenbit"
	"tenbit/codec"
)

// toolsFor offers functions of these names.
func toolsFor(names ...string) map[string]any {
	var tools []any
	for _, n := range names {
		tools = append(tools, map[string]any{"type": "function", "function": map[string]any{"name": n}})
	}
	return map[string]any{"tools": tools}
}

// format is a response_format of this type.
func format(kind string) map[string]any {
	f := map[string]any{"type": kind}
	if kind == "json_schema" {
		f["json_schema"] = map[string]any{"name": "s", "schema": map[string]any{"type": "object"}}
	}
	return map[string]any{"response_format": f}
}

// calling is a message with calls: id, name and arguments of each.
func calling(calls ...[3]string) tenbit.Message {
	var list []any
	for _, c := range calls {
		list = append(list, map[string]any{"id": c[0], "type": "function", "function": map[string]any{"name": c[1], "arguments": c[2]}})
	}
	raw, _ := json.Marshal(list) // strings only
	return tenbit.Message{ToolCalls: raw}
}

func TestAnswerOfJSON(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for _, tt := range []struct{ name, format, text, want string }{
		{"keys in order", "json_object", `{"b": 2, "a": 1}`, `{"a":1,"b":2}`},
		{"space and lines", "json_object", "\n{\n\t\"a\" : [ 1 , 2 ]\n}\n", `{"a":[1,2]}`},
		{"nested keys", "json_schema", `{"z":{"y":1,"x":[{"d":1,"c":2}]}}`, `{"z":{"x":[{"c":2,"d":1}],"y":1}}`},
		{"order of a list says something", "json_object", `{"a":[2,1]}`, `{"a":[2,1]}`},
		{"escapes", "json_object", `{"a":"\u0041\/\u00e9"}`, `{"a":"A/é"}`},
		{"a pair of surrogates", "json_object", `{"a":"\ud83d\ude00"}`, `{"a":"😀"}`},
		{"HTML stays", "json_object", `{"a":"<b>&"}`, `{"a":"<b>&"}`},
		{"line end in a string", "json_object", `{"a":"x\ny"}`, `{"a":"x\ny"}`},
		{"decimals by value", "json_object", `{"a":1.50,"b":15e-1}`, `{"a":1.5,"b":1.5}`},
		{"integers and decimals apart", "json_object", `{"a":1.0,"b":1,"c":1e0}`, `{"a":1.0,"b":1,"c":1.0}`},
		{"zeros", "json_object", `{"a":-0,"b":0.00,"c":0e5}`, `{"a":0,"b":0.0,"c":0.0}`},
		{"many digits", "json_object", `{"a":123456789012345678901234567890}`, `{"a":123456789012345678901234567890}`},
		{"large exponent", "json_object", `{"a":1.5E+300}`, `{"a":15e299}`},
		{"small exponent", "json_object", `{"a":-2.50e-3}`, `{"a":-0.0025}`},
		{"enum under a schema", "json_schema", `"red"`, `"red"`},
		{"number under a schema", "json_schema", `42`, `42`},
		{"true, false, null", "json_object", `{"c":null,"b":false,"a":true}`, `{"a":true,"b":false,"c":null}`},
		{"empty object", "json_object", `{}`, `{}`},
		{"text that states an answer", "json_object", `{"answer":"Answer: 7"}`, `{"answer":"Answer: 7"}`},

		{"key twice", "json_object", `{"a":1,"a":2}`, ""},
		{"key twice, escaped", "json_object", `{"a":1,"\u0061":2}`, ""},
		{"key twice, deep", "json_object", `{"x":[{"a":1,"a":1}]}`, ""},
		{"lone surrogate", "json_object", `{"a":"\ud800"}`, ""},
		{"lone surrogate in a key", "json_object", `{"\udc00":1}`, ""},
		{"invalid UTF-8", "json_object", "{\"a\":\"\xff\"}", ""},
		{"cut short", "json_object", `{"a":1,"b":`, ""},
		{"two values", "json_object", `{"a":1}{"a":1}`, ""},
		{"text behind", "json_object", `{"a":1} I hope this helps`, ""},
		{"fenced", "json_object", "```json\n{\"a\":1}\n```", ""},
		{"no object", "json_object", `7`, ""},
		{"list for an object", "json_object", `[1]`, ""},
		{"Python", "json_object", `{'a': True}`, ""},
		{"NaN", "json_object", `{"a":NaN}`, ""},
		{"exponent out of range", "json_object", `{"a":1e999999999999}`, ""},
		{"too deep", "json_schema", deep, ""},
		{"a document", "json_object", `{"summary":"` + strings.Repeat("and so it goes ", 12) + `"}`, ""},
		{"too long", "json_object", `{"a":"` + strings.Repeat("x", 600) + `"}`, ""},
		{"nothing", "json_object", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, "How much is it?", format(tt.format))
			got, ok := AnswerOf(req, message(tt.text))
			if got2 := map[bool]string{true: got}[ok]; got2 != tt.want {
				t.Errorf("AnswerOf(%q): got %q, want %q", tt.text, got2, tt.want)
			}
			if Closed(req, message(tt.text)) != (tt.want != "") {
				t.Errorf("Closed(%q): got %v", tt.text, tt.want == "")
			}
		})
	}
}

func TestAnswerOfCalls(t *testing.T) {
	raw := func(s string) tenbit.Message { return tenbit.Message{ToolCalls: json.RawMessage(s)} }
	for _, tt := range []struct {
		name string
		m    tenbit.Message
		want string
	}{
		{"one call", calling([3]string{"x", "f", `{"city": "Paris"}`}), `f({"city":"Paris"})`},
		{"key order and space", calling([3]string{"x", "f", "{ \"b\":2,\n\"a\":1 }"}), `f({"a":1,"b":2})`},
		{"ids say nothing", calling([3]string{"", "f", `{}`}), `f({})`},
		{"no arguments", calling([3]string{"x", "f", ``}), `f({})`},
		{"two calls", calling([3]string{"x", "f", `{}`}, [3]string{"y", "g", `{"a":1}`}), `f({});g({"a":1})`},
		{"their order says something", calling([3]string{"y", "g", `{"a":1}`}, [3]string{"x", "f", `{}`}), `g({"a":1});f({})`},
		{"without a type", raw(`[{"function":{"name":"f","arguments":"{}"}}]`), `f({})`},
		{"a string with a call in it", calling([3]string{"x", "f", `{"a":"});g({"}`}), `f({"a":"});g({"})`},

		{"a function that nobody offered", calling([3]string{"x", "rm", `{}`}), ""},
		{"one of two that nobody offered", calling([3]string{"x", "f", `{}`}, [3]string{"x", "rm", `{}`}), ""},
		{"arguments cut short", calling([3]string{"x", "f", `{"a":`}), ""},
		{"arguments are no object", calling([3]string{"x", "f", `[1]`}), ""},
		{"argument twice", calling([3]string{"x", "f", `{"a":1,"a":2}`}), ""},
		{"a document as argument", calling([3]string{"x", "f", `{"a":"` + strings.Repeat("w ", 60) + `"}`}), ""},
		{"a custom tool", raw(`[{"type":"custom","custom":{"name":"f","input":"x"}}]`), ""},
		{"arguments as an object", raw(`[{"function":{"name":"f","arguments":{}}}]`), ""},
		{"no list", raw(`{"function":{"name":"f"}}`), ""},
		{"empty list", raw(`[]`), ""},
		{"text and a call", tenbit.Message{Content: "I look it up.", ToolCalls: calling([3]string{"x", "f", `{}`}).ToolCalls}, ""},
		{"refused", tenbit.Message{Refusal: "no", ToolCalls: calling([3]string{"x", "f", `{}`}).ToolCalls}, ""},
		{"text alone", message("Answer: 7"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, "How much is it?", toolsFor("f", "g"))
			got, ok := AnswerOf(req, tt.m)
			if got2 := map[bool]string{true: got}[ok]; got2 != tt.want {
				t.Errorf("AnswerOf(%s): got %q, want %q", tt.m.ToolCalls, got2, tt.want)
			}
		})
	}
	if a, ok := AnswerOf(request(t, "x"), calling([3]string{"x", "f", `{}`})); ok {
		t.Errorf("without tools: got %q", a)
	}
}

// TestAnswerOfTexts: the system prompt may say among which words to choose, and
// requests whose form we can't keep have no final answers.
func TestAnswerOfTexts(t *testing.T) {
	system := func(prompt, text string) map[string]any {
		return map[string]any{"messages": []map[string]string{{"role": "system", "content": prompt}, {"role": "user", "content": text}}}
	}
	for _, tt := range []struct {
		name   string
		fields map[string]any
		text   string
		want   string
	}{
		{"a word of the system prompt's list", system("You sort mail. Answer with one of: urgent, normal, junk.", "Win now!"), "Junk.", "junk"},
		{"its last word", system("Reply with one of \"yes\", \"no\" or \"maybe\".", "Will it rain?"), "MAYBE", "maybe"},
		{"the user's list counts more", system("Reply with one of: a1, b2.", "Choose between x7 and y8."), "y8", "y8"},
		{"a word of none", system("You sort mail. Answer with one of: urgent, normal, junk.", "Win now!"), "spam", ""},
		{"a number", nil, "Answer: 7", "7"},
		{"stop strings", map[string]any{"stop": "x"}, "Answer: 7", ""},
		{"two completions", map[string]any{"n": 2}, "Answer: 7", ""},
		{"tools, but text", toolsFor("f"), "Answer: 7", ""},
		{"an enum of a schema", map[string]any{"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "s", "schema": map[string]any{"enum": []string{"red", "blue"}}}}}, ` "red" `, `"red"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, "How much is it?", tt.fields)
			got, ok := AnswerOf(req, message(tt.text))
			if got2 := map[bool]string{true: got}[ok]; got2 != tt.want {
				t.Errorf("AnswerOf(%q): got %q, want %q", tt.text, got2, tt.want)
			}
			if tt.want != "" && !special(req) {
				draft := message(tt.text)
				if c := Resolve(t.Context(), nil, req, &draft, got); !states(req, c.Message.Content, got) {
					t.Errorf("resolved to %q, which doesn't state %q", c.Message.Content, got)
				}
			}
		})
	}
}

// TestVoteOnForms: samples of JSON and of tool calls vote by what they say, the
// far side picks one or says it in full, and the edge's decoder reads that.
func TestVoteOnForms(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fields  map[string]any
		samples []tenbit.Message
		large   tenbit.Message
		votes   []int
		mode    tenbit.Mode
		index   int
	}{
		{"JSON, the leading one", format("json_object"), []tenbit.Message{message(`{"a":1,"b":2}`), message(`{"b": 2, "a": 1}`), message(`{"a":2}`)}, message("{\n \"b\": 2, \"a\": 1}"), []int{2, 1}, tenbit.ModeAccept, 0},
		{"JSON, another one", format("json_object"), []tenbit.Message{message(`{"n":1}`), message(`{"n":1}`), message(`{"n":22222}`), message("oops")}, message(`{ "n": 22222 }`), []int{2, 1}, tenbit.ModeSelect, 1},
		{"JSON, none of them", format("json_schema"), []tenbit.Message{message(`{"n":1}`), message(`{"n":2}`)}, message(`{"n":3}`), []int{1, 1}, tenbit.ModeFull, 0},
		{"calls, the leading one", toolsFor("f"), []tenbit.Message{calling([3]string{"a", "f", `{"x":1}`}), calling([3]string{"b", "f", `{ "x":1}`})}, calling([3]string{"c", "f", `{"x": 1}`}), []int{2}, tenbit.ModeAccept, 0},
		{"calls, another one", toolsFor("f", "g"), []tenbit.Message{calling([3]string{"a", "f", `{"x":1}`}), calling([3]string{"b", "g", `{"x":1}`})}, calling([3]string{"c", "g", `{"x": 1}`}), []int{1, 1}, tenbit.ModeSelect, 1},
		{"calls, none of them", toolsFor("f", "g"), []tenbit.Message{calling([3]string{"a", "f", `{"x":1}`}), calling([3]string{"b", "g", `{"x":1}`})}, calling([3]string{"c", "f", `{"x":2}`}), []int{1, 1}, tenbit.ModeFull, 0},
		{"calls, the large model talks", toolsFor("f"), []tenbit.Message{calling([3]string{"a", "f", `{"x":1}`})}, message("Which x?"), []int{1}, tenbit.ModeFull, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, "Do it.", tt.fields)
			local := modelFunc(func(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
				i := 0
				if s.Seed != nil {
					i = int(*s.Seed)
				}
				return tenbit.Completion{Message: tt.samples[i], Finish: tenbit.FinishStop}, nil
			})
			d, err := Drafter{Local: local, Samples: len(tt.samples), Seed: 1}.Draft(t.Context(), req)
			if err != nil || len(d.Candidates) != len(tt.votes) {
				t.Fatalf("candidates %v, %v; want %d", d.Candidates, err, len(tt.votes))
			}
			ask := d.Ask(req)
			ask.Limit, ask.Modes = 4000*tenbit.Bit, allModes
			e := codec.NewEncoder()
			if err := (CandidateCoder{}).Write(e, ask, nil); err != nil {
				t.Fatal(err)
			}
			dec := codec.NewDecoder()
			dec.Feed(e.Finish())
			dec.End()
			crossed := ask
			crossed.Candidates = nil
			if crossed.Candidates, err = (CandidateCoder{}).Read(dec, crossed, nil); err != nil {
				t.Fatal(err)
			}
			for i, v := range tt.votes {
				if crossed.Candidates[i].Votes != v {
					t.Errorf("candidate %d: got %d votes, want %d", i, crossed.Candidates[i].Votes, v)
				}
			}
			sent, r := serve(t, &script{comp: tenbit.Completion{Message: tt.large, Finish: tenbit.FinishStop}}, crossed)
			if r.Mode != tt.mode || r.Index != tt.index {
				t.Errorf("got %v %d, want %v %d", r.Mode, r.Index, tt.mode, tt.index)
			}
			if r.Mode == tenbit.ModeFull && (r.Message.Content != tt.large.Content || string(r.Message.ToolCalls) != string(tt.large.ToolCalls)) {
				t.Errorf("got %+v, want %+v", r.Message, tt.large)
			}
			if r.Mode != tenbit.ModeFull && sent.Bits > 4*tenbit.Bit {
				t.Errorf("%v bits to pick a candidate", sent.Bits)
			}
		})
	}
}

// FuzzCanonicalJSON: a canonical text is JSON of the same value for readers that
// keep numbers as they are, and canonical itself.
func FuzzCanonicalJSON(f *testing.F) {
	for _, s := range []string{`{"b":[1.50,-0,2e3],"a":"\u0041\n"}`, `[[],{},null,true]`, `1e308`, `{"a":1,"a":2}`, `"\ud83d\ude00"`, `0.00012`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := canonicalJSON(text)
		if err != nil {
			return
		}
		again, err := canonicalJSON(c)
		if err != nil || again != c {
			t.Fatalf("%q: canonical %q, then %q, %v", text, c, again, err)
		}
		var a, b any
		if json.Unmarshal([]byte(text), &a) != nil {
			return // beyond a float
		}
		if json.Unmarshal([]byte(c), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%q: %v, canonical %q: %v", text, a, c, b)
		}
		if strings.ContainsAny(c, "\r\n") {
			t.Errorf("%q: canonical %q has line ends", text, c)
		}
	})
}

// FuzzCanonicalCalls: canonical calls depend on names and arguments alone, and
// tell different ones apart.
func FuzzCanonicalCalls(f *testing.F) {
	f.Add("f", `{"a":1}`, "g", `{}`)
	f.Add("f", `{"a":"});f({"}`, "f", ``)
	f.Fuzz(func(t *testing.T, name, args, name2, args2 string) {
		one, ok := canonicalCalls(calling([3]string{"1", name, args}, [3]string{"2", name2, args2}).ToolCalls)
		if !ok {
			return
		}
		x, _ := canonicalJSON(args)
		y, _ := canonicalJSON(args2)
		spread, ok := canonicalCalls(calling([3]string{"", name, x + " "}, [3]string{"3", name2, " " + y}).ToolCalls)
		if !ok || spread != one {
			t.Errorf("%q and %q", one, spread)
		}
		swapped, _ := canonicalCalls(calling([3]string{"2", name2, args2}, [3]string{"1", name, args}).ToolCalls)
		if (swapped == one) != (name == name2 && sameJSON(orObject(args), orObject(args2))) {
			t.Errorf("%q in the other order is %q", one, swapped)
		}
	})
}

func orObject(args string) string {
	if strings.TrimSpace(args) == "" {
		return "{}"
	}
	return args
}
