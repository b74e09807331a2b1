package tenbit

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// roles are the ones OpenAI's schema names.
var roles = []string{"system", "developer", "user", "assistant", "tool", "function"}

// bounded lists the numeric fields with the range OpenAI documents.
var bounded = []struct {
	name     string
	min, max float64
	whole    bool
}{
	{"temperature", 0, 2, false},
	{"top_p", 0, 1, false},
	{"presence_penalty", -2, 2, false},
	{"frequency_penalty", -2, 2, false},
	{"max_tokens", 1, 1 << 24, true},
	{"max_completion_tokens", 1, 1 << 24, true},
	{"n", 1, 8, true},
	{"seed", math.MinInt64, math.MaxInt64, true},
	{"top_logprobs", 0, 20, true},
}

func (r *Request) parse(fields map[string]json.RawMessage) error {
	if r.Model, _ = str(fields["model"]); r.Model == "" {
		return &RequestError{Param: "model", Msg: "You must provide a model, as a string."}
	}
	if err := r.parseMessages(fields["messages"]); err != nil {
		return err
	}
	if err := r.parseNumbers(fields); err != nil {
		return err
	}
	if err := r.parseTools(fields); err != nil {
		return err
	}
	if raw, ok := given(fields, "stop"); ok {
		var one string
		var many []string
		if json.Unmarshal(raw, &one) != nil && json.Unmarshal(raw, &many) != nil || len(many) > 4 {
			return &RequestError{Param: "stop", Msg: "Expected a string or at most four strings."}
		}
		r.Stop = true
	}
	return r.parseFormat(fields)
}

func (r *Request) parseMessages(raw json.RawMessage) error {
	list := array(raw)
	if len(list) == 0 {
		return &RequestError{Param: "messages", Msg: "Expected a non-empty array of message objects."}
	}
	r.Messages = make([]RequestMessage, 0, len(list))
	for i, raw := range list {
		m, ok := object(raw)
		if !ok {
			return &RequestError{Param: fmt.Sprintf("messages[%d]", i), Msg: "Expected a message object."}
		}
		role, _ := str(m["role"])
		if !slices.Contains(roles, role) {
			return &RequestError{Param: fmt.Sprintf("messages[%d].role", i), Msg: "Expected one of " + strings.Join(roles, ", ") + "."}
		}
		if id, _ := str(m["tool_call_id"]); role == "tool" && id == "" {
			return &RequestError{Param: fmt.Sprintf("messages[%d].tool_call_id", i), Msg: "Expected the id of the call that this is the result of."}
		}
		content, ok := given(m, "content")
		if !ok {
			if role != "assistant" {
				return &RequestError{Param: fmt.Sprintf("messages[%d].content", i), Msg: "Expected a string or an array of content parts."}
			}
			r.Messages = append(r.Messages, RequestMessage{Role: role})
			continue
		}
		text, err := contentText(content)
		if err != nil {
			return &RequestError{Param: fmt.Sprintf("messages[%d].content", i), Msg: err.Error()}
		}
		r.Messages = append(r.Messages, RequestMessage{Role: role, Text: text})
	}
	return nil
}

func contentText(raw json.RawMessage) (string, error) {
	if s, ok := str(raw); ok {
		return s, nil
	}
	var parts []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil || len(parts) == 0 {
		//lint:ignore ST1005 the client reads it as it stands
		return "", fmt.Errorf("Expected a string or an array of content parts.")
	}
	var texts []string
	for _, p := range parts {
		if p.Type == "" || p.Type == "text" && p.Text == nil {
			//lint:ignore ST1005 the client reads it as it stands
			return "", fmt.Errorf("Expected content parts with a type, and a text where the type is \"text\".")
		}
		if p.Text != nil {
			texts = append(texts, *p.Text)
		}
	}
	return strings.Join(texts, "\n"), nil
}

func (r *Request) parseNumbers(fields map[string]json.RawMessage) error {
	r.N = 1
	for _, b := range bounded {
		raw, ok := given(fields, b.name)
		if !ok {
			continue
		}
		var f float64
		if json.Unmarshal(raw, &f) != nil || f < b.min || f > b.max || b.whole && f != math.Trunc(f) {
			kind := "a number"
			if b.whole {
				kind = "an integer"
			}
			return &RequestError{Param: b.name, Msg: fmt.Sprintf("Expected %s from %.15g to %.15g.", kind, b.min, b.max)}
		}
		switch b.name {
		case "n":
			r.N = int(f)
		case "max_tokens":
			if r.MaxTokens == 0 {
				r.MaxTokens = int(f)
			}
		case "max_completion_tokens":
			r.MaxTokens = int(f)
		}
	}
	if raw, ok := given(fields, "logit_bias"); ok {
		var bias map[string]float64
		if json.Unmarshal(raw, &bias) != nil || slices.ContainsFunc(slices.Collect(maps.Values(bias)), func(f float64) bool { return f < -100 || f > 100 }) {
			return &RequestError{Param: "logit_bias", Msg: "Expected an object of tokens with numbers from -100 to 100."}
		}
	}
	for _, name := range []string{"stream", "logprobs", "parallel_tool_calls", "store"} {
		var b bool
		if raw, ok := given(fields, name); ok && json.Unmarshal(raw, &b) != nil {
			return &RequestError{Param: name, Msg: "Expected a boolean."}
		}
		r.LogProbs = r.LogProbs || name == "logprobs" && b
	}
	return nil
}

func (r *Request) parseTools(fields map[string]json.RawMessage) error {
	raw, ok := given(fields, "tools")
	if !ok {
		_, r.Tools = given(fields, "functions")
		return nil
	}
	var tools []struct {
		Type     string `json:"type"`
		Function *struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(raw, &tools) != nil {
		return &RequestError{Param: "tools", Msg: "Expected an array of tools."}
	}
	for i, t := range tools {
		if t.Type == "" || t.Type == "function" && (t.Function == nil || t.Function.Name == "") {
			return &RequestError{Param: fmt.Sprintf("tools[%d]", i), Msg: "Expected a tool with a type, and a function with a name where the type is \"function\"."}
		}
	}
	r.Tools = len(tools) > 0
	return nil
}

func (r *Request) parseFormat(fields map[string]json.RawMessage) error {
	raw, ok := given(fields, "response_format")
	if !ok {
		return nil
	}
	var f struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &f) != nil || !slices.Contains([]string{"text", "json_object", "json_schema"}, f.Type) {
		return &RequestError{Param: "response_format", Msg: "Expected a type of text, json_object or json_schema."}
	}
	r.JSON = f.Type != "text"
	return nil
}

// given reports a field that is present and not null.
func given(fields map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := fields[name]
	return raw, ok && string(raw) != "null"
}
