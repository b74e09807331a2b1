package openai_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/openai"
)

func TestStreamsThatEndBadly(t *testing.T) {
	const chunk = `data: {"choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}` + "\n\n"
	for _, tt := range []struct {
		name        string
		b           fake.Behaviour
		content     string
		incomplete  bool
		unavailable bool
	}{
		{"no finish_reason and no [DONE]", fake.Behaviour{Content: "half", Finish: "null", NoDone: true}, "half", true, false},
		{"[DONE] without finish_reason", fake.Behaviour{Content: "half", Finish: "null"}, "half", true, false},
		{"finish_reason without [DONE]", fake.Behaviour{Content: "whole", NoDone: true}, "whole", false, false},
		{"cut in the middle", fake.Behaviour{Content: "half and more", CutAfter: 2}, "half ", true, false},
		{"cut before the end", fake.Behaviour{Content: "half", CutAfter: 3, NoDone: true, Prompt: 1}, "half", true, false},
		{"error in the middle", fake.Behaviour{Content: "half and more", ErrorAfter: 2}, "half ", true, false},
		{"error at once", fake.Behaviour{Content: "half", ErrorAfter: 1}, "", false, true},
		{"event named error", fake.Behaviour{Raw: []byte(chunk + "event: error\ndata: {\"message\":\"x\"}\n\n")}, "half", true, false},
		{"empty", fake.Behaviour{Raw: []byte{}}, "", true, false},
		{"pings only", fake.Behaviour{Raw: []byte(": ping\n\n: ping\n\n")}, "", true, false},
		{"HTML", fake.Behaviour{Raw: []byte("<html>"), Type: "text/html"}, "", true, false},
		{"garbage in the middle", fake.Behaviour{Raw: []byte(chunk + "data: <html>\n\n")}, "half", true, false},
		{"cut JSON in the middle", fake.Behaviour{Raw: []byte(chunk + chunk[:40])}, "half", true, false},
		{"not a string", fake.Behaviour{Raw: []byte(chunk + `data: {"choices":[{"delta":{"content":{}}}]}` + "\n\n")}, "half", true, false},
		{"status 500", fake.Refuses(500, "", "", ""), "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, tt.b)
			var sunk strings.Builder
			got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(s string) error { sunk.WriteString(s); return nil }})
			if got.Message.Content != tt.content || sunk.String() != tt.content {
				t.Errorf("got content %q, sink %q; want %q", got.Message.Content, sunk.String(), tt.content)
			}
			if errors.Is(err, tenbit.ErrIncomplete) != tt.incomplete || errors.Is(err, tenbit.ErrUnavailable) != tt.unavailable {
				t.Errorf("got %v; want incomplete %v, unavailable %v", err, tt.incomplete, tt.unavailable)
			}
			if err != nil && got.Finish != "" {
				t.Errorf("got finish %q with an error", got.Finish)
			}
			if got.Cost.WireUp == 0 || got.Cost.WireDown == 0 {
				t.Errorf("got cost %+v, want bytes both ways", got.Cost)
			}
		})
	}
}

