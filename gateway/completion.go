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
	LogProbs *struct{}     `json:"logprobs"`
	Finish   tenbit.Finish `json:"finish_reason"`
}

type message struct {
	Role      string          `json:"role"`
	Content   *string         `json:"content"`
	Refusal   *string         `json:"refusal"`
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func usageOf(u tenbit.Usage) usage {
	return usage{u.Prompt, u.Completion, u.Prompt + u.Completion}
}

// completionOf is the answer as OpenAI's chat completion object.
func completionOf(c *call) completionObject {
	a := c.answer
	m := message{Role: "assistant", ToolCalls: a.Message.ToolCalls, Refusal: orNull(a.Message.Refusal)}
	if a.Message.Content != "" || m.ToolCalls == nil && m.Refusal == nil {
		text := strings.ToValidUTF8(a.Message.Content, "\uFFFD")
		m.Content = &text
	}
	return completionObject{
		ID: "chatcmpl-" + c.id, Object: "chat.completion", Created: c.start.Unix(), Model: c.model,
		Choices: []choice{{Message: m, Finish: a.Finish}}, Usage: usageOf(a.Usage),
	}
}
