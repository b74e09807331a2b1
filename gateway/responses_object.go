package gateway

import (
	"encoding/json"
	"strings"
	"time"

	"tenbit"
)

// responseVoice tells an answer as a response.
type responseVoice struct {
	in   responseRequest
	keep func(response map[string]any, said []json.RawMessage)
}

func (v responseVoice) whole(c *call) any {
	out := v.object(c, c.answers[0])
	v.keep(out, saidBy(c.answers[0]))
	return out
}

// begun is the response before its answer.
func (v responseVoice) begun(c *call) map[string]any {
	in := v.in
	out := map[string]any{
		"id": responseID(c), "object": "response", "created_at": c.start.Unix(), "completed_at": nil, "status": "in_progress", "background": false,
		"error": nil, "incomplete_details": nil, "instructions": in.Instructions, "max_output_tokens": in.MaxTokens, "model": c.model,
		"output": []any{}, "parallel_tool_calls": true, "previous_response_id": orNull(in.Previous), "temperature": 1.0, "top_p": 1.0,
		"top_logprobs": in.TopLogProbs, "tool_choice": "auto", "tools": in.tools(), "truncation": "disabled", "store": in.store(),
		"service_tier": "default", "metadata": map[string]string{},
		"reasoning": map[string]any{"effort": nil, "summary": nil}, "text": in.text(),
	}
	for _, k := range []string{"parallel_tool_calls", "temperature", "top_p", "tool_choice", "metadata", "user", "safety_identifier", "prompt_cache_key"} {
		if raw, ok := in.fields[k]; ok && string(raw) != "null" {
			out[k] = raw
		}
	}
	if in.Reasoning != nil {
		out["reasoning"] = map[string]any{"effort": in.Reasoning.Effort, "summary": in.Reasoning.Summary}
	}
	return out
}

func (in responseRequest) text() map[string]any {
	out := map[string]any{"format": map[string]any{"type": "text"}, "verbosity": "medium"}
	if in.Text != nil && in.Text.Format != nil {
		out["format"] = in.Text.Format
	}
	if in.Text != nil && in.Text.Verbosity != nil {
		out["verbosity"] = *in.Text.Verbosity
	}
	return out
}

// object is the response with its answer.
func (v responseVoice) object(c *call, a tenbit.Answer) map[string]any {
	out := v.begun(c)
	out["output"], out["status"], out["completed_at"] = v.items(c, a), "completed", time.Now().Unix()
	switch a.Finish {
	case tenbit.FinishLength:
		out["status"], out["completed_at"], out["incomplete_details"] = "incomplete", nil, map[string]string{"reason": "max_output_tokens"}
	case tenbit.FinishFilter:
		out["status"], out["completed_at"], out["incomplete_details"] = "incomplete", nil, map[string]string{"reason": "content_filter"}
	}
	out["usage"] = map[string]any{
		"input_tokens": a.Usage.Prompt, "input_tokens_details": map[string]int{"cached_tokens": 0, "cache_write_tokens": 0},
		"output_tokens": a.Usage.Completion, "output_tokens_details": map[string]int{"reasoning_tokens": 0},
		"total_tokens": a.Usage.Prompt + a.Usage.Completion,
	}
	return out
}

// items are the output of an answer: its message and its calls.
func (v responseVoice) items(c *call, a tenbit.Answer) []any {
	calls := v.in.offers.calls(a)
	out := []any{}
	if a.Message.Content != "" || a.Message.Refusal != "" || len(calls) == 0 {
		out = append(out, messageItem(c, a))
	}
	for i, t := range calls {
		out = append(out, t.item(c, i+1, "completed"))
	}
	return out
}

func messageItem(c *call, a tenbit.Answer) map[string]any {
	status := "completed"
	if a.Finish != tenbit.FinishStop && a.Finish != tenbit.FinishToolCalls {
		status = "incomplete"
	}
	return map[string]any{"id": itemID("msg", c, 0), "type": "message", "status": status, "role": "assistant", "content": []any{contentPart(a)}}
}

// contentPart is the one part of a message: its refusal, or its text.
func contentPart(a tenbit.Answer) map[string]any {
	if a.Message.Refusal != "" {
		return map[string]any{"type": "refusal", "refusal": a.Message.Refusal}
	}
	return textPart(strings.ToValidUTF8(a.Message.Content, "\uFFFD"), a.Tokens)
}

func textPart(text string, tokens []tenbit.TokenProb) map[string]any {
	return map[string]any{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": responseProbs(tokens)}
}

// responseProbs are the log-probabilities as responses have them: with bytes,
// which may not be null there.
func responseProbs(tokens []tenbit.TokenProb) []tenbit.TokenProb {
	out := []tenbit.TokenProb{}
	for _, t := range tokens {
		t.Bytes = spelled(t.Token, t.Bytes)
		top := []tenbit.OtherToken{}
		for _, o := range t.Top {
			o.Bytes = spelled(o.Token, o.Bytes)
			top = append(top, o)
		}
		t.Top = top
		out = append(out, t)
	}
	return out
}

func spelled(token string, known []int) []int {
	if known != nil {
		return known
	}
	out := make([]int, len(token))
	for i, b := range []byte(token) {
		out[i] = int(b)
	}
	return out
}

// outputCall is a call in a response's output.
type outputCall struct {
	toolCall
	Namespace string
}

// item is the call as the response's output has it; without its arguments while
// it is in progress.
func (t outputCall) item(c *call, n int, status string) map[string]any {
	if t.Type == "custom" {
		out := map[string]any{"id": itemID("ctc", c, n), "type": "custom_tool_call", "call_id": t.ID, "name": t.Custom.Name, "input": t.Custom.Input}
		if status == "in_progress" {
			out["input"] = ""
		}
		return t.within(out)
	}
	out := map[string]any{"id": itemID("fc", c, n), "type": "function_call", "status": status, "call_id": t.ID, "name": t.Function.Name, "arguments": t.Function.Arguments}
	if status == "in_progress" {
		out["arguments"] = ""
	}
	return t.within(out)
}

// within adds the namespace, where there is one.
func (t outputCall) within(item map[string]any) map[string]any {
	if t.Namespace != "" {
		item["namespace"] = t.Namespace
	}
	return item
}

// saidBy is the answer as a message of the conversation that goes on.
func saidBy(a tenbit.Answer) []json.RawMessage {
	m := map[string]any{"role": "assistant", "content": strings.ToValidUTF8(a.Message.Content+a.Message.Refusal, "\uFFFD")}
	if len(a.Message.ToolCalls) > 0 {
		m["tool_calls"] = a.Message.ToolCalls
	}
	return turns{m}.raw()
}
