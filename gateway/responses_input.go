package gateway

import (
	"encoding/json"
	"fmt"
)

// inputItem is one item of a response's input.
type inputItem struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	ID        string          `json:"id"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Namespace string          `json:"namespace"`
	Arguments string          `json:"arguments"`
	Input     string          `json:"input"`  // of a custom tool
	Output    json.RawMessage `json:"output"` // of a call
}

// messages turns the input into the messages of a chat. find looks up items
// that are named only.
func (in responseRequest) messages(find func(id string) (json.RawMessage, bool)) ([]json.RawMessage, error) {
	if len(in.Input) == 0 || string(in.Input) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(in.Input, &text) == nil {
		return turns{{"role": "user", "content": text}}.raw(), nil
	}
	var items []json.RawMessage
	if json.Unmarshal(in.Input, &items) != nil {
		return nil, invalid("input", "", "Expected a string or an array of items.")
	}
	var out turns
	for i, raw := range items {
		at := fmt.Sprintf("input[%d]", i)
		var item inputItem
		if json.Unmarshal(raw, &item) != nil {
			return nil, invalid(at, "", "Expected an item of the documented fields.")
		}
		if item.Type == "item_reference" || item.Type == "" && item.Role == "" && item.ID != "" {
			found, ok := find(item.ID)
			if !ok || json.Unmarshal(found, &item) != nil {
				return nil, invalid(at+".id", "item_not_found", "The item was not found: its response was not stored, or it is too old.")
			}
		}
		if err := out.add(item, at); err != nil {
			return nil, err
		}
	}
	return out.raw(), nil
}

// turns are messages of a chat in the making.
type turns []map[string]any

func (t turns) raw() []json.RawMessage {
	var out []json.RawMessage
	for _, m := range t {
		b, _ := json.Marshal(m) // was read from JSON: cannot fail
		out = append(out, b)
	}
	return out
}

func (t *turns) add(item inputItem, at string) error {
	switch item.Type {
	case "", "message":
		content, err := partsOf(item.Content, at+".content")
		if err != nil {
			return err
		}
		*t = append(*t, map[string]any{"role": item.Role, "content": content})
	case "function_call":
		t.call(map[string]any{"id": item.CallID, "type": "function", "function": map[string]string{"name": spaced(item.Namespace, item.Name), "arguments": item.Arguments}})
	case "custom_tool_call":
		t.call(map[string]any{"id": item.CallID, "type": "custom", "custom": map[string]string{"name": spaced(item.Namespace, item.Name), "input": item.Input}})
	case "function_call_output", "custom_tool_call_output":
		if item.CallID == "" {
			return invalid(at+".call_id", "missing_required_parameter", "Expected the id of the call that this is the output of.")
		}
		content, err := partsOf(item.Output, at+".output")
		if err != nil {
			return err
		}
		*t = append(*t, map[string]any{"role": "tool", "tool_call_id": item.CallID, "content": content})
	case "reasoning":
		// Another model's thoughts: sealed, or no use to this one.
	default:
		return invalid(at+".type", "unsupported_value", "Expected a message, a call of a function or a custom tool, its output, or reasoning.")
	}
	return nil
}

// call adds a call to the assistant's turn, which may have text and calls.
func (t *turns) call(c map[string]any) {
	if n := len(*t); n > 0 && (*t)[n-1]["role"] == "assistant" {
		last := (*t)[n-1]
		calls, _ := last["tool_calls"].([]any)
		last["tool_calls"] = append(calls, c)
		return
	}
	*t = append(*t, map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{c}})
}

// partsOf turns content into a string or the parts of a chat.
func partsOf(raw json.RawMessage, at string) (any, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Refusal  string          `json:"refusal"`
		ImageURL *string         `json:"image_url"`
		Detail   string          `json:"detail"`
		Audio    json.RawMessage `json:"input_audio"`
	}
	if json.Unmarshal(raw, &parts) != nil || len(parts) == 0 {
		return nil, invalid(at, "", "Expected a string or an array of content parts.")
	}
	var out []any
	for i, p := range parts {
		switch {
		case p.Type == "input_text", p.Type == "output_text", p.Type == "text":
			out = append(out, map[string]any{"type": "text", "text": p.Text})
		case p.Type == "refusal":
			out = append(out, map[string]any{"type": "text", "text": p.Refusal})
		case p.Type == "input_image" && p.ImageURL != nil:
			image := map[string]any{"url": *p.ImageURL}
			if p.Detail != "" {
				image["detail"] = p.Detail
			}
			out = append(out, map[string]any{"type": "image_url", "image_url": image})
		case p.Type == "input_audio":
			out = append(out, map[string]any{"type": "input_audio", "input_audio": p.Audio})
		default:
			return nil, invalid(fmt.Sprintf("%s[%d].type", at, i), "unsupported_value", "Expected text, or an image with its URL. Files are not supported.")
		}
	}
	return out, nil
}