// Servers that ignore the wish to stream, or stream unasked, are understood.
func TestOtherForm(t *testing.T) {
	whole := []byte(`{"choices":[{"message":{"content":"abc"},"finish_reason":"stop"}]}`)
	stream := []byte(`data: {"choices":[{"delta":{"content":"abc"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n")
	for _, tt := range []struct {
		name string
		b    fake.Behaviour
		sink bool
	}{
		{"whole instead of a stream", fake.Behaviour{Raw: whole, Type: "application/json; charset=utf-8"}, true},
		{"stream instead of a whole", fake.Behaviour{Raw: stream, Type: "text/event-stream; charset=utf-8"}, false},
		{"whole without a type", fake.Behaviour{Raw: whole, Type: "text/plain"}, false},
		{"stream without a type", fake.Behaviour{Raw: stream, Type: "text/plain"}, true},
		{"whole instead of a stream, as text", fake.Behaviour{Raw: whole, Type: "text/plain"}, true},
		{"whole instead of a stream, as JSON of a kind", fake.Behaviour{Raw: whole, Type: "application/problem+json"}, true},
		{"whole instead of a stream, no type, behind spaces", fake.Behaviour{Raw: append([]byte(" \r\n\t"), whole...), Type: " "}, true},
		{"stream behind empty lines, no type", fake.Behaviour{Raw: append([]byte("\n\n"), stream...), Type: " "}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, tt.b)
			var sunk string
			var s tenbit.Sampling
			if tt.sink {
				s.Sink = func(text string) error { sunk += text; return nil }
			}
			got, err := c.Complete(t.Context(), request(t, hello), s)
			if err != nil || got.Message.Content != "abc" || tt.sink && sunk != "abc" {
				t.Errorf("got %q, sink %q, %v", got.Message.Content, sunk, err)
			}
		})
	}
}

// Arguments, unknown fields and bytes that are not UTF-8 stay as they are.
func TestToolCallsAreExact(t *testing.T) {
	const raw = `[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"x\": 1.50,\"s\":\"` + "\xff" + `\"}","strict":[1, 2]},"extra":{"b":2,"a":1}}]`
	for _, sink := range []tenbit.Sink{nil, func(string) error { return nil }} {
		c, _ := serve(t, fake.Behaviour{ToolCalls: json.RawMessage(raw), Finish: "tool_calls"})
		got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink})
		if err != nil || string(got.Message.ToolCalls) != raw || got.Finish != tenbit.FinishToolCalls {
			t.Errorf("stream %v: got %q, %q, %v; want %q", sink != nil, got.Message.ToolCalls, got.Finish, err, raw)
		}
	}
}

// A stream without a type passes its first event on before there is another.
func TestOtherFormDoesNotWait(t *testing.T) {
	stop := errors.New("enough")
	step := make(chan struct{}, 2)
	step <- struct{}{} // the role
	step <- struct{}{} // the first text; the rest would wait for ever
	c, u := serve(t, fake.Behaviour{Content: "much more", Step: step, Type: "text/plain"})
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return stop }})
	if !errors.Is(err, stop) || got.Message.Content != "much " {
		t.Errorf("got %q, %v; want the sink's error", got.Message.Content, err)
	}
	<-u.Left()
}

func TestToolCallsOfAWholeAnswer(t *testing.T) {
	for _, tt := range []struct{ name, calls, want string }{
		{"null", `null`, ""},
		{"none", `[ ]`, ""},
		{"only nulls", `[null]`, ""},
		{
			"arguments as an object",
			`[{"type":"function", "id":"a","function":{"name":"f","arguments":{"x": "\"1"}}}]`,
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": \"\\\"1\"}"}}]`,
		},
		{
			"one index, one id, no id",
			`[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},null,{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"function":{"name":"g","arguments":"{}"}}]`,
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},` +
				`{"id":"","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		},
		{
			"no arguments",
			`[{"id":"a","function":{"name":"f"}},{"id":"b","function":{"name":"g","arguments":null}},{"id":"c","function":{"name":"h","arguments":" "}},{"id":"d","custom":{"name":"sh","input":""}}]`,
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}},` +
				`{"id":"c","type":"function","function":{"name":"h","arguments":"{}"}},{"id":"d","type":"custom","custom":{"name":"sh","input":""}}]`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, fake.Behaviour{ToolCalls: json.RawMessage(tt.calls), Content: "x"})
			got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{})
			if diff := cmp.Diff(tt.want, string(got.Message.ToolCalls)); diff != "" || err != nil {
				t.Errorf("error %v; calls (-want +got):\n%s", err, diff)
			}
			if (got.Finish == tenbit.FinishToolCalls) != (tt.want != "") {
				t.Errorf("got finish %q", got.Finish)
			}
		})
	}
}

// A call that the limit on tokens cut may have lost its arguments.
func TestCutToolCallHasNoArguments(t *testing.T) {
	const raw = `[{"id":"a","type":"function","function":{"name":"f","arguments":""}}]`
	for _, sink := range []tenbit.Sink{nil, func(string) error { return nil }} {
		c, _ := serve(t, fake.Behaviour{ToolCalls: json.RawMessage(raw), Finish: "length"})
		got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink})
		if err != nil || string(got.Message.ToolCalls) != raw || got.Finish != tenbit.FinishLength {
			t.Errorf("stream %v: got %s, %q, %v; want %s", sink != nil, got.Message.ToolCalls, got.Finish, err, raw)
		}
	}
}

func TestToolCallsAreAssembled(t *testing.T) {
	for _, tt := range []struct {
		name   string
		deltas []string
		want   string
	}{
		{
			"one, in pieces",
			[]string{
				`[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]`,
				`[{"index":0,"function":{"arguments":"{\"x\":"}}]`, `[{"index":0,"function":{"arguments":"1}"}}]`,
			},
			`[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]`,
		},
		{
			"two, interleaved, in the order of the index",
			[]string{
				`[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{"}}]`,
				`[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"index":1,"function":{"arguments":"}"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		},
		{
			"no index",
			[]string{
				`[{"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]`, `[{"function":{"arguments":"}"}}]`,
				`[{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		},
		{
			"id and name repeated, nulls, no type",
			[]string{
				`[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]`,
				`[{"index":0,"id":"a","type":null,"function":{"name":"f","arguments":null}}]`,
				`[{"index":0,"id":"","function":{"name":"","arguments":"}"}}]`, `null`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]`,
		},
		{
			"arguments as an object",
			[]string{`[{"index":0,"id":"a","function":{"name":"f","arguments":{"x": 1}}}]`},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]`,
		},
		{
			"escapes cut in two, invalid UTF-8, control characters",
			[]string{
				`[{"index":0,"id":"a","function":{"name":"f","arguments":"\ud83d"}}]`,
				`[{"index":0,"function":{"arguments":"\ude00` + "\xff" + `\u0001\n"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"😀` + "\xff" + `\u0001\n"}}]`,
		},
		{
			"custom tool and unknown fields",
			[]string{
				`[{"index":0,"id":"a","type":"custom","custom":{"name":"sh","input":"l"},"z":1,"signature":{"k":"v"}}]`,
				`[{"index":0,"custom":{"input":"s"}}]`,
			},
			`[{"id":"a","type":"custom","custom":{"name":"sh","input":"ls"},"signature":{"k":"v"},"z":1}]`,
		},
		{
			"one index for all, other ids",
			[]string{
				`[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}},{"index":0,"function":{"arguments":"}"}}]`,
				`[{"index":0,"id":"b","function":{"name":"f","arguments":""}}]`, `[{"index":0,"function":{"arguments":"{\"x\":"}}]`,
				`[{"index":0,"id":"b","function":{"arguments":"1"}}]`, `[{"index":0,"function":{"arguments":"}"}}]`, `[{"index":0,"id":"c"}]`, `[{"index":0,"function":{"name":"g"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},` +
				`{"id":"c","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		},
		{
			"ids that come again",
			[]string{
				`[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}},{"index":0,"id":"b","function":{"name":"g","arguments":"{"}}]`,
				`[{"index":0,"id":"a","function":{"arguments":"}"}},{"index":0,"id":"b","function":{"arguments":"}"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		},
		{
			"one index in one delta, no ids",
			[]string{`[{"index":0,"id":"","function":{"name":"f","arguments":"{}"}},{"index":0,"id":"","function":{"name":"g","arguments":"{}"}}]`},
			`[{"id":"","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		},
		{
			"an id for each delta, and the name",
			[]string{`[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]`, `[{"index":0,"id":"b","function":{"name":"f","arguments":"1}"}}]`},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]`,
		},
		{
			"one index for all, before another",
			[]string{
				`[{"index":1,"id":"c","function":{"name":"f"}}]`, `[{"index":0,"id":"a","function":{"name":"f"}}]`, `[{"index":0,"id":"b","function":{"name":"f"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}},` +
				`{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]`,
		},
		{
			"an id for each delta", // vLLM's, for one
			[]string{
				`[{"index":0,"id":"a","function":{"name":"f"}}]`, `[{"index":0,"id":"b","function":{"arguments":"{"}}]`, `[{"index":0,"id":"c","function":{"arguments":"}"}}]`,
			},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]`,
		},
		{
			"the id comes late",
			[]string{`[{"index":0,"function":{"name":"f","arguments":"{"}}]`, `[{"index":0,"id":"a","function":{"arguments":"}"}}]`},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]`,
		},
		{
			"two in a delta, neither index nor id",
			[]string{`[{"function":{"name":"f","arguments":"{"}}]`, `[{"function":{"arguments":"}"}},null,{"function":{"name":"f","arguments":"{}"}}]`, `[null]`},
			`[{"id":"","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"","type":"function","function":{"name":"f","arguments":"{}"}}]`,
		},
		{
			"no arguments",
			[]string{`[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]`, `[{"index":1,"id":"b","type":"custom","custom":{"name":"sh","input":""}}]`},
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"custom","custom":{"name":"sh","input":""}}]`,
		},
		{"none", []string{`[]`, `null`, `[null]`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var raw strings.Builder
			for _, d := range tt.deltas {
				raw.WriteString(`data: {"choices":[{"index":0,"delta":{"tool_calls":` + d + `},"finish_reason":null}]}` + "\n\n")
			}
			raw.WriteString(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n")
			c, _ := serve(t, fake.Behaviour{Raw: []byte(raw.String())})
			got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return nil }})
			if diff := cmp.Diff(tt.want, string(got.Message.ToolCalls)); diff != "" || err != nil {
				t.Errorf("error %v; calls (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestToolCallsThatAreNone(t *testing.T) {
	for name, d := range map[string]string{
		"no array":           `{"index":0}`,
		"no objects":         `[1]`,
		"negative index":     `[{"index":-1}]`,
		"index is no number": `[{"index":"0"}]`,
		"name is no string":  `[{"index":0,"function":{"name":1}}]`,
		"function is none":   `[{"index":0,"function":"f"}]`,
		"arguments a number": `[{"index":0,"function":{"name":"f","arguments":1}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, fake.Behaviour{Raw: []byte(`data: {"choices":[{"delta":{"tool_calls":` + d + `}}]}` + "\n\n")})
			if _, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return nil }}); !errors.Is(err, tenbit.ErrIncomplete) {
				t.Errorf("got %v, want ErrIncomplete", err)
			}
		})
	}
}

func TestTooManyToolCalls(t *testing.T) {
	var calls []string
	for range 300 {
		calls = append(calls, `{"id":"x"}`)
	}
	c, _ := serve(t, fake.Behaviour{ToolCalls: json.RawMessage("[" + strings.Join(calls, ",") + "]")})
	_, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return nil }})
	if !errors.Is(err, openai.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestRefusalAndLegacyFunctionCall(t *testing.T) {
	for _, sink := range []tenbit.Sink{nil, func(string) error { return nil }} {
		c, _ := serve(t, fake.Behaviour{Refusal: "I won't \xff"})
		got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink})
		if err != nil || got.Message.Refusal != "I won't \xff" || got.Message.Content != "" {
			t.Errorf("stream %v: got %+v, %v", sink != nil, got.Message, err)
		}
	}
	c, _ := serve(t, fake.Behaviour{Raw: []byte(`{"choices":[{"message":{"content":null,"function_call":{"name":"f"}},"finish_reason":"function_call"}]}`)})
	if _, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{}); err == nil {
		t.Error("a function_call, which has no place in a message, was dropped in silence")
	}
}

func TestSinkStopsTheStream(t *testing.T) {
	stop := errors.New("enough")
	step := make(chan struct{}, 3)
	step <- struct{}{} // the role
	step <- struct{}{} // the first text
	step <- struct{}{} // the second; the rest would wait for ever
	c, u := serve(t, fake.Behaviour{Content: "much more of it", Step: step, Prompt: 3, Tokens: 9})
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(text string) error {
		if text == "more " {
			return stop
		}
		return nil
	}})
	if !errors.Is(err, stop) || got.Message.Content != "much more " || got.Usage != (tenbit.Usage{Completion: 2}) {
		t.Errorf("got %q, %+v, %v; want the sink's error and two tokens", got.Message.Content, got.Usage, err)
	}
	<-u.Left() // the connection is closed
}

// What the server has said of its tokens stands.
func TestSinkStopsAStreamWithUsage(t *testing.T) {
	stop := errors.New("enough")
	c, _ := serve(t, fake.Behaviour{Raw: []byte(`data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":7}}` + "\n\n")})
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return stop }})
	if !errors.Is(err, stop) || got.Usage != (tenbit.Usage{Prompt: 3, Completion: 7}) {
		t.Errorf("got %+v, %v; want 3 and 7 tokens", got.Usage, err)
	}
}
