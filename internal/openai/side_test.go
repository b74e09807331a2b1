package openai_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenbit"
	"tenbit/internal/fake"
)

// eachForm has the model answer with fields of the answer and fields of its
// choice beside a content, whole and as a stream.
func eachForm(t *testing.T, fields, choice string, check func(t *testing.T, got tenbit.Completion, err error)) {
	t.Helper()
	for _, form := range []string{"message", "delta"} {
		t.Run(form, func(t *testing.T) {
			raw := `{` + fields + `"choices":[{"index":0,` + choice + `"` + form + `":{"content":"abc"},"finish_reason":"stop"}]}`
			var s tenbit.Sampling
			if form == "delta" {
				raw = "data: " + raw + "\n\n"
				s.Sink = func(string) error { return nil }
			}
			c, _ := serve(t, fake.Behaviour{Raw: []byte(raw)})
			got, err := c.Complete(t.Context(), request(t, hello), s)
			check(t, got, err)
		})
	}
}

// What is not the answer does not cost the answer.
func TestSideFields(t *testing.T) {
	for _, tt := range []struct {
		name, fields, choice string
		want                 tenbit.Usage
	}{
		{"usage with fractions", `"usage":{"prompt_tokens":5.0,"completion_tokens":2.5e0},`, "", tenbit.Usage{Prompt: 5, Completion: 2}},
		{"usage as strings", `"usage":{"prompt_tokens":"5","completion_tokens":"2.0"},`, "", tenbit.Usage{Prompt: 5, Completion: 2}},
		{"usage read in part", `"usage":{"prompt_tokens":null,"completion_tokens":2},`, "", tenbit.Usage{Completion: 2}},
		{"usage of other kinds", `"usage":{"prompt_tokens":[5],"completion_tokens":{"n":2}},`, "", tenbit.Usage{}},
		{"usage out of range", `"usage":{"prompt_tokens":-5,"completion_tokens":1e99},`, "", tenbit.Usage{}},
		{"usage as a list", `"usage":[],`, "", tenbit.Usage{}},
		{"usage as a number", `"usage":7,`, "", tenbit.Usage{}},
		{"log-probabilities as a list", "", `"logprobs":[],`, tenbit.Usage{}},
		{"log-probabilities of another shape", "", `"logprobs":{"content":[{"token":7,"logprob":-1}]},`, tenbit.Usage{}},
		{"log-probabilities of text completions", "", `"logprobs":{"tokens":["a"],"token_logprobs":[-1],"content":-1},`, tenbit.Usage{}},
		{"error null", `"error":null,`, "", tenbit.Usage{}},
		{"error empty", `"error":"",`, "", tenbit.Usage{}},
		{"error false", `"error":false,`, "", tenbit.Usage{}},
		{"error zero", `"error":0,`, "", tenbit.Usage{}},
		{"error without fields", `"error":{},`, "", tenbit.Usage{}},
		{"error of empty fields", `"error":{"message":"","code":0,"param":null,"details":[]},`, "", tenbit.Usage{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachForm(t, tt.fields, tt.choice, func(t *testing.T, got tenbit.Completion, err error) {
				want := tenbit.Completion{Message: tenbit.Message{Content: "abc"}, Finish: tenbit.FinishStop, Usage: tt.want, Cost: got.Cost}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("error %v; completion (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

func TestErrorsBesideAnAnswer(t *testing.T) {
	for _, e := range []string{`"x"`, `true`, `{"message":"x"}`, `{"code":7}`, `{"code":1e999}`, `["x"]`} {
		t.Run(e, func(t *testing.T) {
			eachForm(t, `"error":`+e+`,`, "", func(t *testing.T, _ tenbit.Completion, err error) {
				if !errors.Is(err, tenbit.ErrUnavailable) {
					t.Errorf("got %v, want ErrUnavailable", err)
				}
			})
		})
	}
}

// A chunk's usage that says nothing does not undo what another has said.
func TestUsageStays(t *testing.T) {
	c, _ := serve(t, fake.Behaviour{Raw: []byte(`data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}` + "\n\n" +
		`data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{}}` + "\n\n")})
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return nil }})
	if err != nil || got.Usage != (tenbit.Usage{Prompt: 5, Completion: 2}) {
		t.Errorf("got %+v, %v; want 5 and 2 tokens", got.Usage, err)
	}
}

func TestContentInParts(t *testing.T) {
	var raw strings.Builder
	for _, content := range []string{`[{"type":"text","text":"a\ud83d"}]`, `[]`, `null`, `[{"type":"thinking","text":"no"},{"type":"text","text":"\ude00"},{"type":"text","text":"b"}]`, `"c"`} {
		raw.WriteString(`data: {"choices":[{"delta":{"content":` + content + `}}]}` + "\n\n")
	}
	raw.WriteString(`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n")
	c, _ := serve(t, fake.Behaviour{Raw: []byte(raw.String())})
	var sunk string
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(s string) error { sunk += s; return nil }})
	if err != nil || got.Message.Content != "a😀bc" || sunk != "a😀bc" {
		t.Errorf("got %q, sink %q, %v; want a😀bc", got.Message.Content, sunk, err)
	}
}

// Deltas without content are no tokens of the limit.
func TestNullContentIsNoToken(t *testing.T) {
	c, _ := serve(t, fake.Behaviour{Raw: []byte(strings.Repeat(`data: {"choices":[{"delta":{"content":null}}]}`+"\n\n", 3) +
		`data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}` + "\n\n")})
	limited := request(t, strings.TrimSuffix(hello, "}")+`,"max_completion_tokens":2}`)
	got, err := c.Complete(t.Context(), limited, tenbit.Sampling{Sink: func(string) error { return nil }})
	if err != nil || got.Message.Content != "a" || got.Finish != tenbit.FinishStop {
		t.Errorf("got %q, %q, %v; want a and stop", got.Message.Content, got.Finish, err)
	}
}
