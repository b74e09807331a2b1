package openai

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// maxToolCalls bounds the calls of one message; OpenAI allows 128 tools.
const maxToolCalls = 256

var errToolCalls = errors.New("tool_calls are not as OpenAI has them")

// toolCalls puts tool calls together.
type toolCalls struct {
	size  int // bytes so far
	calls []*toolCall
	last  *toolCall // that a delta went to
}

// toolCall is one call. A function has a name and arguments, a custom tool a
// name and an input.
type toolCall struct {
	index    int // its place; calls of one index stand in the order of their beginnings
	id, kind string
	body     string // "function" or "custom": where name and text are
	name     []byte
	text     []byte
	textU    unquoter
	more     fields // unknown to us, which a server may want back
	moreBody fields
}

type fields map[string]json.RawMessage

// add takes the tool_calls of a delta, which may be nil.
func (t *toolCalls) add(raw json.RawMessage) error {
	var here []*toolCall // that this delta went to
	return t.each(raw, func(d fields) (*toolCall, error) {
		call, err := t.find(d, here)
		t.last, here = call, append(here, call)
		return call, err
	})
}

// addWhole takes the tool_calls of a message that is not streamed: each entry is
// a call of its own.
func (t *toolCalls) addWhole(raw json.RawMessage) error {
	return t.each(raw, func(fields) (*toolCall, error) { return t.begin(len(t.calls)) })
}

// each adds the entries of a list to the calls that of names.
func (t *toolCalls) each(raw json.RawMessage, of func(fields) (*toolCall, error)) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var entries []fields
	if json.Unmarshal(raw, &entries) != nil {
		return errToolCalls
	}
	for _, d := range entries {
		if d == nil {
			continue
		}
		call, err := of(d)
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

// find gives the call that a delta goes on with: the one of its id, else the
// newest of its index or, where a server leaves the index out, the last one.
// Another id begins a new call, since some servers give all calls index 0; and so
// does an entry without an id for a call that this delta, which went to those of
// here, has told already.
func (t *toolCalls) find(d fields, here []*toolCall) (*toolCall, error) {
	c, index := t.last, 0
	raw, indexed := present(d, "index")
	if indexed {
		if json.Unmarshal(raw, &index) != nil || index < 0 {
			return nil, errToolCalls
		}
		c = t.newest(index)
	}
	var id string
	if raw, ok := present(d, "id"); ok {
		if err := setString(&id, raw); err != nil {
			return nil, err
		}
	}
	for _, known := range t.calls {
		if id != "" && known.id == id && (!indexed || known.index == index) {
			return known, nil
		}
	}
	name, called := nameOf(d)
	goesOn := false
	switch {
	case c == nil:
	case id != "": // some servers make one up for each delta
		goesOn = indexed && c.id == "" || called && name == "" || name == string(c.name) && !c.complete()
	case indexed:
		goesOn = name == "" || !slices.Contains(here, c)
	default:
		goesOn = len(here) == 0
	}
	if goesOn {
		return c, nil
	}
	if !indexed {
		for _, c := range t.calls {
			index = max(index, c.index+1)
		}
	}
	return t.begin(index)
}

func (t *toolCalls) newest(index int) *toolCall {
	for _, c := range slices.Backward(t.calls) {
		if c.index == index {
			return c
		}
	}
	return nil
}

func (t *toolCalls) begin(index int) (*toolCall, error) {
	if len(t.calls) == maxToolCalls {
		return nil, ErrTooLarge
	}
	c := &toolCall{index: index, body: "function"}
	t.calls = append(t.calls, c)
	return c, nil
}

// nameOf is the name of the tool that a delta calls, which is "" where it only
// goes on with the text.
func nameOf(d fields) (name string, called bool) {
	var body struct {
		Name string `json:"name"`
	}
	raw, ok := present(d, "function")
	if !ok {
		raw, ok = present(d, "custom")
	}
	called = ok && json.Unmarshal(raw, &body) == nil
	return body.Name, called
}

// complete says that nothing need be missing of the arguments. Of a custom tool's
// input nobody can tell.
func (c *toolCall) complete() bool {
	return c.body == "custom" || len(c.text) == 0 || json.Valid(c.text)
}

func (c *toolCall) size() int {
	n := len(c.id) + len(c.kind) + len(c.name) + len(c.text)
	for _, more := range []fields{c.more, c.moreBody} {
		for k, v := range more {
			n += len(k) + len(v)
		}
	}
	return n
}

func (c *toolCall) add(d fields) error {
	for k, raw := range d {
		if string(raw) == "null" {
			continue
		}
		var err error
		switch k {
		case "index":
		case "id":
			if c.id == "" {
				err = setString(&c.id, raw)
			}
		case "type":
			err = setString(&c.kind, raw)
		case "function":
			err = c.addBody(k, "arguments", raw)
		case "custom":
			err = c.addBody(k, "input", raw)
		default:
			c.more = c.more.with(k, raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *toolCall) addBody(body, text string, raw json.RawMessage) error {
	var in fields
	if json.Unmarshal(raw, &in) != nil {
		return errToolCalls
	}
	c.body = body
	for k, raw := range in {
		if k != "name" && k != text {
			c.moreBody = c.moreBody.with(k, raw)
		}
	}
	if raw, ok := present(in, "name"); ok {
		name, err := unquote(raw)
		if err != nil {
			return errToolCalls
		}
		if name != string(c.name) { // some servers repeat it with each delta
			c.name = append(c.name, name...)
		}
	}
	raw, ok := present(in, text)
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
// nil when there are none. Whole says that nothing of them is missing: a
// function without arguments has the empty object then, as from OpenAI.
func (t *toolCalls) array(whole bool) json.RawMessage {
	if len(t.calls) == 0 {
		return nil
	}
	slices.SortStableFunc(t.calls, func(a, b *toolCall) int { return cmp.Compare(a.index, b.index) })
	out := []byte("[")
	for n, c := range t.calls {
		if n > 0 {
			out = append(out, ',')
		}
		out = c.appendJSON(out, whole)
	}
	return append(out, ']')
}

func (c *toolCall) appendJSON(out []byte, whole bool) []byte {
	field, text := "arguments", c.textU.flush(c.text)
	switch {
	case c.body == "custom":
		field = "input"
	case whole && len(bytes.TrimSpace(text)) == 0:
		text = []byte("{}")
	}
	out = appendQuoted(append(out, `{"id":`...), c.id)
	out = appendQuoted(append(out, `,"type":`...), cmp.Or(c.kind, c.body))
	out = append(append(append(out, `,"`...), c.body...), `":{"name":`...)
	out = appendQuoted(out, string(c.name))
	out = append(append(append(out, `,"`...), field...), `":`...)
	out = appendQuoted(out, string(text))
	out = append(c.moreBody.appendJSON(out), '}')
	return append(c.more.appendJSON(out), '}')
}

// with adds a field; the map may be nil.
func (f fields) with(name string, raw json.RawMessage) fields {
	if f == nil {
		f = fields{}
	}
	f[name] = raw
	return f
}

// appendJSON adds the fields, each behind a comma.
func (f fields) appendJSON(out []byte) []byte {
	for _, k := range slices.Sorted(maps.Keys(f)) {
		out = append(appendQuoted(append(out, ','), k), ':')
		out = append(out, f[k]...)
	}
	return out
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

func present(f fields, name string) (json.RawMessage, bool) {
	raw, ok := f[name]
	return raw, ok && len(raw) > 0 && string(raw) != "null"
}
