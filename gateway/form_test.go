package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/test/spec"
)

// said is an answer as a client sees it, plain or put together from a stream.
type said struct {
	status  int
	header  http.Header
	body    string
	choices []heard
	deltas  int // with content
	usage   *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	err *struct{ Message, Type, Code, Param string }
}

// heard is one choice.
type heard struct {
	text, finish string
	calls        []calledTool
	tokens       []tenbit.TokenProb
}

type calledTool struct {
	ID, Type string
	Function struct{ Name, Arguments string }
}

// heardJSON is a completion or a chunk.
type heardJSON struct {
	Choices []struct {
		Index          int
		Message, Delta struct {
			Content string
			Calls   []calledTool `json:"tool_calls"`
		}
		Finish   string `json:"finish_reason"`
		LogProbs *struct{ Content []tenbit.TokenProb }
	}
	Usage json.RawMessage
	Error json.RawMessage
}

// chat asks with more fields over the question's, checks what comes against
// OpenAI's schemas and puts it together.
func (b *bench) chat(t *testing.T, question, more string) said {
	t.Helper()
	resp, body := b.post(t, strings.Replace(ask(question), `{`, `{`+more, 1))
	out := said{status: resp.StatusCode, header: resp.Header, body: body}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		name := map[bool]string{true: "CreateChatCompletionResponse", false: "ErrorResponse"}[resp.StatusCode == http.StatusOK]
		if err := spec.Check(name, []byte(body)); err != nil {
			t.Error(err)
		}
		out.add(t, body)
		return out
	}
	if err := spec.CheckStream("CreateChatCompletionStreamResponse", body); err != nil {
		t.Error(err)
	}
	for event := range strings.SplitSeq(body, "\n\n") {
		if data, ok := strings.CutPrefix(event, "data: "); ok && data != "[DONE]" {
			out.add(t, data)
		}
	}
	return out
}

func (s *said) add(t *testing.T, text string) {
	t.Helper()
	var h heardJSON
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		t.Fatal(err)
	}
	if len(h.Usage) > 0 && string(h.Usage) != "null" {
		_ = json.Unmarshal(h.Usage, &s.usage)
	}
	if len(h.Error) > 0 {
		_ = json.Unmarshal(h.Error, &s.err)
	}
	for _, c := range h.Choices {
		for len(s.choices) <= c.Index {
			s.choices = append(s.choices, heard{})
		}
		to := &s.choices[c.Index]
		if c.Delta.Content != "" {
			s.deltas++
		}
		to.text += c.Message.Content + c.Delta.Content
		to.calls = append(append(to.calls, c.Message.Calls...), c.Delta.Calls...)
		to.finish += c.Finish
		if c.LogProbs != nil {
			to.tokens = append(to.tokens, c.LogProbs.Content...)
		}
	}
}

func (s said) texts() (out []string) {
	for _, c := range s.choices {
		out = append(out, c.text+"|"+c.finish)
	}
	return out
}

const plain, streamed = `"seed":1,`, `"stream":true,"seed":1,`

// bothWays runs a test for plain answers and streams, each over a new gateway.
func bothWays(t *testing.T, run func(t *testing.T, more string)) {
	for name, more := range map[string]string{"plain": plain, "streamed": streamed} {
		t.Run(name, func(t *testing.T) { run(t, more) })
	}
}

func TestN(t *testing.T) {
	bothWays(t, func(t *testing.T, more string) {
		// Each choice asks with a seed of its own.
		local := fake.NewModel(func(c fake.Call) fake.Reply {
			var body struct{ Seed, N int }
			_ = json.Unmarshal(c.Request.Body, &body)
			return fake.Text(fmt.Sprintf("seed %d, n %d", body.Seed, body.N))
		})
		b := open(t, local, nil, localOnly)
		want := []string{"seed 1, n 0|stop", "seed 2, n 0|stop", "seed 3, n 0|stop"}
		for range 2 { // the second time from the cache
			got := b.chat(t, "Say a seed.", more+`"n":3,`)
			if !slices.Equal(got.texts(), want) {
				t.Errorf("got %q, want %q", got.texts(), want)
			}
		}
		if one := b.chat(t, "Say a seed.", more); one.header.Get("X-Tenbit-Route") != "cache" && more == plain {
			t.Errorf("the first choice alone: got route %s, want cache", one.header.Get("X-Tenbit-Route"))
		}
	})
}

