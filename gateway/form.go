package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"tenbit"
)

// form is the form that a request wants its answer in, over what it says. The
// zero value is plain text.
type form struct {
	stops    []string
	logProbs bool

	json   bool    // the content is JSON
	schema *schema // that it fits; nil: any object

	tools    []tool
	choice   string // none, auto, required, or "" where no tools are offered
	named    *tool  // the one to call, nil for any
	parallel bool

	room int // parts that schemas may still have
}

// tool is a tool that the model may call.
type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
		Strict      *bool           `json:"strict,omitempty"`
	} `json:"function"`
	Custom struct {
		Name string `json:"name"`
	} `json:"custom,omitzero"`

	raw    json.RawMessage // as the client gave it
	schema *schema         // of the arguments, where strict
}

func (t tool) name() string {
	if t.Type == "custom" {
		return t.Custom.Name
	}
	return t.Function.Name
}

// is reports that both are the same tool.
func (t tool) is(o tool) bool { return t.Type == o.Type && t.name() == o.name() }

// wanted are the fields that say the form.
type wanted struct {
	Stop         json.RawMessage   `json:"stop"`
	LogProbs     *bool             `json:"logprobs"`
	TopLogProbs  *int              `json:"top_logprobs"`
	Tools        []json.RawMessage `json:"tools"`
	ToolChoice   json.RawMessage   `json:"tool_choice"`
	Parallel     *bool             `json:"parallel_tool_calls"`
	Effort       *string           `json:"reasoning_effort"`
	Verbosity    *string           `json:"verbosity"`
	Modalities   []string          `json:"modalities"`
	Audio        json.RawMessage   `json:"audio"`
	Search       json.RawMessage   `json:"web_search_options"`
	Moderation   json.RawMessage   `json:"moderation"`
	Functions    json.RawMessage   `json:"functions"`
	FunctionCall json.RawMessage   `json:"function_call"`
	Format       *struct {
		Type   string `json:"type"`
		Schema struct {
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// formOf reads the form from a request and its fields. Where tool_choice allows some of the
// tools only, the request returned offers no others.
func formOf(req tenbit.Request, fields map[string]json.RawMessage) (*form, tenbit.Request, error) {
	var in wanted
	if err := tenbit.Exactly(fields, &in); err != nil {
		return nil, req, mistyped(err)
	}
	f := &form{logProbs: req.LogProbs, parallel: in.Parallel == nil || *in.Parallel, room: maxParts}
	if err := in.unsupported(); err != nil {
		return nil, req, err
	}
	var one string
	if json.Unmarshal(in.Stop, &one) == nil && one != "" {
		f.stops = []string{one}
	} else {
		_ = json.Unmarshal(in.Stop, &f.stops) // was checked
	}
	if err := f.readFormat(in); err != nil {
		return nil, req, err
	}
	if err := f.readTools(in.Tools); err != nil {
		return nil, req, err
	}
	allowed, err := f.readChoice(in.ToolChoice)
	if err != nil || allowed == nil {
		return f, req, err
	}
	f.tools = slices.DeleteFunc(f.tools, func(t tool) bool { return !slices.ContainsFunc(allowed, t.is) })
	var offered []json.RawMessage
	for _, t := range f.tools {
		offered = append(offered, t.raw)
	}
	req, err = req.With(map[string]any{"tools": offered, "tool_choice": f.choice})
	return f, req, err
}

// mistyped names the field of a wrong type.
func mistyped(err error) error {
	if typ := new(json.UnmarshalTypeError); errors.As(err, &typ) {
		return invalid(typ.Field, "", "Expected another type.")
	}
	return invalid("", "", "We could not parse the JSON body of your request.")
}

// efforts are the values of reasoning_effort that OpenAI's schema names.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// set says that a field is there, and not null.
func set(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// unsupported finds what no backend here can do.
func (in wanted) unsupported() error {
	switch {
	case in.TopLogProbs != nil && *in.TopLogProbs > 0 && (in.LogProbs == nil || !*in.LogProbs):
		return invalid("top_logprobs", "", "logprobs must be true where top_logprobs is given.")
	case in.Effort != nil && !slices.Contains(efforts, *in.Effort):
		return invalid("reasoning_effort", "unsupported_value", "Expected none, minimal, low, medium, high or xhigh.")
	case in.Verbosity != nil && !slices.Contains([]string{"low", "medium", "high"}, *in.Verbosity):
		return invalid("verbosity", "unsupported_value", "Expected low, medium or high.")
	case set(in.Audio) || slices.Contains(in.Modalities, "audio"):
		return invalid("modalities", "unsupported_value", "Only text is answered.")
	case set(in.Search):
		return invalid("web_search_options", "unsupported_parameter", "Web search is not supported.")
	case set(in.Moderation):
		return invalid("moderation", "unsupported_parameter", "Moderation is not supported.")
	case set(in.Functions):
		return invalid("functions", "unsupported_parameter", "functions is deprecated and not supported. Use tools.")
	case set(in.FunctionCall):
		return invalid("function_call", "unsupported_parameter", "function_call is deprecated and not supported. Use tool_choice.")
	}
	return nil
}

func (f *form) readFormat(in wanted) error {
	if in.Format == nil || in.Format.Type == "text" || in.Format.Type == "" {
		return nil
	}
	f.json = true
	if in.Format.Type != "json_schema" {
		return nil
	}
	s := in.Format.Schema
	if !toolName.MatchString(s.Name) {
		return invalid("response_format.json_schema.name", "", "Expected 1 to 64 letters, digits, underscores or dashes.")
	}
	if len(s.Schema) == 0 { // OpenAI takes it for any JSON
		return nil
	}
	var err error
	if f.schema, err = compile(s.Schema, &f.room); err != nil {
		return invalid("response_format.json_schema.schema", "invalid_json_schema", "Invalid schema for response_format: "+err.Error()+".")
	}
	return nil
}

// toolName is what OpenAI allows as the name of a function or a schema.
var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

func (f *form) readTools(raw []json.RawMessage) error {
	if len(raw) > 128 {
		return invalid("tools", "array_above_max_length", "Expected at most 128 tools.")
	}
	f.tools = make([]tool, len(raw))
	for i := range f.tools {
		t := &f.tools[i]
		if t.raw = raw[i]; json.Unmarshal(raw[i], t) != nil {
			return invalid(fmt.Sprintf("tools[%d]", i), "", "Expected a tool of the documented fields.")
		}
		if t.Type != "function" && t.Type != "custom" {
			continue // the models say whether they take it
		}
		at := fmt.Sprintf("tools[%d].%s", i, t.Type)
		if !toolName.MatchString(t.name()) {
			return invalid(at+".name", "", "Expected 1 to 64 letters, digits, underscores or dashes.")
		}
		if err := f.readParameters(t); err != nil {
			return invalid(at+".parameters", "invalid_function_parameters", "Invalid schema for the function: "+err.Error()+".")
		}
	}
	return nil
}

// readParameters compiles the schema of a strict function. Others are the model's
// to read, in whatever dialect they are.
func (f *form) readParameters(t *tool) (err error) {
	switch p := t.Function.Parameters; {
	case !set(p):
	case t.Function.Strict != nil && *t.Function.Strict:
		t.schema, err = compile(p, &f.room)
	case p[0] != '{':
		err = errors.New("it is not an object")
	}
	return err
}

// readChoice reads tool_choice; allowed are the tools that it narrows the choice
// to, nil for all.
func (f *form) readChoice(raw json.RawMessage) (allowed []tool, err error) {
	if len(f.tools) > 0 {
		f.choice = "auto"
	}
	if !set(raw) {
		return nil, nil
	}
	if json.Unmarshal(raw, &f.choice) != nil {
		if allowed, err = f.chosen(raw); err != nil {
			return nil, err
		}
	}
	switch {
	case !slices.Contains([]string{"none", "auto", "required"}, f.choice):
		return nil, invalid("tool_choice", "", "Expected none, auto, required, a tool or allowed tools.")
	case len(f.tools) == 0 && f.choice == "required":
		return nil, invalid("tool_choice", "", "tool_choice is only allowed when tools are given.")
	case len(f.tools) == 0:
		f.choice = ""
	}
	return allowed, nil
}

// chosen reads the forms of tool_choice that are objects.
func (f *form) chosen(raw json.RawMessage) ([]tool, error) {
	var c struct {
		tool
		Allowed struct {
			Mode  string `json:"mode"`
			Tools []tool `json:"tools"`
		} `json:"allowed_tools"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, invalid("tool_choice", "", "Expected none, auto, required, a tool or allowed tools.")
	}
	among := c.Allowed.Tools
	switch c.Type {
	case "function", "custom":
		f.choice, f.named = "required", &c.tool
		among = []tool{c.tool}
	case "allowed_tools":
		f.choice = c.Allowed.Mode
	default:
		return nil, invalid("tool_choice.type", "unsupported_value", "Expected function, custom or allowed_tools.")
	}
	for _, t := range among {
		if !slices.ContainsFunc(f.tools, t.is) {
			return nil, invalid("tool_choice", "", "Tool choice names a tool that is not in tools.")
		}
	}
	if c.Type != "allowed_tools" || len(among) == 0 {
		return nil, nil // the model is told whom to call; the rest stays on offer
	}
	return among, nil
}

// buffered reports a form that can't be streamed before it has been checked.
func (f *form) buffered() bool {
	return f != nil && (f.json || f.logProbs || f.choice == "required")
}
