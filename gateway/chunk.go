package gateway

import (
	"encoding/json"
	"fmt"

	"tenbit"
)

type chunk struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Created int64           `json:"created"`
	Model   string          `json:"model"`
	Choices []chunkChoice   `json:"choices"`
	Usage   json.RawMessage `json:"usage,omitempty"` // null but in the last, where usage is asked for
}

type chunkChoice struct {
	Index    int            `json:"index"`
	Delta    delta          `json:"delta"`
	LogProbs *logProbs      `json:"logprobs"`
	Finish   *tenbit.Finish `json:"finish_reason"`
}

type delta struct {
	Role      string          `json:"role,omitempty"`
	Content   *string         `json:"content,omitempty"`
	Refusal   string          `json:"refusal,omitempty"`
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

// chunks tells answers as chunks of a chat completion.
type chunks struct{ *events }

// speak opens the stream with the role of each choice.
func (chatVoice) speak(s *events) (speaker, error) {
	c := chunks{s}
	for i := range s.c.answers {
		empty := ""
		if err := c.choice(i, delta{Role: "assistant", Content: &empty}, nil, nil); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c chunks) text(i int, p piece) error {
	return c.choice(i, delta{Content: &p.text}, p.tokens, nil)
}

func (c chunks) end(i int, a tenbit.Answer) error {
	if calls := numbered(a.Message.ToolCalls); calls != nil || a.Message.Refusal != "" {
		if err := c.choice(i, delta{ToolCalls: calls, Refusal: a.Message.Refusal}, nil, nil); err != nil {
			return err
		}
	}
	return c.choice(i, delta{}, nil, &a.Finish)
}

func (c chunks) close(failed *Error) error {
	if failed != nil {
		return c.broken(failed)
	}
	if c.usage {
		u, err := json.Marshal(c.c.usage(len(c.c.answers)))
		if err == nil { // numbers only
			err = c.chunk(chunk{Choices: []chunkChoice{}, Usage: u})
		}
		if err != nil {
			return err
		}
	}
	return c.last("data: [DONE]\n\n")
}

// numbered gives each tool call its index, as deltas need.
func numbered(calls json.RawMessage) json.RawMessage {
	var list []map[string]json.RawMessage
	if json.Unmarshal(calls, &list) != nil || len(list) == 0 {
		return nil
	}
	for i := range list { // of objects: identified saw to it
		list[i]["index"] = fmt.Appendf(nil, "%d", i)
	}
	return ordered(list)
}

func (c chunks) choice(i int, d delta, tokens []tenbit.TokenProb, finish *tenbit.Finish) error {
	out := chunk{Choices: []chunkChoice{{Index: i, Delta: d, LogProbs: logProbsOf(tokens), Finish: finish}}}
	if c.usage {
		out.Usage = json.RawMessage("null")
	}
	return c.chunk(out)
}

func (c chunks) chunk(out chunk) error {
	out.ID, out.Object, out.Created, out.Model = "chatcmpl-"+c.c.id, "chat.completion.chunk", c.c.start.Unix(), c.c.model
	return c.data(out)
}
