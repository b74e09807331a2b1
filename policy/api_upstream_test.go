package policy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tenbit"
	"tenbit/codec"
	"tenbit/internal/fake"
	"tenbit/internal/openai"
	"tenbit/policy"
)

// asked are two questions about a draft.
var asked = []tenbit.Question{{Text: "Is the sum right?", Yes: 128}, {Text: "Is a ship missing?", Yes: 200}}

func chat(t *testing.T, question string) tenbit.Request {
	t.Helper()
	body, err := json.Marshal(map[string]any{"model": "m", "max_tokens": 4000, "messages": []any{map[string]string{"role": "user", "content": question}}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := tenbit.ParseRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// upstreamed is the api mode over a server that follows a script.
func upstreamed(t *testing.T, script func(fake.Received) fake.Behaviour) (policy.API, *fake.Upstream) {
	t.Helper()
	up := fake.NewUpstream(t, script)
	c, err := openai.New(openai.Config{BaseURL: up.URL, Model: "large", MaxAnswer: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return policy.API{Large: c, Codec: codec.Default(), Formats: new(policy.Formats)}, up
}

// inTurn answers the n-th call with the n-th behaviour, and the last one from then on.
func inTurn(bs ...fake.Behaviour) func(fake.Received) fake.Behaviour {
	return func(r fake.Received) fake.Behaviour { return bs[min(r.N, len(bs)-1)] }
}

var refusesFormat = fake.Refuses(http.StatusBadRequest, "invalid_request_error", "unsupported_parameter", "'response_format' of type 'json_schema' is not supported with this model")

// TestAPIAsk: all questions go in one call; what comes back is read strictly,
// asked for once more, and never costs more than the grant.
func TestAPIAsk(t *testing.T) {
	good := fake.Answers(`{"solution":"3 ships","draft_ok":false,"answers":["yes","unsure"]}`)
	for _, tt := range []struct {
		name  string
		says  []fake.Behaviour
		want  tenbit.Mode
		calls int
		fails bool
	}{
		{"answers", []fake.Behaviour{good}, tenbit.ModeAsk, 1, false},
		{"the draft is right", []fake.Behaviour{fake.Answers(`{"solution":"","draft_ok":true,"answers":["yes","no"]}`)}, tenbit.ModeAccept, 1, false},
		{"fenced", []fake.Behaviour{fake.Answers("```json\n" + good.Content + "\n```")}, tenbit.ModeAsk, 1, false},
		{"garbage, then answers", []fake.Behaviour{fake.Answers("Aye aye."), good}, tenbit.ModeAsk, 2, false},
		{"garbage", []fake.Behaviour{fake.Answers("Aye aye.")}, tenbit.ModeNone, 2, false},
		{"empty", []fake.Behaviour{fake.Answers("")}, tenbit.ModeNone, 2, false},
		{"empty, then answers", []fake.Behaviour{fake.Answers(""), good}, tenbit.ModeAsk, 2, false},
		{"too few answers", []fake.Behaviour{fake.Answers(`{"solution":"","draft_ok":false,"answers":["yes"]}`)}, tenbit.ModeNone, 2, false},
		{"other JSON", []fake.Behaviour{fake.Answers(`{"verdict":"fine"}`)}, tenbit.ModeNone, 2, false},
		{"two objects", []fake.Behaviour{fake.Answers(good.Content + good.Content)}, tenbit.ModeNone, 2, false},
		{"unknown words", []fake.Behaviour{fake.Answers(`{"solution":"","draft_ok":false,"answers":["yes","perhaps"]}`)}, tenbit.ModeNone, 2, false},
		{"cut JSON", []fake.Behaviour{{Content: good.Content[:40], Finish: "length"}}, tenbit.ModeNone, 2, false},
		{"refused by the model", []fake.Behaviour{{Refusal: "I won't."}}, tenbit.ModeNone, 1, false},
		{"too long", []fake.Behaviour{fake.Huge(1 << 20)}, tenbit.ModeNone, 1, true},
		{"too long, the second time", []fake.Behaviour{fake.Answers("Aye."), fake.Huge(1 << 20)}, tenbit.ModeNone, 2, false},
		{"no completion", []fake.Behaviour{fake.Garbage()}, tenbit.ModeNone, 1, true},
		{"json_schema refused", []fake.Behaviour{refusesFormat, good}, tenbit.ModeAsk, 2, false},
		{"any format refused", []fake.Behaviour{refusesFormat, refusesFormat, good}, tenbit.ModeAsk, 3, false},
		{"refused to the end", []fake.Behaviour{refusesFormat}, tenbit.ModeNone, 3, true},
		{"refused, garbage, answers", []fake.Behaviour{refusesFormat, fake.Answers("Aye."), good}, tenbit.ModeAsk, 3, false},
		{"refused for another field", []fake.Behaviour{fake.Refuses(400, "invalid_request_error", "", "too many tokens")}, tenbit.ModeNone, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api, up := upstreamed(t, inTurn(tt.says...))
			ask := tenbit.Ask{
				Request: chat(t, "Why do ships float?"), Draft: &tenbit.Message{Content: "Since they swim."},
				Limit: 30 * tenbit.Bit, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeAsk), Questions: asked,
			}
			r, err := api.Escalate(t.Context(), ask)
			if (err != nil) != tt.fails || r.Mode != tt.want || len(up.Seen()) != tt.calls {
				t.Errorf("got %v, %v, %d calls; want %v, failure %v, %d", r.Mode, err, len(up.Seen()), tt.want, tt.fails, tt.calls)
			}
			if r.Cost.Bits > ask.Limit || !tt.fails && r.Cost.Bits <= 0 {
				t.Errorf("charged %v of %v", r.Cost.Bits, ask.Limit)
			}
			up0, down0 := int64(0), int64(0)
			for _, s := range up.Seen() {
				up0 += int64(len(s.Body))
			}
			for i := range up.Seen() {
				if b := tt.says[min(i, len(tt.says)-1)]; b.Content != "" && len(b.Content) < 1<<16 {
					down0 += int64(len(b.Content))
				}
			}
			if r.Cost.WireUp < up0 || r.Cost.WireDown < down0 {
				t.Errorf("wire %d up, %d down; the bodies alone %d, %d", r.Cost.WireUp, r.Cost.WireDown, up0, down0)
			}
		})
	}
}

// TestAPIAsksOnce: one call has every question, an own bound on tokens instead of
// the client's, and a schema; a refused form is not tried again.
func TestAPIAsksOnce(t *testing.T) {
	api, up := upstreamed(t, func(r fake.Received) fake.Behaviour {
		var f struct{ Type string }
		if r.Field("response_format", &f) && f.Type == "json_schema" {
			return refusesFormat
		}
		return fake.Answers(`{"solution":"","draft_ok":false,"answers":["yes","no"]}`)
	})
	for range 2 {
		ask := tenbit.Ask{
			Request: chat(t, "Why do ships float?"), Draft: &tenbit.Message{Content: "Since they swim."},
			Limit: 30 * tenbit.Bit, Modes: tenbit.Modes(tenbit.ModeAsk), Questions: asked,
		}
		if r, err := api.Escalate(t.Context(), ask); err != nil || r.Mode != tenbit.ModeAsk {
			t.Fatalf("got %v, %v", r.Mode, err)
		}
	}
	seen := up.Seen()
	if len(seen) != 3 {
		t.Fatalf("%d calls, want a refusal and two answers", len(seen))
	}
	for i, want := range []string{"json_schema", "json_object", "json_object"} {
		var f struct{ Type string }
		var tokens int
		seen[i].Field("response_format", &f)
		seen[i].Field("max_completion_tokens", &tokens)
		if f.Type != want || tokens < 1000 || strings.Contains(string(seen[i].Body), `"max_tokens"`) {
			t.Errorf("call %d: %s, at most %d tokens; want %s and an own bound", i, f.Type, tokens, want)
		}
		for _, q := range asked {
			if !strings.Contains(string(seen[i].Body), q.Text) {
				t.Errorf("call %d is without %q", i, q.Text)
			}
		}
	}
}

// TestAPIStrategies: every mode that makes sense without an origin, in one call.
func TestAPIStrategies(t *testing.T) {
	draft := &tenbit.Message{Content: "Since they swim."}
	closed := []tenbit.Candidate{{Answer: "18", Votes: 2}, {Answer: "9", Votes: 1}}
	long := ""
	for i := range 400 {
		long += fmt.Sprintf("%d ships weigh %d t. ", i*i, i*7919%1009)
	}
	for _, tt := range []struct {
		name  string
		ask   tenbit.Ask
		says  string
		want  tenbit.Mode
		grant bool // all of it is charged
	}{
		{"accept by extraction", tenbit.Ask{Candidates: closed, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer), Limit: 100 * tenbit.Bit}, "So it is 18.\nAnswer: 18", tenbit.ModeAccept, false},
		{"select by extraction", tenbit.Ask{Candidates: closed, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer), Limit: 100 * tenbit.Bit}, "Answer: 9", tenbit.ModeSelect, false},
		{"answer by extraction", tenbit.Ask{Candidates: closed, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer), Limit: 100 * tenbit.Bit}, "Answer: 77", tenbit.ModeAnswer, false},
		{"a verdict alone: right", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept), Limit: 20 * tenbit.Bit}, `{"solution":"x","draft_ok":true}`, tenbit.ModeAccept, false},
		{"a verdict alone: wrong", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept), Limit: 20 * tenbit.Bit}, `{"solution":"x","draft_ok":false}`, tenbit.ModeNone, false},
		{"a verdict with a whole answer", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeFull), Limit: 8000 * tenbit.Bit}, "DRAFT OK", tenbit.ModeAccept, false},
		{"hint", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeHint), Limit: 400 * tenbit.Bit}, "Say that water lifts.", tenbit.ModeHint, false},
		{"a hint that is too long", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeHint), Limit: 200 * tenbit.Bit}, long, tenbit.ModeHint, false},
		{"brief", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeBrief), Limit: 800 * tenbit.Bit}, "Water lifts them.", tenbit.ModeBrief, false},
		{"a brief answer that is too long", tenbit.Ask{Draft: draft, Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeBrief), Limit: 300 * tenbit.Bit}, long, tenbit.ModeNone, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api, up := upstreamed(t, inTurn(fake.Answers(tt.says)))
			tt.ask.Request = chat(t, "Why do ships float?")
			if tt.ask.Candidates != nil {
				tt.ask.Request = chat(t, "How many ships are there?")
			}
			r, err := api.Escalate(t.Context(), tt.ask)
			if err != nil || r.Mode != tt.want || len(up.Seen()) != 1 {
				t.Fatalf("got %v, %v, %d calls; want %v, one", r.Mode, err, len(up.Seen()), tt.want)
			}
			if r.Cost.Bits <= 0 || (r.Cost.Bits == tt.ask.Limit) != tt.grant {
				t.Errorf("charged %v of %v", r.Cost.Bits, tt.ask.Limit)
			}
			if int64(len(up.Seen()[0].Body)) > r.Cost.WireUp || int64(len(tt.says)) > r.Cost.WireDown {
				t.Errorf("wire %d up, %d down", r.Cost.WireUp, r.Cost.WireDown)
			}
		})
	}
}
