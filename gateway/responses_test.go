package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/test/spec"
)

// replied is a response as a client sees it.
type replied struct {
	ID, Status string
	Output     []struct {
		ID, Type, Namespace, Name, Arguments, Status string
		CallID                                       string `json:"call_id"`
		Content                                      []struct{ Type, Text, Refusal string }
	}
	Usage *struct {
		Total int `json:"total_tokens"`
	}
	Error      *struct{ Code, Message string }
	Incomplete *struct{ Reason string } `json:"incomplete_details"`
}

func (r replied) text() string {
	for _, o := range r.Output {
		if o.Type == "message" {
			return o.Content[0].Text + o.Content[0].Refusal
		}
	}
	return ""
}

// respond asks for a response, plain or streamed, and checks what comes.
func (b *bench) respond(t *testing.T, stream bool, body string) (r replied, kinds string) {
	t.Helper()
	if stream {
		body = strings.Replace(body, `{`, `{"stream":true,`, 1)
	}
	resp, text := b.call(t, "POST", "/v1/responses", body)
	if resp.StatusCode != 200 {
		t.Fatalf("got %d %s", resp.StatusCode, text)
	}
	if !stream {
		if err := spec.Check("Response", []byte(text)); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		return r, ""
	}
	if err := spec.CheckStream("ResponseStreamEvent", text); err != nil {
		t.Error(err)
	}
	return b.hear(t, text)
}

// hear puts a stream together from its deltas and sees that its last event says the same.
func (b *bench) hear(t *testing.T, text string) (r replied, kinds string) {
	t.Helper()
	var all []string
	said, args, n := "", "", 0
	for event := range strings.SplitSeq(text, "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(event, "event: "), "\ndata: ")
		if !ok {
			continue
		}
		var e struct {
			Type, Delta string
			Sequence    int `json:"sequence_number"`
			Response    replied
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.Type != name || e.Sequence != n {
			t.Errorf("event %d: %s (%v)", n, event, err)
		}
		n++
		r = e.Response
		if k := strings.TrimPrefix(name, "response."); len(all) == 0 || all[len(all)-1] != k {
			all = append(all, k)
		}
		switch name {
		case "response.output_text.delta":
			said += e.Delta
		case "response.function_call_arguments.delta":
			args += e.Delta
		}
	}
	kinds = strings.Join(all, " ")
	if r.Error == nil && r.text() != said && !strings.Contains(kinds, "refusal") {
		t.Errorf("the deltas say %q, the response %q", said, r.text())
	}
	for _, o := range r.Output {
		args = strings.TrimPrefix(args, o.Arguments)
	}
	if args != "" {
		t.Errorf("the deltas have more arguments: %q", args)
	}
	return r, kinds
}

func shelved(g *gateway.Gateway, _ *tenbit.Tenant) {
	g.Remote, g.Responses = nil, memory(1<<20)
}

func TestResponses(t *testing.T) {
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		q := c.Request.Question()
		switch {
		case strings.HasPrefix(q, "call"):
			r := fake.Text(strings.TrimPrefix(q, "call"))
			r.Completion.Message.ToolCalls = json.RawMessage(`[{"id":"call_a","type":"function","function":{"name":"sail","arguments":"{\"knots\":5}"}},{"id":"call_b","type":"function","function":{"name":"sail","arguments":"{\"knots\":6}"}}]`)
			r.Completion.Finish = tenbit.FinishToolCalls
			return r
		case q == "long":
			r := fake.Text("and so on")
			r.Completion.Finish = tenbit.FinishLength
			return r
		case q == "rude":
			r := fake.Text("")
			r.Completion.Message.Refusal = "I'd rather not."
			return r
		}
		r := fake.Text("It is wet and wide.")
		r.Completion.Tokens = []tenbit.TokenProb{{Token: "It is wet and wide.", LogProb: -1, Top: []tenbit.OtherToken{{Token: "It", LogProb: -1}}}}
		return r
	})
	const sail = `"tools":[{"type":"function","name":"sail","parameters":{"type":"object","properties":{"knots":{"type":"integer"}}}}],`
	const open0, message, ended = "created in_progress ", "output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done ", "completed"
	const callEvents = "output_item.added function_call_arguments.delta function_call_arguments.done output_item.done"
	for _, tt := range []struct {
		name, body   string
		text, status string
		calls        int
		kinds        string
	}{
		{"text", `"input":"The sea?"`, "It is wet and wide.", "completed", 0, open0 + message + ended},
		{"items", `"instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"The sea?"}]},{"type":"reasoning","id":"x","summary":[]}]`, "It is wet and wide.", "completed", 0, open0 + message + ended},
		{"log-probabilities", `"top_logprobs":1,"include":["message.output_text.logprobs"],"input":"The sea?"`, "It is wet and wide.", "completed", 0, open0 + message + ended},
		{"calls", sail + `"input":"call"`, "", "completed", 2, open0 + callEvents + " " + callEvents + " " + ended},
		{"text and calls", sail + `"input":"callAye."`, "Aye.", "completed", 2, open0 + message + callEvents + " " + callEvents + " " + ended},
		{"cut", `"max_output_tokens":3,"input":"long"`, "and so on", "incomplete", 0, open0 + message + "incomplete"},
		{"a refusal", `"input":"rude"`, "I'd rather not.", "completed", 0, open0 + "output_item.added content_part.added refusal.delta refusal.done content_part.done output_item.done completed"},
		{"settings", sail + `"input":"The sea?","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"sail"}]},"temperature":0.5,"metadata":{"a":"b"},"user":"u","reasoning":{"effort":"low"},"text":{"verbosity":"low"},"parallel_tool_calls":false`, "It is wet and wide.", "completed", 0, open0 + message + ended},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, stream := range []bool{false, true} {
				b := open(t, local, fake.Says(""), shelved)
				for range 2 { // the second time from the cache
					r, kinds := b.respond(t, stream, `{"model":"tenbit",`+tt.body+`}`)
					calls := 0
					for _, o := range r.Output {
						if o.Type == "function_call" {
							calls++
						}
					}
					if r.text() != tt.text || r.Status != tt.status || calls != tt.calls || stream && kinds != tt.kinds || r.Usage == nil || r.Usage.Total == 0 && tt.text != "" && tt.name != "a refusal" {
						t.Errorf("stream %v: got %+v\n%s\nwant %s %q and %d calls\n%s", stream, r, kinds, tt.status, tt.text, tt.calls, tt.kinds)
					}
					// What is kept is what was said.
					resp, text := b.call(t, "GET", "/v1/responses/"+r.ID, "")
					var again replied
					if err := json.Unmarshal([]byte(text), &again); err != nil || resp.StatusCode != 200 || fmt.Sprintf("%+v", again.Output) != fmt.Sprintf("%+v", r.Output) {
						t.Errorf("kept: got %d %s, want %+v", resp.StatusCode, text, r)
					}
				}
			}
		})
	}
}

