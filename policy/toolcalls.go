package policy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"tenbit"
)

// call is one entry of OpenAI's tool_calls. Its id names it and says nothing.
type call struct {
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// callName is what a function may be called, as in OpenAI's schema.
var callName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// canonicalCalls writes tool calls in the form that all calls of the same
// functions with the same arguments share: f({"a":1}), in their order, by
// semicolons. Ids are left out. False where one is no function's, or its
// arguments are not one plain JSON object.
func canonicalCalls(raw json.RawMessage) (string, bool) {
	var calls []call
	if json.Unmarshal(raw, &calls) != nil || len(calls) == 0 {
		return "", false
	}
	var b strings.Builder
	for i, c := range calls {
		if c.Type != "function" && c.Type != "" || !callName.MatchString(c.Function.Name) {
			return "", false
		}
		args := strings.TrimSpace(c.Function.Arguments)
		if args == "" {
			args = "{}" // of a function without parameters
		}
		args, err := canonicalJSON(args)
		if err != nil || args[0] != '{' {
			return "", false
		}
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(c.Function.Name + "(" + args + ")")
	}
	return b.String(), true
}

// sameCalls reports calls that do the same.
func sameCalls(a, b json.RawMessage) bool {
	x, okA := canonicalCalls(a)
	y, okB := canonicalCalls(b)
	return okA && okB && x == y || string(a) == string(b)
}

// offersCalls reports whether a request offers all functions that m calls.
func offersCalls(req tenbit.Request, m tenbit.Message) bool {
	var body struct {
		Tools []call `json:"tools"`
	}
	var calls []call
	if req.Read(&body) != nil || json.Unmarshal(m.ToolCalls, &calls) != nil {
		return false
	}
	for _, c := range calls {
		if !slices.ContainsFunc(body.Tools, func(t call) bool { return t.Function.Name == c.Function.Name }) {
			return false
		}
	}
	return true
}