// TestNSharesTheLimit: three choices together spend no more than one may.
func TestNSharesTheLimit(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says("It is wide and blue and old, and nobody knows how deep."), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.MaxRequest = 100 * tenbit.Bit })
	got := b.chat(t, "The sea?", `"n":3,`)
	spent, _ := b.ledger.Spent(t.Context(), "t")
	if len(got.choices) != 3 || spent > 100*tenbit.Bit {
		t.Errorf("got %d choices for %v bits, want 3 for at most 100", len(got.choices), spent)
	}
}

// TestAChoiceIsNoWholeRequest: what a choice got for its share of the bits is not
// the answer of a request that has them all.
func TestAChoiceIsNoWholeRequest(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says("It is deep."), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.MaxRequest = 60 * tenbit.Bit })
	if got := b.chat(t, "The sea?", `"n":8,`); len(got.choices) != 8 || got.header.Get("X-Tenbit-Bits") != "0.000" {
		t.Fatalf("got %d %s, want eight drafts", got.status, got.body)
	}
	if got := b.chat(t, "The sea?", ""); got.texts()[0] != "It is deep.|stop" {
		t.Errorf("alone: got %q by %s, want the large model's", got.texts(), got.header.Get("X-Tenbit-Route"))
	}
}

func TestStop(t *testing.T) {
	for _, tt := range []struct {
		name, stop string
		chunks     []string
		want       string
	}{
		{"none in it", `"stop":"END",`, []string{"one ", "two"}, "one two|stop"},
		{"in one piece", `"stop":"END",`, []string{"one END two"}, "one |stop"},
		{"across pieces", `"stop":["x","END"],`, []string{"one E", "N", "D two"}, "one |stop"},
		{"begun and not ended", `"stop":"END",`, []string{"one E", "N", "d"}, "one ENd|stop"},
		{"begun at the end", `"stop":"END",`, []string{"one E", "N"}, "one EN|stop"},
		{"the first of two", `"stop":["END","two"],`, []string{"one two END"}, "one |stop"},
		{"at once", `"stop":"one",`, []string{"one"}, "|stop"},
		{"of many bytes", `"stop":"🌊",`, []string{"sea 🌊 wave"}, "sea |stop"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, more string) {
				local := fake.NewModel(func(fake.Call) fake.Reply { return fake.Reply{Chunks: tt.chunks} })
				b := open(t, local, fake.Says(""), localOnly)
				for range 2 {
					if got := b.chat(t, "The sea?", more+tt.stop).texts(); len(got) != 1 || got[0] != tt.want {
						t.Errorf("got %q, want %q", got, tt.want)
					}
				}
			})
		})
	}
}

// TestStopEndsTheModel: a model that does not heed stop strings is not waited for.
// Since nobody has counted its tokens, the answer is not kept.
func TestStopEndsTheModel(t *testing.T) {
	steps := make(chan struct{}, 4)
	for range 4 { // two for each answer; the third never comes
		steps <- struct{}{}
	}
	local := fake.NewModel(func(fake.Call) fake.Reply {
		return fake.Reply{Chunks: []string{"one EN", "D", " two"}, Step: steps}
	})
	b := open(t, local, nil, localOnly)
	for range 2 {
		if got := b.chat(t, "The sea?", `"stream":true,"stop":"END",`).texts(); len(got) != 1 || got[0] != "one |stop" {
			t.Errorf("got %q", got)
		}
	}
	if n := len(local.Calls()); n != 2 {
		t.Errorf("the model was asked %d times, want twice", n)
	}
}

