package gateway_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tenbit"
	"tenbit/policy"
)

// scripted answers the first draft and the seeds from 0 on with the given messages.
type scripted []tenbit.Message

func (s scripted) Complete(_ context.Context, _ tenbit.Request, how tenbit.Sampling) (tenbit.Completion, error) {
	i := 0
	if how.Seed != nil {
		i = int(*how.Seed) + 1
	}
	m := s[min(i, len(s)-1)]
	c := tenbit.Completion{Message: m, Finish: tenbit.FinishStop, Usage: tenbit.Usage{Prompt: 1, Completion: 1}}
	if len(m.ToolCalls) > 0 {
		c.Finish = tenbit.FinishToolCalls
	}
	return c, nil
}

// TestPickedForms: where samples of tool calls or JSON disagree, the far side
// picks the one that does what its own answer does. Its ids are fresh.
func TestPickedForms(t *testing.T) {
	call := func(id, args string) tenbit.Message {
		a, _ := json.Marshal(args)
		return tenbit.Message{ToolCalls: json.RawMessage(`[{"id":"` + id + `","type":"function","function":{"name":"f","arguments":` + string(a) + `}}]`)}
	}
	const tools = `{"model":"tenbit","messages":[{"role":"user","content":"Look."}],"tools":[{"type":"function","function":{"name":"f"}}]}`
	const form = `{"model":"tenbit","messages":[{"role":"user","content":"Look."}],"response_format":{"type":"json_object"}}`
	for _, tt := range []struct {
		name, body string
		local      scripted
		large      policy.Model
		route      string
		want       []string // in the body
		not        string
	}{
		{"calls", tools, scripted{call("call_0", `{"a": 1,"b":2}`), call("call_0", `{"a":3}`), call("call_0", `{"b":2,"a":1}`)}, scripted{call("call_xyz", `{"a":3 }`)}, "select", []string{`{\"a\":3}`, `"finish_reason":"tool_calls"`, `"id":"call_`}, `"call_0"`},
		{"the leading calls", tools, scripted{call("call_0", `{"a":1}`)}, scripted{call("call_xyz", `{ "a":1}`)}, "accept", []string{`{\"a\":1}`, `"id":"call_`}, `"call_0"`},
		{"JSON", form, scripted{{Content: `{"a": 1}`}, {Content: `{"a":  2}`}, {Content: `{"a":1}`}}, scripted{{Content: `{"a":2}`}}, "select", []string{`{\"a\":  2}`}, "tool_calls"},
		{"calls that no sample has", tools, scripted{call("call_0", `{"a":1}`)}, scripted{call("call_xyz", `{"a":2}`)}, "full", []string{`{\"a\":2}`, `"call_xyz"`}, `"call_0"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, tt.local, tt.large, nil)
			resp, body := b.post(t, tt.body)
			if got := resp.Header.Get("X-Tenbit-Route"); got != tt.route {
				t.Errorf("got route %s, want %s: %s", got, tt.route, body)
			}
			for _, w := range tt.want {
				if !strings.Contains(body, w) {
					t.Errorf("%s is not in %s", w, body)
				}
			}
			if strings.Contains(body, tt.not) {
				t.Errorf("%s is in %s", tt.not, body)
			}
		})
	}
}
