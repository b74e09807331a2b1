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
	var calls toolCalls
	if err := calls.addWhole(ch.Message.ToolCalls); err != nil {
		return out, fmt.Errorf("read the tool calls: %w: %w", tenbit.ErrUnavailable, err)
	}
	if f := ch.Message.FunctionCall; len(f) > 0 && string(f) != "null" {
		return out, errFunctionCall
	}
	if len(out.Message.Content)+len(out.Message.Refusal)+calls.size > most {
		return tenbit.Completion{}, broken("read the answer", tenbit.ErrIncomplete, ErrTooLarge)
	}
	m := mean{keep: tokens}
	m.add(ch.LogProbs)
	out.LogProb, out.Tokens = m.value(), m.all
	reason := ""
	if ch.Finish != nil {
		reason = *ch.Finish
	}
	return calls.end(out, reason)
}