// TestCustomTools can be chosen, and nothing else passes for one.
func TestCustomTools(t *testing.T) {
	const offer = `"tools":[{"type":"custom","custom":{"name":"draw"}},{"type":"custom","custom":{"name":"erase"}}],`
	for _, tt := range []struct {
		choice, calls string
		want          int
	}{
		{`{"type":"custom","custom":{"name":"draw"}}`, "draw", 200},
		{`{"type":"custom","custom":{"name":"draw"}}`, "erase", 502},
		{`{"type":"custom","custom":{"name":"burn"}}`, "draw", 400},
		{`{"type":"function","function":{"name":"draw"}}`, "draw", 400},
		{`{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"custom","custom":{"name":"erase"}}]}}`, "erase", 200},
		{`"required"`, "", 502},
	} {
		r := fake.Text("No.")
		if tt.calls != "" {
			r.Completion.Message.ToolCalls = json.RawMessage(`[{"id":"c","type":"custom","custom":{"name":"` + tt.calls + `","input":"a line"}}]`)
			r.Completion.Finish = tenbit.FinishToolCalls
		}
		local := fake.NewModel(func(fake.Call) fake.Reply { return r })
		b := open(t, local, nil, localOnly)
		if got := b.chat(t, "The sea?", offer+`"tool_choice":`+tt.choice+","); got.status != tt.want || len(local.Calls()) > 1 {
			t.Errorf("%s: got %d %s after %d calls, want %d", tt.choice, got.status, got.body, len(local.Calls()), tt.want)
		}
	}
}

// TestStopBeforeACall: a call that follows a stop string was never made.
func TestStopBeforeACall(t *testing.T) {
	bothWays(t, func(t *testing.T, more string) {
		local := fake.NewModel(func(fake.Call) fake.Reply {
			r := fake.Text("one END two")
			r.Completion.Message.ToolCalls = json.RawMessage(`[{"id":"c","type":"function","function":{"name":"not on offer","arguments":"{}"}}]`)
			r.Completion.Finish = tenbit.FinishToolCalls
			return r
		})
		b := open(t, local, nil, localOnly)
		if got := b.chat(t, "The sea?", more+tools+`"stop":"END",`).texts(); len(got) != 1 || got[0] != "one |stop" {
			t.Errorf("got %q, want the text alone", got)
		}
	})
}

func TestLogProbs(t *testing.T) {
	tokens := []tenbit.TokenProb{
		{Token: "It", LogProb: -0.5, Bytes: []int{'I', 't'}, Top: []tenbit.OtherToken{{Token: "It", LogProb: -0.5}, {Token: "I", LogProb: -1}}},
		{Token: " \xf0\x9f", LogProb: -1, Bytes: []int{' ', 0xf0, 0x9f}},
		{Token: "\x8c\x8a", LogProb: -2, Bytes: []int{0x8c, 0x8a}},
	}
	model := func(tokens []tenbit.TokenProb) *fake.Model {
		return fake.NewModel(func(fake.Call) fake.Reply {
			r := fake.Text("It 🌊")
			r.Completion.Tokens = tokens
			return r
		})
	}
	bothWays(t, func(t *testing.T, more string) {
		b := open(t, model(tokens), fake.Says("no"), nil)
		for range 2 {
			got := b.chat(t, "The sea?", more+`"logprobs":true,"top_logprobs":2,`)
			if len(got.choices) != 1 || got.choices[0].text != "It 🌊" || len(got.choices[0].tokens) != 3 || len(got.choices[0].tokens[0].Top) != 2 {
				t.Errorf("got %+v, want three tokens", got.choices)
			}
			if more == streamed && got.deltas != 2 {
				t.Errorf("got %d deltas, want 2: half a character stays with the other half", got.deltas)
			}
		}
		none := open(t, model(nil), fake.Says("no"), nil)
		if got := none.chat(t, "The sea?", more+`"logprobs":true,`); got.status != 400 || got.err == nil || got.err.Param != "logprobs" {
			t.Errorf("a model without: got %d %s, want 400 about logprobs", got.status, got.body)
		}
	})
}

