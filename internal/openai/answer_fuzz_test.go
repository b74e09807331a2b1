package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tenbit"
)

// FuzzAnswers: whatever a server sends, whole or as a stream, it ends as an
// answer within the limit or as an error; the sink gets what the answer holds,
// in whole characters; tool calls are a JSON array whose arguments are strings.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"choices":[{"message":{"content":"It is \ud83c\udf0a."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
		`{"choices":[{"message":{"content":[{"type":"text","text":"x"}],"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`,
		`{"error":{"message":"no","code":7}}`,
		"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"It \\ud83c\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"\\udf0a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
		`{"choices":[{"message":{"tool_calls":[null,{"index":0,"function":{"name":"f","arguments":{"x":1},"y":2},"z":3},{"index":0,"custom":{"name":"g"}}]},"finish_reason":"stop"}]}`,
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\"}},{\"function\":{}}]},\"finish_reason\":\"stop\"}]}\n\n",
		"event: error\ndata: {\"error\":\"x\"}\n\n",
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(2))
	}
	const most = 1 << 10
	c := &Client{cfg: Config{MaxAnswer: most}}
	f.Fuzz(func(t *testing.T, in []byte, maxTokens uint8) {
		var passed strings.Builder
		want := wish{func(text string) error { passed.WriteString(text); return nil }, true, int(maxTokens)}
		for name, read := range map[string]func() (tenbit.Completion, error){
			"whole":  func() (tenbit.Completion, error) { return c.readWhole(bytes.NewReader(in), want) },
			"stream": func() (tenbit.Completion, error) { return c.readStream(bytes.NewReader(in), want) },
		} {
			passed.Reset()
			out, err := read()
			m := out.Message
			switch n := len(m.Content) + len(m.Refusal) + len(m.ToolCalls); {
			case err == nil && out.Finish == "":
				t.Fatalf("%s: neither an end nor an error: %+v", name, out)
			case err == nil && n > most+2*maxToolCalls*len(`{"id":"","type":"function","function":{"name":"","arguments":"{}"}},`):
				t.Fatalf("%s: %d bytes, at most %d may be", name, n, most)
			case err == nil && passed.String() != m.Content:
				t.Fatalf("%s: passed %q of %q", name, passed.String(), m.Content)
			case err != nil && !strings.HasPrefix(m.Content, passed.String()) && !errors.Is(err, ErrTooLarge):
				t.Fatalf("%s: passed %q of %q, %v", name, passed.String(), m.Content, err)
			}
			checkCalls(t, name, out)
		}
	})
}

// checkCalls says whether every tool call has its text as a string, which where
// the answer is whole is not empty for a function.
func checkCalls(t *testing.T, name string, out tenbit.Completion) {
	t.Helper()
	if out.Message.ToolCalls == nil {
		return
	}
	var calls []fields
	if json.Unmarshal(out.Message.ToolCalls, &calls) != nil || len(calls) == 0 {
		t.Fatalf("%s: tool calls %s", name, out.Message.ToolCalls)
	}
	for _, call := range calls {
		var function, custom fields
		var text string
		if raw, ok := call["custom"]; ok {
			if json.Unmarshal(raw, &custom) != nil || json.Unmarshal(custom["input"], &text) != nil {
				t.Fatalf("%s: call %s", name, raw)
			}
			continue
		}
		if json.Unmarshal(call["function"], &function) != nil || json.Unmarshal(function["arguments"], &text) != nil ||
			text == "" && out.Finish == tenbit.FinishToolCalls {
			t.Fatalf("%s: call %s", name, call["function"])
		}
	}
}
