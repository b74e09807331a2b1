package tenbit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Request is one chat completion request in canonical form. Both ends of the
// link parse the same bytes, so both see the same prompt.
type Request struct {
	// Body is the canonical JSON: keys sorted, no insignificant space, without
	// the fields that say how to deliver the answer rather than what to answer
	// (stream, stream_options, tenbit, user, metadata, store, ...). Unknown
	// fields stay, so that they reach the models.
	Body []byte

	// The views below are read from Body.
	Model     string
	Messages  []RequestMessage
	N         int  // completions asked for, at least 1
	MaxTokens int  // 0: no limit
	Tools     bool // tools or functions are offered
	JSON      bool // response_format asks for JSON
	Stop      bool // stop strings are given
	LogProbs  bool // log-probabilities are asked for
}

// RequestMessage is one turn.
type RequestMessage struct {
	Role string
	Text string // text parts joined by newlines; "" when there are none
}

// RequestError says what is wrong with a request, in OpenAI's terms.
type RequestError struct {
	Param string // the offending field, "" for the whole body
	Code  string // OpenAI's error code, "" for none
	Msg   string // for the client: no prompt text in it
}

func (e *RequestError) Error() string {
	if e.Param == "" {
		return e.Msg
	}
	return e.Param + ": " + e.Msg
}

// delivery are the fields that do not change the answer.
var delivery = []string{
	"stream", "stream_options", "tenbit", "user", "metadata", "store", "service_tier",
	"safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
}

// maxDepth bounds the nesting of a body; OpenAI's deepest schema stays under 40.
const maxDepth = 128

// ParseRequest checks and canonicalises a JSON body. Errors are [*RequestError].
// The caller bounds the body's size.
func ParseRequest(body []byte) (Request, error) {
	r, _, err := ReadRequest(body)
	return r, err
}

// ReadRequest is ParseRequest and returns the body's fields, too, also those of
// the delivery, which are no part of the request.
func ReadRequest(body []byte) (Request, map[string]json.RawMessage, error) {
	fields, err := ParseFields(body)
	if err != nil {
		return Request{}, nil, err
	}
	var r Request
	if err := r.parse(fields); err != nil {
		return Request{}, nil, err
	}
	r.Body = canonicalFields(fields, delivery)
	return r, fields, nil
}

// ParseFields reads a body that must be one JSON object, nested no deeper than
// any request needs. Of a field that stands twice the last counts. Errors are
// [*RequestError].
func ParseFields(body []byte) (map[string]json.RawMessage, error) {
	if depth(body) > maxDepth {
		return nil, &RequestError{Msg: fmt.Sprintf("The body is nested more than %d levels deep.", maxDepth)}
	}
	if json.Valid(body) {
		if fields, ok := object(body); ok {
			return fields, nil
		}
	}
	return nil, &RequestError{Msg: "We could not parse the JSON body of your request: it must be one JSON object."}
}

// With returns the request with other top-level fields set; a nil value removes
// the field.
func (r Request) With(set map[string]any) (Request, error) {
	body, err := r.BodyWith(set)
	if err != nil {
		return Request{}, err
	}
	return ParseRequest(body)
}

// BodyWith is the canonical body with other top-level fields set, also those of
// the delivery; a nil value removes the field.
func (r Request) BodyWith(set map[string]any) ([]byte, error) {
	fields, ok := object(r.Body)
	if !ok {
		return nil, errNoBody
	}
	for name, v := range set {
		if v == nil {
			delete(fields, name)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("write the field %s of a request: %w", name, err)
		}
		fields[name] = raw
	}
	return canonicalFields(fields, nil), nil
}

var errNoBody = errors.New("a request's body is no object")

// Prompt is the text that both ends prime their codec with: roles and texts in
// order, one per line.
func (r Request) Prompt() string {
	var b strings.Builder
	for _, m := range r.Messages {
		b.WriteString(m.Role)
		b.WriteString(": ")
		b.WriteString(m.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

// Question is the text of the last user turn.
func (r Request) Question() string {
	for _, m := range slices.Backward(r.Messages) {
		if m.Role == "user" {
			return m.Text
		}
	}
	return ""
}

// AssistantTurn is the canonical JSON of an assistant's turn that says text, as
// it stands in the body of the request that follows it.
func AssistantTurn(text string) []byte {
	return append(appendString([]byte(`{"content":`), text), `,"role":"assistant"}`...)
}

// depth is the deepest nesting of a JSON text, counted without parsing it.
func depth(body []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