const person = `"response_format":{"type":"json_schema","json_schema":{"name":"person","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}}},`

func TestJSON(t *testing.T) {
	const object = `"response_format":{"type":"json_object"},`
	for _, tt := range []struct {
		name, format  string
		first, second string // what the model says at first, and when it is asked again
		want          string // "": an error
		calls         int
	}{
		{"fits", person, `{"name":"Ada","age":36}`, "", `{"name":"Ada","age":36}`, 1},
		{"in a fence", person, "```json\n{\"name\":\"Ada\",\"age\":36}\n```", "", `{"name":"Ada","age":36}`, 1},
		{"repaired", person, `{"name":"Ada","age":"old"}`, `{"name":"Ada","age":36}`, `{"name":"Ada","age":36}`, 2},
		{"no JSON, repaired", object, `Ada is 36.`, `{"age":36}`, `{"age":36}`, 2},
		{"an array is no object", object, `[]`, `[1]`, "", 2},
		{"beyond repair", person, `Ada`, `Ada, 36`, "", 2},
		{"one field too many", person, `{"name":"Ada","age":36,"x":1}`, `{"name":"Ada","age":36,"x":1}`, "", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, more string) {
				local := fake.NewModel(func(c fake.Call) fake.Reply {
					if len(c.Request.Messages) > 1 {
						return fake.Text(tt.second)
					}
					return fake.Text(tt.first)
				})
				b := open(t, local, fake.Says(""), localOnly)
				got := b.chat(t, "Who?", more+tt.format)
				if n := len(local.Calls()); n != tt.calls {
					t.Errorf("got %d calls, want %d", n, tt.calls)
				}
				if tt.want == "" {
					if got.status != 502 || got.err == nil || got.err.Code != "invalid_output" || got.header.Get("X-Should-Retry") != "false" {
						t.Errorf("got %d %s, want 502 invalid_output, not to be tried again", got.status, got.body)
					}
					return
				}
				if got.texts()[0] != tt.want+"|stop" {
					t.Errorf("got %q, want %q", got.texts(), tt.want)
				}
				again := b.chat(t, "Who?", more+tt.format)
				if again.texts()[0] != tt.want+"|stop" || len(local.Calls()) != tt.calls {
					t.Errorf("again: got %q after %d calls, want it from the cache", again.texts(), len(local.Calls()))
				}
			})
		})
	}
}

// TestJSONThatIsCutIsNotRepaired: the client sees "length", as OpenAI's do.
func TestJSONThatIsCutIsNotRepaired(t *testing.T) {
	local := fake.NewModel(func(fake.Call) fake.Reply {
		r := fake.Text(`{"name":"A`)
		r.Completion.Finish = tenbit.FinishLength
		return r
	})
	b := open(t, local, fake.Says(""), localOnly)
	if got := b.chat(t, "Who?", person); got.texts()[0] != `{"name":"A|length` || len(local.Calls()) != 1 {
		t.Errorf("got %q after %d calls", got.texts(), len(local.Calls()))
	}
}

const tools = `"tools":[{"type":"function","function":{"name":"sail","parameters":{"type":"object","properties":{"knots":{"type":"integer"}},"required":["knots"],"additionalProperties":false},"strict":true}},{"type":"function","function":{"name":"anchor"}}],`