// TestResponsesGoOn: the previous response's turns come first, a deleted one, a
// stranger's and one that was not stored are not found.
func TestResponsesGoOn(t *testing.T) {
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		var all []string
		for _, m := range c.Request.Messages {
			all = append(all, m.Role+":"+m.Text)
		}
		return fake.Text(strings.Join(all, ","))
	})
	b := open(t, local, fake.Says(""), shelved)
	one, _ := b.respond(t, false, `{"model":"tenbit","instructions":"one","input":"a"}`)
	two, _ := b.respond(t, true, `{"model":"tenbit","instructions":"two","input":"b","previous_response_id":"`+one.ID+`"}`)
	if want := "system:two,user:a,assistant:system:one,user:a,user:b"; two.text() != want {
		t.Errorf("got %q, want %q", two.text(), want)
	}
	three, _ := b.respond(t, false, `{"model":"tenbit","input":[{"type":"item_reference","id":"`+two.Output[0].ID+`"},{"role":"user","content":"c"}]}`)
	if want := "assistant:" + two.text() + ",user:c"; three.text() != want {
		t.Errorf("an item that is named: got %q, want %q", three.text(), want)
	}
	calls, _ := b.respond(t, false, `{"model":"tenbit","input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"1"},{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"2"}]}]}`)
	if want := "user:x,assistant:,tool:1,tool:2"; calls.text() != want {
		t.Errorf("calls and their outputs: got %q, want %q", calls.text(), want)
	}
	resp, body := b.call(t, "DELETE", "/v1/responses/"+one.ID, "")
	if resp.StatusCode != 200 || !strings.Contains(body, `"deleted":true`) {
		t.Errorf("delete: got %d %s", resp.StatusCode, body)
	}
	unstored, _ := b.respond(t, false, `{"model":"tenbit","store":false,"input":"a"}`)
	for _, id := range []string{one.ID, unstored.ID, "resp_0", "x"} {
		for _, method := range []string{"GET", "DELETE"} {
			if resp, body := b.call(t, method, "/v1/responses/"+id, ""); resp.StatusCode != 404 || spec.Check("ErrorResponse", []byte(body)) != nil {
				t.Errorf("%s %s: got %d %s", method, id, resp.StatusCode, body)
			}
		}
		resp, body := b.call(t, "POST", "/v1/responses", `{"model":"tenbit","input":"b","previous_response_id":"`+id+`"}`)
		if resp.StatusCode != 400 || !strings.Contains(body, "previous_response_not_found") {
			t.Errorf("go on with %s: got %d %s", id, resp.StatusCode, body)
		}
	}
	stranger := open(t, local, fake.Says(""), func(g *gateway.Gateway, t *tenbit.Tenant) { g.Remote, g.Responses, t.ID = nil, b.g.Responses, "other" })
	if resp, _ := stranger.call(t, "GET", "/v1/responses/"+two.ID, ""); resp.StatusCode != 404 {
		t.Errorf("a stranger: got %d", resp.StatusCode)
	}
}

