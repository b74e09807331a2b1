package openai

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// maxToolCalls bounds the calls of one message; OpenAI allows 128 tools.
const maxToolCalls = 256

var errToolCalls = errors.New("tool_calls are not as OpenAI has them")

// toolCalls puts streamed tool calls together.
type toolCalls struct {
	size  int // bytes so far
	calls map[int]*toolCall
	last  int
}

// toolCall is one call. A function has a name and arguments, a custom tool a
// name and an input.
type toolCall struct {
	id, kind string
	body     string // "function" or "custom": where name and text are
	name     []byte
	text     []byte
	textU    unquoter
	more     map[string]json.RawMessage // fields unknown to us, which a server may want back
}

// add takes the tool_calls of a delta, which may be nil.
func (t *toolCalls) add(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var deltas []map[string]json.RawMessage
	if json.Unmarshal(raw, &deltas) != nil {
		return errToolCalls
	}
	for _, d := range deltas {
		call, err := t.find(d)
		if err != nil {
			return err
		}
		before := call.size()
		if err := call.add(d); err != nil {
			return err
		}
		t.size += call.size() - before
	}
	return nil
}

// find gives the call that a delta goes on with. Without an index, which some
// servers leave out, a new id begins a new call.
func (t *toolCalls) find(d map[string]json.RawMessage) (*toolCall, error) {
	i := t.last
	if raw, ok := present(d, "index"); ok {
		if json.Unmarshal(raw, &i) != nil || i < 0 {
			return nil, errToolCalls
		}
	} else if raw, ok := present(d, "id"); ok && t.calls[i] != nil {
		var id string
		if json.Unmarshal(raw, &id) == nil && id != "" && id != t.calls[i].id {
			i = slices.Max(slices.Collect(maps.Keys(t.calls))) + 1
		}
	}
	t.last = i
	if t.calls[i] == nil {
		if len(t.calls) == maxToolCalls {
			return nil, ErrTooLarge
		}
		if t.calls == nil {
			t.calls = map[int]*toolCall{}
		}
		t.calls[i] = &toolCall{kind: "function", body: "function"}
	}
	return t.calls[i], nil
}

func (c *toolCall) size() int {
	n := len(c.id) + len(c.kind) + len(c.name) + len(c.text)
	for k, v := range c.more {
		n += len(k) + len(v)
	}
	return n
}

func (c *toolCall) add(d map[string]json.RawMessage) error {
	for k, raw := range d {
		if string(raw) == "null" {
			continue
		}
		var err error
		switch k {
		case "index":
		case "id":
			err = setString(&c.id, raw)
		case "type":
			err = setString(&c.kind, raw)
		case "function":
			err = c.addBody(k, "arguments", raw)
		case "custom":
			err = c.addBody(k, "input", raw)
		default:
			if c.more == nil {
				c.more = map[string]json.RawMessage{}
			}
			c.more[k] = raw
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *toolCall) addBody(body, text string, raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return errToolCalls
	}
	c.body = body
	if raw, ok := present(fields, "name"); ok {
		name, err := unquote(raw)
		if err != nil {
			return errToolCalls
		}
		if name != string(c.name) { // some servers repeat it with each delta
			c.name = append(c.name, name...)
		}
	}
	raw, ok := present(fields, text)
	if !ok {
		return nil
	}
	if raw[0] == '{' { // some servers send the object itself
		c.text = append(c.text, raw...)
		return nil
	}
	var err error
	if c.text, err = c.textU.append(c.text, raw); err != nil {
		return errToolCalls
	}
	return nil
}

// array is the calls as OpenAI has them in a message that is not streamed, or
// nil when there are none.
func (t *toolCalls) array() json.RawMessage {
	if len(t.calls) == 0 {
		return nil
	}
	out := []byte("[")
	for n, i := range slices.Sorted(maps.Keys(t.calls)) {
		if n > 0 {
			out = append(out, ',')
		}
		out = t.calls[i].appendJSON(out)
	}
	return append(out, ']')
}

func (c *toolCall) appendJSON(out []byte) []byte {
	text := "arguments"
	if c.body == "custom" {
		text = "input"
	}
	out = appendQuoted(append(out, `{"id":`...), c.id)
	out = appendQuoted(append(out, `,"type":`...), c.kind)
	out = append(append(append(out, `,"`...), c.body...), `":{"name":`...)
	out = appendQuoted(out, string(c.name))
	out = append(append(append(out, `,"`...), text...), `":`...)
	out = append(appendQuoted(out, string(c.textU.flush(c.text))), '}')
	for _, k := range slices.Sorted(maps.Keys(c.more)) {
		out = append(appendQuoted(append(out, ','), k), ':')
		out = append(out, c.more[k]...)
	}
	return append(out, '}')
}

func setString(s *string, raw json.RawMessage) error {
	v, err := unquote(raw)
	if err != nil {
		return errToolCalls
	}
	if v != "" {
		*s = v
	}
	return nil
}

func present(fields map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := fields[name]
	return raw, ok && len(raw) > 0 && string(raw) != "null"
}