func TestTools(t *testing.T) {
	call := func(id, name, args string) string {
		return fmt.Sprintf(`{"id":%q,"type":"function","function":{"name":%q,"arguments":%q}}`, id, name, args)
	}
	sail := call("call_abc", "sail", `{"knots":5}`)
	for _, tt := range []struct {
		name, more    string
		text          string
		calls         string // of the model, at first
		second        string // what it says when it is asked again
		want, content string // the calls that the client gets, and the text; "error"
	}{
		{"auto, a call", "", "", sail, "", `sail {"knots":5}`, ""},
		{"auto, no call", "", "No wind.", "", "", "", "No wind."},
		{"auto, text and two calls", "", "Aye.", sail + "," + call("x", "anchor", ""), "", `sail {"knots":5},anchor `, "Aye."},
		{"none", `"tool_choice":"none",`, "Aye.", sail, "", "", "Aye."},
		{"one at a time", `"parallel_tool_calls":false,`, "", sail + "," + call("x", "anchor", ""), "", `sail {"knots":5}`, ""},
		{"required, forced", `"tool_choice":"required",`, "I would rather talk.", "", `{"name":"anchor","arguments":{}}`, `anchor {}`, "I would rather talk."},
		{"required, in vain", `"tool_choice":"required",`, "No.", "", `No.`, "error", ""},
		{"named, forced", `"tool_choice":{"type":"function","function":{"name":"sail"}},`, "", call("x", "anchor", "{}"), `{"name":"sail","arguments":{"knots":3}}`, `sail {"knots":3}`, ""},
		{"allowed", `"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"anchor"}}]}},`, "", call("x", "anchor", "{}"), "", `anchor {}`, ""},
		{"a function that is not there", "", "", call("x", "fly", "{}"), `{"name":"sail","arguments":{"knots":1}}`, `sail {"knots":1}`, ""},
		{"arguments that break the schema", "", "", call("x", "sail", `{"knots":"five"}`), `{"name":"sail","arguments":{"knots":5}}`, `sail {"knots":5}`, ""},
		{"arguments that are cut", "", "", call("x", "sail", `{"knots":`), `{"name":"sail","arguments":{"knots":"x"}}`, "error", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, more string) {
				local := fake.NewModel(func(c fake.Call) fake.Reply {
					if len(c.Request.Messages) > 1 {
						return fake.Text(tt.second)
					}
					r := fake.Text(tt.text)
					if tt.calls != "" {
						r.Completion.Message.ToolCalls = json.RawMessage("[" + tt.calls + "]")
						r.Completion.Finish = tenbit.FinishToolCalls
					}
					return r
				})
				b := open(t, local, fake.Says(""), localOnly)
				got := b.chat(t, "Sail!", more+tools+tt.more)
				if tt.want == "error" {
					if got.err == nil || got.err.Code != "invalid_output" {
						t.Errorf("got %d %s, want invalid_output", got.status, got.body)
					}
					return
				}
				var calls []string
				for _, c := range got.choices[0].calls {
					calls = append(calls, c.Function.Name+" "+c.Function.Arguments)
				}
				finish := map[bool]string{true: "stop", false: "tool_calls"}[tt.want == ""]
				if strings.Join(calls, ",") != tt.want || got.choices[0].text != tt.content || got.choices[0].finish != finish {
					t.Errorf("got %q, %q, %s; want %q, %q, %s", calls, got.choices[0].text, got.choices[0].finish, tt.want, tt.content, finish)
				}
			})
		})
	}
}

// TestCallIDs: calls without an id get one, others keep theirs, and what comes
// from the cache has ids of its own.
func TestCallIDs(t *testing.T) {
	local := fake.NewModel(func(fake.Call) fake.Reply {
		var r fake.Reply
		r.Completion.Message.ToolCalls = json.RawMessage(`[{"id":"","function":{"name":"anchor","arguments":"{}"}},{"id":"call_own","type":"function","function":{"name":"anchor","arguments":"{}"}}]`)
		r.Completion.Finish = tenbit.FinishToolCalls
		return r
	})
	b := open(t, local, fake.Says(""), localOnly)
	seen := map[string]bool{}
	ours := regexp.MustCompile(`^call_[0-9a-f]{24}$`)
	for i := range 3 {
		calls := b.chat(t, "Sail!", tools).choices[0].calls
		if len(calls) != 2 || !ours.MatchString(calls[0].ID) || seen[calls[0].ID] || seen[calls[1].ID] || (calls[1].ID == "call_own") != (i == 0) {
			t.Fatalf("answer %d: got %+v, want a new id, and call_own in the first", i, calls)
		}
		seen[calls[0].ID], seen[calls[1].ID] = true, true
	}
}

