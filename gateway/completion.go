package gateway

import (
	"encoding/json"
	"strings"

	"tenbit"
)

type completionObject struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   usage    `json:"usage"`
}

type choice struct {
	Index    int           `json:"index"`
	Message  message       `json:"message"`
	LogProbs *logProbs     `json:"logprobs"`
	Finish   tenbit.Finish `json:"finish_reason"`
}

type message struct {
	Role      string          `json:"role"`
	Content   *string         `json:"content"`
	Refusal   *string         `json:"refusal"`
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

// logProbs are the log-probabilities of a choice or a chunk of one.
type logProbs struct {
	Content []tenbit.TokenProb `json:"content"`
	Refusal *struct{}          `json:"refusal"`
}

// logProbsOf is nil, which JSON has as null, where there are none.
func logProbsOf(tokens []tenbit.TokenProb) *logProbs {
	if len(tokens) == 0 {
		return nil
	}
	out := make([]tenbit.TokenProb, len(tokens))
	for i, t := range tokens {
		out[i] = t
		if t.Top == nil {
			out[i].Top = []tenbit.OtherToken{}
		}
	}
	return &logProbs{Content: out}
}

// usage counts tokens as OpenAI does. The details are there since clients add
// them up.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
	PromptMore struct {
		Cached int `json:"cached_tokens"`
		Audio  int `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionMore struct {
		Reasoning int `json:"reasoning_tokens"`
		Audio     int `json:"audio_tokens"`
		Accepted  int `json:"accepted_prediction_tokens"`
		Rejected  int `json:"rejected_prediction_tokens"`
	} `json:"completion_tokens_details"`
}

func usageOf(u tenbit.Usage) usage {
	return usage{Prompt: u.Prompt, Completion: u.Completion, Total: u.Prompt + u.Completion}
}

// usage is what the choices took together; each so many of them share a prompt.
func (c *call) usage(shared int) usage {
	var sum tenbit.Usage
	for i, a := range c.answers {
		sum.Completion += a.Usage.Completion
		if i%shared == 0 {
			sum.Prompt += a.Usage.Prompt
		}
	}
	return usageOf(sum)
}

// chatVoice tells answers as chat completions.
type chatVoice struct{}

func (chatVoice) whole(c *call) any {
	out := completionObject{
		ID: "chatcmpl-" + c.id, Object: "chat.completion", Created: c.start.Unix(), Model: c.model, Usage: c.usage(len(c.answers)),
	}
	for i, a := range c.answers {
		m := message{Role: "assistant", ToolCalls: a.Message.ToolCalls, Refusal: orNull(a.Message.Refusal)}
		if a.Message.Content != "" || m.ToolCalls == nil && m.Refusal == nil {
			text := strings.ToValidUTF8(a.Message.Content, "\uFFFD")
			m.Content = &text
		}
		out.Choices = append(out.Choices, choice{Index: i, Message: m, LogProbs: logProbsOf(a.Tokens), Finish: a.Finish})
	}
	return out
}
