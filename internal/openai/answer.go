package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tenbit"
)

// answer is a completion or one chunk of one, with the fields read here.
type answer struct {
	Choices []choice    `json:"choices"`
	Usage   *usage      `json:"usage"`
	Error   errorObject `json:"error"`
}

type choice struct {
	Index    int      `json:"index"`
	Message  message  `json:"message"`
	Delta    message  `json:"delta"`
	Finish   *string  `json:"finish_reason"`
	LogProbs *logProb `json:"logprobs"`
}

// message keeps its strings as they were written: encoding/json would replace
// what is not UTF-8.
type message struct {
	Content      json.RawMessage `json:"content"`
	Refusal      json.RawMessage `json:"refusal"`
	ToolCalls    json.RawMessage `json:"tool_calls"`
	FunctionCall json.RawMessage `json:"function_call"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
}

func (u *usage) tokens() tenbit.Usage {
	if u == nil {
		return tenbit.Usage{}
	}
	return tenbit.Usage{Prompt: max(0, u.Prompt), Completion: max(0, u.Completion)}
}

type logProb struct {
	Content []tenbit.TokenProb `json:"content"`
	Refusal []tenbit.TokenProb `json:"refusal"`
}

// mean is the running mean of log-probabilities, and the content's tokens where
// they are wanted.
type mean struct {
	sum  float64
	n    int
	keep bool
	all  []tenbit.TokenProb
}

func (m *mean) add(l *logProb) {
	if l == nil {
		return
	}
	if m.keep {
		m.all = append(m.all, l.Content...)
	}
	for _, list := range [][]tenbit.TokenProb{l.Content, l.Refusal} {
		for _, t := range list {
			m.sum += t.LogProb
			m.n++
		}
	}
}

func (m *mean) value() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / float64(m.n)
}

var (
	errFunctionCall = errors.New("the model answered with a function_call, which OpenAI replaced with tool_calls")
	errNoFinish     = fmt.Errorf("%w: no finish_reason", tenbit.ErrIncomplete)
)

// readWhole reads an answer that comes as one JSON object and passes its
// content to sink, if there is one.
func (c *Client) readWhole(r io.Reader, want wish) (tenbit.Completion, error) {
	// Escapes make a byte up to six, log-probabilities a token some hundred.
	most := 4*int64(c.cfg.MaxAnswer) + 1<<20
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return tenbit.Completion{}, broken("read the answer", tenbit.ErrIncomplete, err)
	}
	if int64(len(body)) > most {
		return tenbit.Completion{}, broken("read the answer", tenbit.ErrIncomplete, ErrTooLarge)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(body)) && len(body) > 0 {
			return tenbit.Completion{}, fmt.Errorf("read the answer: %w: cut JSON", tenbit.ErrIncomplete)
		}
		return tenbit.Completion{}, fmt.Errorf("read the answer: %w: not a chat completion", tenbit.ErrUnavailable)
	}
	if a.Error.set {
		return tenbit.Completion{}, a.Error.asError(false)
	}
	if len(a.Choices) == 0 {
		return tenbit.Completion{}, fmt.Errorf("read the answer: %w: no choices in it", tenbit.ErrUnavailable)
	}
	out, err := a.Choices[0].completion(c.cfg.MaxAnswer, want.tokens)
	out.Usage = a.Usage.tokens()
	if err == nil {
		out = want.hold(out)
	}
	if want.sink != nil && out.Message.Content != "" {
		if err := want.sink(out.Message.Content); err != nil {
			return out, fmt.Errorf("pass the answer on: %w", err)
		}
	}
	return out, err
}

// hold cuts an answer whose server ignored the limit on tokens, by the share of
// the tokens that it counted itself: where they end is not known.
func (w wish) hold(c tenbit.Completion) tenbit.Completion {
	if w.maxTokens == 0 || c.Usage.Completion <= w.maxTokens || c.Finish != tenbit.FinishStop {
		return c
	}
	text := c.Message.Content
	n := int(int64(len(text)) * int64(w.maxTokens) / int64(c.Usage.Completion))
	c.Message.Content = text[:wholeRunes([]byte(text[:n]))]
	c.Finish, c.Usage.Completion = tenbit.FinishLength, w.maxTokens
	c.Tokens = c.Tokens[:min(len(c.Tokens), w.maxTokens)]
	return c
}

func (ch choice) completion(most int, tokens bool) (tenbit.Completion, error) {
	var out tenbit.Completion
	var err error
	if out.Message.Content, err = contentText(ch.Message.Content); err != nil {
		return out, fmt.Errorf("read the content: %w: %w", tenbit.ErrUnavailable, err)
	}
	if len(ch.Message.Refusal) > 0 {
		if out.Message.Refusal, err = unquote(ch.Message.Refusal); err != nil {
			return out, fmt.Errorf("read the refusal: %w: %w", tenbit.ErrUnavailable, err)
		}
	}
	if raw := ch.Message.ToolCalls; len(raw) > 0 {
		var calls []json.RawMessage
		if err := json.Unmarshal(raw, &calls); err != nil {
			return out, fmt.Errorf("read the tool calls: %w: not an array", tenbit.ErrUnavailable)
		}
		if len(calls) > 0 {
			out.Message.ToolCalls = raw
		}
	}
	if f := ch.Message.FunctionCall; len(f) > 0 && string(f) != "null" {
		return out, errFunctionCall
	}
	if len(out.Message.Content)+len(out.Message.Refusal)+len(out.Message.ToolCalls) > most {
		return tenbit.Completion{}, broken("read the answer", tenbit.ErrIncomplete, ErrTooLarge)
	}
	m := mean{keep: tokens}
	m.add(ch.LogProbs)
	out.LogProb, out.Tokens = m.value(), m.all
	if ch.Finish == nil {
		return out, fmt.Errorf("read the answer: %w", errNoFinish)
	}
	out.Finish, err = finish(*ch.Finish, out.Message.ToolCalls != nil)
	return out, err
}

// contentText reads a content: a string, null, or the list of parts that a few
// servers send.
func contentText(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	if raw[0] != '[' {
		return unquote(raw)
	}
	var parts []struct {
		Type string          `json:"type"`
		Text json.RawMessage `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", errors.New("not a list of parts")
	}
	var u unquoter
	var text []byte
	for _, p := range parts {
		if p.Type != "text" || len(p.Text) == 0 {
			continue // thoughts and such
		}
		var err error
		if text, err = u.append(text, p.Text); err != nil {
			return "", err
		}
	}
	return string(u.flush(text)), nil
}

// finish reads a finish_reason, with the other names that servers use. One that
// is unknown means an answer whose end nobody can vouch for.
func finish(reason string, tools bool) (tenbit.Finish, error) {
	switch reason {
	case "stop", "eos", "eos_token", "end_turn", "stop_sequence":
		if tools { // several servers say stop here
			return tenbit.FinishToolCalls, nil
		}
		return tenbit.FinishStop, nil
	case "tool_calls", "tool_use":
		return tenbit.FinishToolCalls, nil
	case "length", "max_tokens":
		return tenbit.FinishLength, nil
	case "content_filter":
		return tenbit.FinishFilter, nil
	case "function_call":
		return "", errFunctionCall
	case "":
		return "", fmt.Errorf("read the answer: %w", errNoFinish)
	}
	return "", fmt.Errorf("read the answer: %w: finish_reason %q", tenbit.ErrIncomplete, identifier(reason))
}