// TestFieldsOfAChat: what can't be done is a 400 that names the field, what is
// unknown passes.
func TestFieldsOfAChat(t *testing.T) {
	local := fake.Says("Answer: 1")
	b := open(t, local, fake.Says(""), localOnly)
	for _, tt := range []struct{ name, more, param string }{
		{"top_logprobs alone", `"top_logprobs":2,`, "top_logprobs"},
		{"too many top_logprobs", `"logprobs":true,"top_logprobs":21,`, "top_logprobs"},
		{"n too large", `"n":129,`, "n"},
		{"five stops", `"stop":["a","b","c","d","e"],`, "stop"},
		{"stream options without a stream", `"stream_options":{"include_usage":true},`, "stream_options"},
		{"audio", `"modalities":["text","audio"],`, "modalities"},
		{"web search", `"web_search_options":{},`, "web_search_options"},
		{"functions", `"functions":[{"name":"f"}],`, "functions"},
		{"an unknown effort", `"reasoning_effort":"heroic",`, "reasoning_effort"},
		{"a choice without tools", `"tool_choice":"required",`, "tool_choice"},
		{"a choice that is not there", tools + `"tool_choice":{"type":"function","function":{"name":"fly"}},`, "tool_choice"},
		{"an unknown choice", tools + `"tool_choice":"maybe",`, "tool_choice"},
		{"a function with a bad name", `"tools":[{"type":"function","function":{"name":"a b"}}],`, "tools[0].function.name"},
		{"a strict function with a bad schema", `"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"thing"}}}],`, "tools[0].function.parameters"},
		{"a function with a list for a schema", `"tools":[{"type":"function","function":{"name":"f","parameters":[]}}],`, "tools[0].function.parameters"},
		{"schemas of too many parts", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":` + wide(2600) + `}},"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":` + wide(2600) + `}}],`, "tools[0].function.parameters"},
		{"a bad schema", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":12}}},`, "response_format.json_schema.schema"},
		{"a schema from elsewhere", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"$ref":"http://127.0.0.1:1/x"}}},`, "response_format.json_schema.schema"},
		{"a schema from a file", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"$ref":"file:///etc/passwd"}}},`, "response_format.json_schema.schema"},
		{"a schema with a huge number", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"minimum":1e999999999}}},`, "response_format.json_schema.schema"},
		{"a schema without a name", `"response_format":{"type":"json_schema","json_schema":{"schema":{}}},`, "response_format.json_schema.name"},
		{"much metadata", `"metadata":{"a":"` + strings.Repeat("x", 513) + `"},`, "metadata"},
		{"metadata of a wrong type", `"metadata":{"a":1},`, "metadata"},
		{"an unknown tier", `"service_tier":"first class",`, "service_tier"},
		{"an identifier that is no string", `"safety_identifier":3,`, "safety_identifier"},
		{"an unknown verbosity", `"verbosity":"loud",`, "verbosity"},
		{"a custom tool without a name", `"tools":[{"type":"custom","custom":{}}],`, "tools[0].custom.name"},
		{"a bias that is no number", `"logit_bias":{"5":"much"},`, "logit_bias"},
		{"too much bias", `"logit_bias":{"5":101},`, "logit_bias"},
	} {
		if got := b.chat(t, "What?", tt.more); got.status != 400 || got.err == nil || !strings.HasPrefix(got.err.Param, tt.param) {
			t.Errorf("%s: got %d %s, want 400 about %s", tt.name, got.status, got.body, tt.param)
		}
	}
	if resp, body := b.post(t, `{"model":"tenbit","messages":[{"role":"tool","content":"5"}]}`); resp.StatusCode != 400 || !strings.Contains(body, "messages[0].tool_call_id") {
		t.Errorf("a result of no call: got %d %s", resp.StatusCode, body)
	}
	if n := len(local.Calls()); n != 0 {
		t.Errorf("the model was asked %d times", n)
	}
	got := b.chat(t, "What?", `"user":"u","metadata":{"a":"b"},"store":true,"service_tier":"auto","reasoning_effort":"low","verbosity":"low","x_own":{"k":[1]},"Stream":true,"logit_bias":{},"prediction":null,"seed":7,"presence_penalty":1,`)
	calls := local.Calls()
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" || len(calls) != 1 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if body := string(calls[0].Request.Body); !strings.Contains(body, `"x_own":{"k":[1]}`) || !strings.Contains(body, `"reasoning_effort":"low"`) || strings.Contains(body, `"metadata"`) {
		t.Errorf("the model got %s", body)
	}
}

// wide is a schema with n properties.
func wide(n int) string {
	var properties []string
	for i := range n {
		properties = append(properties, fmt.Sprintf(`"%d":true`, i))
	}
	return `{"type":"object","properties":{` + strings.Join(properties, ",") + `}}`
}

// TestASchemaThatTakesForEver is given up.
func TestASchemaThatTakesForEver(t *testing.T) {
	var defs []string
	for i := range 40 {
		defs = append(defs, fmt.Sprintf(`"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i, i+1, i+1))
	}
	for name, schema := range map[string]string{
		"references": `{"$ref":"#/$defs/d0","$defs":{` + strings.Join(defs, ",") + `,"d40":{}}}`,
		"a pattern":  `{"properties":{"a":{"pattern":"^(a|a|aa)+$"}}}`,
	} {
		format := `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":` + schema + `}},`
		b := open(t, fake.Says(`{"a":"`+strings.Repeat("a", 60)+`b"}`), fake.Says(""), localOnly)
		if got := b.chat(t, "What?", format); got.status != 400 || got.err == nil || got.err.Param != "response_format" {
			t.Errorf("%s: got %d %s, want 400", name, got.status, got.body)
		}
	}
}