// TestResponsesAreBounded: the oldest go first.
func TestResponsesAreBounded(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
		g.Remote, g.Responses = nil, memory(16<<10)
	})
	var ids []string
	for range 40 {
		r, _ := b.respond(t, false, `{"model":"tenbit","input":"The sea?"}`)
		ids = append(ids, r.ID)
	}
	first, _ := b.call(t, "GET", "/v1/responses/"+ids[0], "")
	last, _ := b.call(t, "GET", "/v1/responses/"+ids[39], "")
	if first.StatusCode != 404 || last.StatusCode != 200 {
		t.Errorf("got %d for the first, %d for the last; want 404 and 200", first.StatusCode, last.StatusCode)
	}
}

// TestAResponseBreaks: before the first text it is an error with its status,
// behind it an error event and a failed response.
func TestAResponseBreaks(t *testing.T) {
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		r := fake.Fails(tenbit.ErrIncomplete)
		if c.Request.Question() == "late" {
			r.Chunks = []string{"It is"}
		}
		return r
	})
	b := open(t, local, fake.Says(""), shelved)
	if resp, body := b.call(t, "POST", "/v1/responses", `{"model":"tenbit","stream":true,"input":"early"}`); resp.StatusCode != 502 || spec.Check("ErrorResponse", []byte(body)) != nil {
		t.Errorf("early: got %d %s", resp.StatusCode, body)
	}
	r, kinds := b.respond(t, true, `{"model":"tenbit","input":"late"}`)
	if r.Status != "failed" || r.Error == nil || !strings.HasSuffix(kinds, "output_text.delta error failed") {
		t.Errorf("late: got %+v, %s", r, kinds)
	}
	if resp, _ := b.call(t, "GET", "/v1/responses/"+r.ID, ""); resp.StatusCode != 404 {
		t.Errorf("a failed response is kept: %d", resp.StatusCode)
	}
}

func TestFieldsOfAResponse(t *testing.T) {
	b := open(t, fake.Says("Answer: 1"), fake.Says(""), shelved)
	for body, param := range map[string]string{
		`"x":1`:      "input",
		`"input":7`:  "input",
		`"input":[]`: "input",
		`"input":[{"role":"pirate","content":"x"}]`:                                                 "input[0].role",
		`"input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]`:                 "input[0].content[0].type",
		`"input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]`:                "input[0].content[0].type",
		`"input":[{"type":"web_search_call"}]`:                                                      "input[0].type",
		`"input":[{"type":"item_reference","id":"msg_x"}]`:                                          "input[0].id",
		`"input":"x","background":true`:                                                             "background",
		`"input":"x","conversation":"c"`:                                                            "conversation",
		`"input":"x","prompt":{"id":"p"}`:                                                           "prompt",
		`"input":"x","truncation":"auto"`:                                                           "truncation",
		`"input":"x","max_output_tokens":0`:                                                         "max_output_tokens",
		`"input":"x","temperature":3`:                                                               "temperature",
		`"input":"x","reasoning":{"effort":"heroic"}`:                                               "reasoning.effort",
		`"input":"x","tools":[{"type":"web_search"}]`:                                               "tools[0].type",
		`"input":"x","tools":[{"type":"web_search"},{"type":"web_search_preview"}]`:                 "tools[0].type",
		`"input":"x","tools":[{"type":"web_search"},{"type":"mcp"}]`:                                "tools[1].type",
		`"input":"x","tools":[{"type":"namespace","name":"n"}]`:                                     "tools[0]",
		`"input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"mcp","name":"m"}]}]`: "tools[0].tools[0].type",
		`"input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"function"}]}]`:       "tools[0].tools[0].name",
		`"input":"x","tools":[{"type":"web_search"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"f","parameters":[1]}]}]`: "tools[1].tools[0].parameters",
		`"input":"x","tool_choice":{"type":"mcp"}`:                                            "tool_choice.type",
		`"input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"type":1}}}`: "text.format.schema",
	} {
		if resp, text := b.call(t, "POST", "/v1/responses", `{"model":"tenbit",`+body+`}`); resp.StatusCode != 400 || spec.Check("ErrorResponse", []byte(text)) != nil || !strings.Contains(text, `"param":"`+param+`"`) {
			t.Errorf("%s: got %d %s, want 400 about %s", body, resp.StatusCode, text, param)
		}
	}
}
