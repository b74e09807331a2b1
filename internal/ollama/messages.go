package ollama

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ollama/ollama/api"

	"tenbit"
)

// message is one turn as OpenAI has it.
type message struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       string          `json:"name"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []toolCall      `json:"tool_calls"`
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function functionCall `json:"function"`
}

type functionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type part struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Image struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

// roles are OpenAI's that Ollama's templates do not know.
var roles = map[string]string{"developer": "system", "function": "tool"}

// convert gives the turns as Ollama has them.
func convert(turns []message) ([]api.Message, error) {
	names := map[string]string{} // of the functions called so far, by the call's id
	var out []api.Message
	for i, m := range turns {
		at := fmt.Sprintf("messages[%d]", i)
		to := api.Message{Role: m.Role, ToolCallID: m.ToolCallID}
		if r, ok := roles[m.Role]; ok {
			to.Role = r
		}
		var err error
		if to.Content, to.Images, err = content(m.Content, at); err != nil {
			return nil, err
		}
		for j, call := range m.ToolCalls {
			c := api.ToolCall{ID: call.ID, Function: api.ToolCallFunction{Index: j, Name: call.Function.Name}}
			args := strings.TrimSpace(call.Function.Arguments)
			if args == "" {
				args = "{}"
			}
			if json.Unmarshal([]byte(args), &c.Function.Arguments) != nil {
				return nil, &tenbit.RequestError{
					Param: fmt.Sprintf("%s.tool_calls[%d].function.arguments", at, j),
					Msg:   "Expected a JSON object, as a string.",
				}
			}
			names[call.ID] = call.Function.Name
			to.ToolCalls = append(to.ToolCalls, c)
		}
		if to.Role == "tool" {
			to.ToolName = m.Name
			if to.ToolName == "" {
				to.ToolName = names[m.ToolCallID]
			}
		}
		out = append(out, to)
	}
	return out, nil
}

// content reads a string or a list of parts: texts, joined by newlines as
// [tenbit.RequestMessage] has them, and images as data URLs.
func content(raw json.RawMessage, at string) (string, []api.ImageData, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil, nil
	}
	var parts []part
	if json.Unmarshal(raw, &parts) != nil {
		return "", nil, &tenbit.RequestError{Param: at + ".content", Msg: "Expected a string or an array of content parts."}
	}
	var texts []string
	var images []api.ImageData
	for j, p := range parts {
		switch p.Type {
		case "text":
			texts = append(texts, p.Text)
		case "image_url":
			img, ok := dataURL(p.Image.URL)
			if !ok {
				return "", nil, &tenbit.RequestError{
					Param: fmt.Sprintf("%s.content[%d].image_url.url", at, j),
					Msg:   "The local model reads images from base64 data URLs only.",
				}
			}
			images = append(images, img)
		default:
			return "", nil, &tenbit.RequestError{
				Param: fmt.Sprintf("%s.content[%d].type", at, j),
				Msg:   "The local model reads text and images only.",
			}
		}
	}
	return strings.Join(texts, "\n"), images, nil
}

func dataURL(url string) (api.ImageData, bool) {
	head, data, ok := strings.Cut(url, ",")
	if !ok || !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
		return nil, false
	}
	img, err := base64.StdEncoding.DecodeString(data)
	return img, err == nil && len(img) > 0
}