// TestAnEmptyAnswer has an empty text, not none.
func TestAnEmptyAnswer(t *testing.T) {
	for _, says := range []string{"", "END"} {
		b := open(t, fake.Says(says), nil, localOnly)
		if got := b.chat(t, "The sea?", `"stop":"END",`); !strings.Contains(got.body, `"content":""`) {
			t.Errorf("%q: got %s", says, got.body)
		}
	}
}

// TestPatterns are those of ECMA-262, such as zod's for e-mail. Schemas of tools
// that are not strict are the model's to read, in whatever dialect.
func TestPatterns(t *testing.T) {
	const mail = `^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$`
	format := `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"properties":{"mail":{"pattern":"` + mail + `"},"note":{"pattern":"^.{0,2000}$"},"twice":{"pattern":"^(.)\\1$"}}}}},`
	for answer, want := range map[string]int{
		`{"mail":"ann@example.org","note":"","twice":"aa"}`: 200,
		`{"mail":"ann..b@example.org"}`:                     502,
		`{"twice":"ab"}`:                                    502,
	} {
		b := open(t, fake.Says(answer), fake.Says(""), localOnly)
		if got := b.chat(t, "Who?", format); got.status != want {
			t.Errorf("%s: got %d %s, want %d", answer, got.status, got.body, want)
		}
	}
	b := open(t, fake.Says("Nobody."), fake.Says(""), localOnly)
	for _, p := range []string{`{"pattern":"("}`, `{"exclusiveMinimum":true}`, `{"required":null}`, `{"$schema":"https://spec.openapis.org/oas/3.1/dialect/base"}`, wide(5500)} {
		if got := b.chat(t, "Who?", `"tools":[{"type":"function","function":{"name":"f","parameters":`+p+`}}],`); got.status != 200 {
			t.Errorf("a tool with %.80s: got %d %s", p, got.status, got.body)
		}
	}
}
