package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tenbit"
)

// responseRequest is what is read of a request for a response.
type responseRequest struct {
	Input        json.RawMessage `json:"input"`
	Instructions *string         `json:"instructions"`
	Previous     string          `json:"previous_response_id"`
	Tools        []exact         `json:"tools"`
	ToolChoice   json.RawMessage `json:"tool_choice"`
	MaxTokens    *int            `json:"max_output_tokens"`
	Stream       bool            `json:"stream"`
	Store        *bool           `json:"store"`
	Background   bool            `json:"background"`
	Conversation json.RawMessage `json:"conversation"`
	Prompt       json.RawMessage `json:"prompt"`
	Truncation   string          `json:"truncation"`
	Context      json.RawMessage `json:"context_management"`
	Include      []string        `json:"include"`
	TopLogProbs  int             `json:"top_logprobs"`
	Reasoning    *struct {
		Effort  *string `json:"effort"`
		Summary *string `json:"summary"`
	} `json:"reasoning"`
	Text *struct {
		Format    exact   `json:"format"`
		Verbosity *string `json:"verbosity"`
	} `json:"text"`

	fields map[string]json.RawMessage
	offers offers
}

// exact is a JSON object whose numbers stay as they are written: a float would
// change large ones.
type exact map[string]any

// UnmarshalJSON reads any object.
func (e *exact) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode((*map[string]any)(e))
}

func readResponse(body []byte) (in responseRequest, err error) {
	if in.fields, err = tenbit.ParseFields(body); err != nil {
		return in, err
	}
	if err := tenbit.Exactly(in.fields, &in); err != nil {
		return in, mistyped(err)
	}
	switch {
	case !set(in.Input) && in.Previous == "":
		return in, invalid("input", "missing_required_parameter", "You must provide input.")
	case set(in.fields["n"]):
		return in, invalid("n", "unknown_parameter", "A response has one answer.")
	case in.Background:
		return in, invalid("background", "unsupported_value", "Background responses are not supported.")
	case set(in.Conversation):
		return in, invalid("conversation", "unsupported_parameter", "Conversations are not supported. Use previous_response_id.")
	case set(in.Prompt):
		return in, invalid("prompt", "unsupported_parameter", "Stored prompts are not supported.")
	case set(in.Context) && string(in.Context) != "[]":
		return in, invalid("context_management", "unsupported_parameter", "The context is not compacted here.")
	case slices.ContainsFunc(in.Include, func(s string) bool { return !slices.Contains(includes, s) }):
		return in, invalid("include", "", "Expected one of "+strings.Join(includes, ", ")+".")
	case in.Truncation != "" && in.Truncation != "disabled":
		return in, invalid("truncation", "unsupported_value", "Only disabled is supported.")
	}
	in.offers, err = offersOf(in.Tools)
	return in, err
}

// includes are what OpenAI's schema names: all but the last ask for more of items
// that are never there.
var includes = []string{
	"file_search_call.results", "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
	"computer_call_output.output.image_url", "code_interpreter_call.outputs", "reasoning.encrypted_content", "message.output_text.logprobs",
}

func (in responseRequest) store() bool { return in.Store == nil || *in.Store }

func (in responseRequest) logProbs() bool {
	return in.TopLogProbs > 0 || slices.Contains(in.Include, "message.output_text.logprobs")
}

// own are the fields that a chat does not have, or has by another name, and what
// Codex says of itself with each turn.
var own = []string{
	"input", "instructions", "previous_response_id", "tools", "tool_choice", "max_output_tokens", "stream", "stream_options", "background",
	"conversation", "prompt", "truncation", "context_management", "include", "top_logprobs", "reasoning", "text", "max_tool_calls", "client_metadata",
}

// chat is the body of the chat completion request.
func (in responseRequest) chat(messages []json.RawMessage) ([]byte, error) {
	out := map[string]any{}
	for k, v := range in.fields {
		if !slices.Contains(own, k) {
			out[k] = v
		}
	}
	if in.Instructions != nil && *in.Instructions != "" {
		first, _ := json.Marshal(map[string]string{"role": "system", "content": *in.Instructions}) // strings only
		messages = append([]json.RawMessage{first}, messages...)
	}
	out["messages"] = messages
	if in.MaxTokens != nil {
		out["max_completion_tokens"] = *in.MaxTokens
	}
	if in.logProbs() {
		out["logprobs"], out["top_logprobs"] = true, in.TopLogProbs
	}
	if in.Reasoning != nil && in.Reasoning.Effort != nil {
		out["reasoning_effort"] = *in.Reasoning.Effort
	}
	if in.Text != nil {
		in.chatText(out)
	}
	if err := in.offers.chat(in.ToolChoice, out); err != nil {
		return nil, err
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write a chat request: %w", err)
	}
	return b, nil
}

func (in responseRequest) chatText(out map[string]any) {
	if in.Text.Verbosity != nil {
		out["verbosity"] = *in.Text.Verbosity
	}
	switch f := in.Text.Format; f["type"] {
	case nil:
	case "json_schema":
		s := map[string]any{}
		for k, v := range f {
			if k != "type" {
				s[k] = v
			}
		}
		out["response_format"] = map[string]any{"type": "json_schema", "json_schema": s}
	default:
		out["response_format"] = f
	}
}

func without(m map[string]any, name string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}
