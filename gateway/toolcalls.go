package gateway

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tenbit"
)

// toolCall is one call of a tool in an answer: of a function, or of a custom tool.
type toolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
	Custom struct {
		Name  string `json:"name"`
		Input string `json:"input"`
	} `json:"custom,omitzero"`

	raw json.RawMessage // as the model gave it
}

// callsOf reads the tool calls of a message.
func callsOf(m tenbit.Message) []toolCall {
	if len(m.ToolCalls) == 0 {
		return nil
	}
	var raw []json.RawMessage
	if json.Unmarshal(m.ToolCalls, &raw) != nil {
		return nil
	}
	calls := make([]toolCall, len(raw))
	for i := range raw {
		_ = json.Unmarshal(raw[i], &calls[i]) // what is not a call calls nothing on offer
		calls[i].raw = raw[i]
	}
	return calls
}

// joined is the calls as a message has them.
func joined(calls []toolCall) json.RawMessage {
	if len(calls) == 0 {
		return nil
	}
	raw := make([]json.RawMessage, len(calls))
	for i, c := range calls {
		raw[i] = c.raw
	}
	out, _ := json.Marshal(raw) // was read from JSON: cannot fail
	return out
}

// identified gives calls an id and a type where theirs are missing, U+FFFD for what
// is not UTF-8, and all the same order of fields: it would tell where they come from.
func identified(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	var calls []map[string]json.RawMessage
	if json.Unmarshal(raw, &calls) != nil {
		return raw
	}
	for i, c := range calls {
		if c == nil { // null
			c = map[string]json.RawMessage{}
			calls[i] = c
		}
		var id string
		if json.Unmarshal(c["id"], &id) != nil || id == "" {
			c["id"] = json.RawMessage(strconv.Quote(newCallID()))
		}
		if string(c["type"]) == "null" || len(c["type"]) == 0 {
			c["type"] = json.RawMessage(`"function"`)
		}
	}
	return ordered(calls)
}

// callFields is the order of the fields of a call and of what it calls, before
// all others.
var callFields = []string{"index", "id", "type", "function", "custom", "name", "arguments", "input"}

// ordered writes calls with their fields in OpenAI's order.
func ordered(calls []map[string]json.RawMessage) json.RawMessage {
	list := make([]json.RawMessage, len(calls))
	for i, c := range calls {
		for _, kind := range []string{"function", "custom"} {
			var called map[string]json.RawMessage
			if json.Unmarshal(c[kind], &called) == nil && called != nil {
				c[kind] = orderedObject(called)
			}
		}
		list[i] = orderedObject(c)
	}
	out, _ := json.Marshal(list) // was read from JSON: cannot fail
	return out
}

func orderedObject(fields map[string]json.RawMessage) json.RawMessage {
	place := func(name string) int {
		if i := slices.Index(callFields, name); i >= 0 {
			return i
		}
		return len(callFields)
	}
	names := slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
	})
	out := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(name) // a string
		out = append(append(append(out, key...), ':'), fields[name]...)
	}
	return append(out, '}')
}

func newCallID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return "call_" + hex.EncodeToString(b[:])
}

// callNote tells a model that has no tools, or does not use them, how to call.
func (f *form) callNote() string {
	var offered []any
	for _, t := range f.callable() {
		offered = append(offered, t.Function)
	}
	list, _ := json.Marshal(offered) // was read from JSON: cannot fail
	return "Call one of these functions now. Answer with the JSON object {\"name\": ..., \"arguments\": {...}} and nothing else.\n" + string(list)
}

// callable are the functions that may be called.
func (f *form) callable() (out []tool) {
	for _, t := range f.tools {
		if t.Type == "function" && (f.named == nil || t.is(*f.named)) {
			out = append(out, t)
		}
	}
	return out
}

// callFormat is the response_format of a call: one of the functions with
// arguments as it wants them.
func (f *form) callFormat() any {
	var each []map[string]any
	defs := map[string]json.RawMessage{} // references start at the schema's root
	for _, t := range f.callable() {
		var args any = map[string]any{"type": "object"}
		if len(t.Function.Parameters) > 0 && string(t.Function.Parameters) != "null" {
			args = t.Function.Parameters
		}
		var own struct {
			Defs map[string]json.RawMessage `json:"$defs"`
		}
		_ = json.Unmarshal(t.Function.Parameters, &own) // a model makes of it what it can
		maps.Copy(defs, own.Defs)
		each = append(each, map[string]any{
			"type": "object", "required": []string{"name", "arguments"}, "additionalProperties": false,
			"properties": map[string]any{"name": map[string]any{"type": "string", "enum": []string{t.Function.Name}}, "arguments": args},
		})
	}
	s := map[string]any{"anyOf": each}
	if len(each) == 1 {
		s = each[0]
	}
	if len(defs) > 0 {
		s["$defs"] = defs
	}
	return map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "call", "schema": s}}
}

// callFrom makes a tool call of what a model answered to callNote, nil where
// that is none.
func (f *form) callFrom(text string) json.RawMessage {
	if m := fence.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	var said struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal([]byte(text), &said) != nil || len(said.Arguments) == 0 || said.Arguments[0] != '{' {
		return nil
	}
	var c toolCall
	c.ID, c.Type = newCallID(), "function"
	c.Function.Name, c.Function.Arguments = said.Name, string(said.Arguments)
	out, _ := json.Marshal([]any{c}) // strings only: cannot fail
	return out
}
