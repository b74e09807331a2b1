package ollama

import (
	"encoding/json"
	"fmt"

	"github.com/ollama/ollama/api"

	"tenbit"
)

// fields are what is read of a request's body.
type fields struct {
	Messages         []message         `json:"messages"`
	Tools            []json.RawMessage `json:"tools"`
	ToolChoice       json.RawMessage   `json:"tool_choice"`
	Temperature      *float64          `json:"temperature"`
	TopP             *float64          `json:"top_p"`
	PresencePenalty  *float64          `json:"presence_penalty"`
	FrequencyPenalty *float64          `json:"frequency_penalty"`
	Seed             *tenbit.Integer   `json:"seed"`
	Stop             stops             `json:"stop"`
	LogProbs         bool              `json:"logprobs"`
	TopLogProbs      int               `json:"top_logprobs"`
	LogitBias        map[string]any    `json:"logit_bias"`
	Reasoning        string            `json:"reasoning_effort"`
	Format           struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// UnmarshalJSON reads a turn by the exact names of its fields, as the gateway does.
func (m *message) UnmarshalJSON(b []byte) error {
	fields, err := tenbit.ParseFields(b)
	if err != nil {
		return err
	}
	return tenbit.Exactly(fields, m)
}

// stops is a string or a list of them.
type stops []string

func (s *stops) UnmarshalJSON(b []byte) error {
	var one string
	if len(b) > 0 && b[0] == '"' {
		err := json.Unmarshal(b, &one)
		*s = stops{one}
		return err
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// chatRequest is the request as Ollama has it. What Ollama cannot do is an
// error, but for forced tool calls: the gateway sees to them.
func (c *Client) chatRequest(req tenbit.Request, s tenbit.Sampling) (*api.ChatRequest, error) {
	var f fields
	if err := req.Read(&f); err != nil {
		return nil, &tenbit.RequestError{Msg: "The local model cannot read this request."}
	}
	if len(f.LogitBias) > 0 {
		return nil, &tenbit.RequestError{Param: "logit_bias", Code: "unsupported_value", Msg: "The local model does not take logit_bias."}
	}
	messages, err := convert(f.Messages)
	if err != nil {
		return nil, err
	}
	tools, err := f.tools()
	if err != nil {
		return nil, err
	}
	format, err := f.format()
	if err != nil {
		return nil, err
	}
	yes, no := true, false
	out := &api.ChatRequest{
		Model:       c.cfg.Model,
		Messages:    messages,
		Tools:       tools,
		Format:      format,
		Options:     c.options(f, req.MaxTokens, s),
		Stream:      &yes, // without one, a cut answer cannot be told from a whole one
		Logprobs:    f.LogProbs || s.LogProbs,
		TopLogprobs: f.TopLogProbs,
		// A prompt that does not fit is an error, not silently a shorter
		// prompt; an answer that does not fit ends with "length".
		Truncate: &no,
		Shift:    &no,
	}
	if out.Model == "" {
		out.Model = req.Model
	}
	if c.cfg.KeepAlive != 0 {
		out.KeepAlive = &api.Duration{Duration: c.cfg.KeepAlive}
	}
	if f.Reasoning == "none" || f.Reasoning == "minimal" {
		out.Think = &api.ThinkValue{Value: false} // models that cannot think refuse other values
	}
	return out, nil
}

func (c *Client) options(f fields, maxTokens int, s tenbit.Sampling) map[string]any {
	o := map[string]any{"num_predict": c.cfg.MaxTokens} // 0 would be no limit
	if maxTokens > 0 {
		o["num_predict"] = min(maxTokens, c.cfg.MaxTokens)
	}
	for name, v := range map[string]*float64{
		"temperature": f.Temperature, "top_p": f.TopP,
		"presence_penalty": f.PresencePenalty, "frequency_penalty": f.FrequencyPenalty,
	} {
		if v != nil {
			o[name] = *v
		}
	}
	if s.Temperature != nil {
		o["temperature"] = *s.Temperature
	}
	seed := (*int64)(f.Seed)
	if s.Seed != nil {
		seed = s.Seed
	}
	if seed != nil {
		o["seed"] = *seed & (1<<31 - 1) // larger ones lose digits on their way through Ollama's floats
	}
	if len(f.Stop) > 0 {
		o["stop"] = []string(f.Stop)
	}
	if c.cfg.NumThread > 0 {
		o["num_thread"] = c.cfg.NumThread
	}
	if c.cfg.NumCtx > 0 {
		o["num_ctx"] = c.cfg.NumCtx
	}
	return o
}

// format is Ollama's for a response_format.
func (f fields) format() (json.RawMessage, error) {
	switch f.Format.Type {
	case "json_object":
		return json.RawMessage(`"json"`), nil
	case "json_schema":
		if len(f.Format.Schema.Schema) == 0 || f.Format.Schema.Schema[0] != '{' {
			return nil, &tenbit.RequestError{Param: "response_format.json_schema.schema", Msg: "Expected an object."}
		}
		return f.Format.Schema.Schema, nil
	}
	return nil, nil
}

// tools are the functions that the model may call: none when tool_choice says
// so, one when it names one. Ollama cannot be made to call one.
func (f fields) tools() (api.Tools, error) {
	var choice string
	var named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if len(f.ToolChoice) > 0 && json.Unmarshal(f.ToolChoice, &choice) != nil {
		_ = json.Unmarshal(f.ToolChoice, &named) // other shapes name nothing
	}
	if choice == "none" {
		return nil, nil
	}
	var out api.Tools
	for i, raw := range f.Tools {
		var kind struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(raw, &kind) == nil && kind.Type != "function" {
			return nil, &tenbit.RequestError{Param: fmt.Sprintf("tools[%d].type", i), Code: "unsupported_value", Msg: "The local model calls functions only."}
		}
		var tool api.Tool
		if err := json.Unmarshal(raw, &tool); err != nil {
			return nil, &tenbit.RequestError{Param: fmt.Sprintf("tools[%d]", i), Msg: "The local model cannot read this tool."}
		}
		if named.Function.Name == "" || named.Function.Name == tool.Function.Name {
			out = append(out, tool)
		}
	}
	return out, nil
}
