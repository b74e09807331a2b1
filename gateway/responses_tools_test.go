package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
)

// What agents such as Codex offer with every turn: functions of their own, some
// in a namespace, and a search of the web.
const offered = `"tools":[{"type":"function","name":"look"},{"type":"namespace","name":"fleet","description":"Ships.","tools":[{"type":"function","name":"sail","parameters":{"type":"object"}},{"type":"custom","name":"shout"}]},{"type":"web_search","external_web_access":true}],"client_metadata":{"turn":"1"},`

// seen are the names of the tools and calls that a model was shown.
func seen(t *testing.T, body []byte) (tools, calls []string) {
	t.Helper()
	type named struct{ Function, Custom struct{ Name string } }
	var r struct {
		Tools    []named
		Messages []struct {
			Calls []named `json:"tool_calls"`
		}
	}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	for _, n := range r.Tools {
		tools = append(tools, n.Function.Name+n.Custom.Name)
	}
	for _, m := range r.Messages {
		for _, n := range m.Calls {
			calls = append(calls, n.Function.Name+n.Custom.Name)
		}
	}
	return tools, calls
}

// TestNamespaces: tools of a namespace are called where they are, in this turn
// and in the next, and a search of the web is left out beside them, which is said.
func TestNamespaces(t *testing.T) {
	var asked [][]byte
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		asked = append(asked, c.Request.Body)
		const sail = `{"id":"a","type":"function","function":{"name":"fleet__sail","arguments":"{}"}}`
		r := fake.Text("")
		switch c.Request.Question() {
		case "call":
			r.Completion.Message.ToolCalls = json.RawMessage(`[` + sail + `,{"id":"b","type":"function","function":{"name":"look","arguments":"{}"}}]`)
		case "sail":
			r.Completion.Message.ToolCalls = json.RawMessage(`[` + sail + `]`)
		default:
			return fake.Text("Aye.")
		}
		r.Completion.Finish = tenbit.FinishToolCalls
		return r
	})
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream %v", stream), func(t *testing.T) {
			asked = nil
			b := open(t, local, fake.Says(""), shelved)
			r, _ := b.respond(t, stream, `{"model":"tenbit",`+offered+`"input":"call"}`)
			if len(r.Output) != 2 || r.Output[0].Namespace != "fleet" || r.Output[0].Name != "sail" || r.Output[1].Namespace != "" || r.Output[1].Name != "look" {
				t.Fatalf("got %+v", r.Output)
			}
			turn := func(o int) string {
				f := r.Output[o]
				return fmt.Sprintf(`{"type":"function_call","call_id":%q,"namespace":%q,"name":%q,"arguments":"{}"},{"type":"function_call_output","call_id":%[1]q,"output":"done"}`, f.CallID, f.Namespace, f.Name)
			}
			b.respond(t, stream, `{"model":"tenbit",`+offered+`"input":[{"role":"user","content":"call"},`+turn(0)+`,`+turn(1)+`,{"role":"user","content":"now?"}]}`)
			b.respond(t, stream, `{"model":"tenbit",`+offered+`"previous_response_id":"`+r.ID+`","input":[{"type":"function_call_output","call_id":"`+r.Output[0].CallID+`","output":"x"},{"role":"user","content":"now?"}],
				"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"namespace","name":"fleet"}]}}`)
			if len(asked) != 3 {
				t.Fatalf("the model was asked %d times", len(asked))
			}
			for i, want := range []struct{ tools, calls []string }{
				{[]string{"look", "fleet__sail", "fleet__shout"}, nil},
				{[]string{"look", "fleet__sail", "fleet__shout"}, []string{"fleet__sail", "look"}},
				{[]string{"fleet__sail", "fleet__shout"}, []string{"fleet__sail", "look"}},
			} {
				tools, calls := seen(t, asked[i])
				if !slices.Equal(tools, want.tools) || !slices.Equal(calls, want.calls) || strings.Contains(string(asked[i]), "client_metadata") {
					t.Errorf("%d: the model saw %v and %v, want %v and %v\n%s", i, tools, calls, want.tools, want.calls, asked[i])
				}
			}
		})
	}
	b := open(t, local, fake.Says(""), shelved)
	resp, text := b.call(t, "POST", "/v1/responses", `{"model":"tenbit",`+offered+`"input":"x"}`)
	if got := resp.Header.Get("X-Tenbit-Left-Out"); got != "web_search" || strings.Contains(text, "web_search") {
		t.Errorf("left out: got %q and %s", got, text)
	}
	forced := `"tool_choice":{"type":"function","namespace":"fleet","name":"sail"},`
	if resp, text := b.call(t, "POST", "/v1/responses", `{"model":"tenbit",`+offered+forced+`"input":"sail"}`); resp.StatusCode != 200 || !strings.Contains(text, `"namespace":"fleet"`) {
		t.Errorf("a call that must be: got %d %s", resp.StatusCode, text)
	}
	long := strings.Repeat("n", 60)
	if resp, text := b.call(t, "POST", "/v1/responses", `{"model":"tenbit","tools":[{"type":"namespace","name":"`+long+`","description":"","tools":[{"type":"function","name":"`+long+`"}]}],"input":"x"}`); resp.StatusCode != 200 {
		t.Errorf("a long name: got %d %s", resp.StatusCode, text)
	}
}
