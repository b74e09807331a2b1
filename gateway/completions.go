package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"tenbit"
)

// completions serves POST /v1/completions, the API before chats. Each prompt
// becomes a chat of one user turn.
func (g *Gateway) completions(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := g.body(w, r)
	if err != nil {
		return err
	}
	in, err := readCompletion(body)
	if err != nil {
		return err
	}
	t := task{voice: textVoice{in}}
	for _, prompt := range in.prompts {
		b, err := in.chat(prompt)
		if err != nil {
			return err
		}
		o, d, err := g.order(r, c, b)
		if err != nil {
			return err
		}
		o.MaxBits /= tenbit.Bits(len(in.prompts))
		orders, err := spread(o, in.n)
		if err != nil {
			return err
		}
		t.orders, t.deliver = append(t.orders, orders...), d
	}
	return g.serve(w, r, c, t)
}

// textRequest is what is read of a request to complete texts.
type textRequest struct {
	Prompt   json.RawMessage `json:"prompt"`
	Echo     bool            `json:"echo"`
	LogProbs *int            `json:"logprobs"`
	BestOf   *int            `json:"best_of"`
	Suffix   *string         `json:"suffix"`
	N        *int            `json:"n"`

	fields  map[string]json.RawMessage
	prompts []string
	n       int
}

// maxChoices bounds the prompts of one request times n.
const maxChoices = 64

// defaultTokens is OpenAI's limit where a request to complete texts names none.
const defaultTokens = 16

func readCompletion(body []byte) (in textRequest, err error) {
	if in.fields, err = tenbit.ParseFields(body); err != nil {
		return in, err
	}
	if err := tenbit.Exactly(in.fields, &in); err != nil {
		return in, mistyped(err)
	}
	in.n = 1
	if in.N != nil {
		in.n = *in.N
	}
	for _, k := range []string{"tools", "response_format"} { // as at OpenAI's
		if set(in.fields[k]) {
			return in, invalid(k, "unsupported_parameter", "Texts are completed without "+k+". Use chat completions.")
		}
	}
	var one string
	switch {
	case len(in.Prompt) == 0 || string(in.Prompt) == "null":
		return in, invalid("prompt", "", "You must provide a prompt.")
	case json.Unmarshal(in.Prompt, &one) == nil:
		in.prompts = []string{one}
	case json.Unmarshal(in.Prompt, &in.prompts) != nil || len(in.prompts) == 0:
		return in, invalid("prompt", "", "Expected a string or an array of strings. Tokens are not supported: the local model has its own.")
	}
	switch {
	case in.n < 1 || len(in.prompts) > maxChoices || in.n*len(in.prompts) > maxChoices:
		return in, invalid("n", "", fmt.Sprintf("Expected 1 to %d choices together.", maxChoices))
	case in.Suffix != nil && *in.Suffix != "":
		return in, invalid("suffix", "unsupported_parameter", "suffix is not supported.")
	case in.BestOf != nil && *in.BestOf != in.n:
		return in, invalid("best_of", "unsupported_value", "best_of must be equal to n.")
	case in.LogProbs != nil && (*in.LogProbs < 0 || *in.LogProbs > 5):
		return in, invalid("logprobs", "", "Expected an integer from 0 to 5.")
	case in.LogProbs != nil && in.Echo:
		return in, invalid("logprobs", "unsupported_value", "logprobs can't be given for an echoed prompt.")
	}
	return in, nil
}

// chat is the body of a chat completion request for one of the prompts.
func (in textRequest) chat(prompt string) ([]byte, error) {
	out := map[string]any{"max_tokens": defaultTokens}
	for k, v := range in.fields {
		if k != "max_tokens" || string(v) != "null" {
			out[k] = v
		}
	}
	for _, k := range []string{"prompt", "echo", "logprobs", "best_of", "suffix"} {
		delete(out, k)
	}
	if in.LogProbs != nil {
		out["logprobs"], out["top_logprobs"] = true, *in.LogProbs
	}
	out["messages"] = []map[string]string{{"role": "user", "content": prompt}}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write a chat request: %w", err)
	}
	return b, nil
}

type textObject struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []textChoice `json:"choices"`
	Usage   *usage       `json:"usage,omitempty"`
}

type textChoice struct {
	Text     string         `json:"text"`
	Index    int            `json:"index"`
	LogProbs *textProbs     `json:"logprobs"`
	Finish   *tenbit.Finish `json:"finish_reason"`
}

type textProbs struct {
	Tokens  []string             `json:"tokens"`
	Probs   []float64            `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"` // in characters
}

// textProbsOf starts to count at offset.
func textProbsOf(tokens []tenbit.TokenProb, offset int) *textProbs {
	if len(tokens) == 0 {
		return nil
	}
	out := &textProbs{}
	for _, t := range tokens {
		top := map[string]float64{}
		for _, o := range t.Top {
			top[o.Token] = o.LogProb
		}
		out.Tokens, out.Probs = append(out.Tokens, t.Token), append(out.Probs, t.LogProb)
		out.Top, out.Offsets = append(out.Top, top), append(out.Offsets, offset)
		offset += len([]rune(t.Token))
	}
	return out
}

// textVoice tells answers as completions of texts.
type textVoice struct{ in textRequest }

func (v textVoice) object(c *call, choices []textChoice) textObject {
	return textObject{ID: "cmpl-" + c.id, Object: "text_completion", Created: c.start.Unix(), Model: c.model, Choices: choices}
}

// echo is the prompt of a choice where it is asked for.
func (v textVoice) echo(i int) string {
	if !v.in.Echo {
		return ""
	}
	return v.in.prompts[i/v.in.n]
}

func (v textVoice) whole(c *call) any {
	var choices []textChoice
	for i, a := range c.answers {
		text := strings.ToValidUTF8(a.Message.Content, "\uFFFD")
		choices = append(choices, textChoice{Text: v.echo(i) + text, Index: i, LogProbs: textProbsOf(a.Tokens, 0), Finish: &a.Finish})
	}
	out := v.object(c, choices)
	u := c.usage(v.in.n)
	out.Usage = &u
	return out
}

// textChunks tells answers as chunks of a completion.
type textChunks struct {
	*events
	v       textVoice
	offsets []int // characters that each choice has had
}

func (v textVoice) speak(s *events) (speaker, error) {
	t := textChunks{s, v, make([]int, len(s.c.answers))}
	for i := range s.c.answers {
		if err := t.chunk(textChoice{Text: v.echo(i), Index: i}); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t textChunks) text(i int, p piece) error {
	probs := textProbsOf(p.tokens, t.offsets[i])
	t.offsets[i] += len([]rune(p.text))
	return t.chunk(textChoice{Text: p.text, Index: i, LogProbs: probs})
}

func (t textChunks) end(i int, a tenbit.Answer) error {
	return t.chunk(textChoice{Index: i, Finish: &a.Finish})
}

func (t textChunks) close(failed *Error) error {
	if failed != nil {
		return t.broken(failed)
	}
	if t.usage {
		out := t.v.object(t.c, []textChoice{})
		u := t.c.usage(t.v.in.n)
		out.Usage = &u
		if err := t.data(out); err != nil {
			return err
		}
	}
	return t.last("data: [DONE]\n\n")
}

func (t textChunks) chunk(c textChoice) error {
	return t.data(t.v.object(t.c, []textChoice{c}))
}
