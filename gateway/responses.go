package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"tenbit"
	"tenbit/cache"
)

// Shelf keeps responses for a while, a bounded number of bytes of them;
// [cache.Exact] is one.
type Shelf interface {
	Get(ctx context.Context, k cache.Key) ([]byte, bool)
	Put(ctx context.Context, k cache.Key, val []byte)
	Remove(ctx context.Context, k cache.Key) error
}

// responses serves POST /v1/responses: the request becomes a chat.
func (g *Gateway) responses(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := g.body(w, r)
	if err != nil {
		return err
	}
	in, err := readResponse(body)
	if err != nil {
		return err
	}
	messages, err := g.conversation(r.Context(), c, in)
	if err != nil {
		return err
	}
	b, err := in.chat(messages)
	if err != nil {
		return err
	}
	if int64(len(b)) > g.MaxBody {
		return g.tooLarge()
	}
	o, d, err := g.order(r, c, b)
	if err != nil {
		return in.renamed(err)
	}
	if len(in.offers.out) > 0 {
		w.Header().Set("X-Tenbit-Left-Out", strings.Join(in.offers.out, ", "))
	}
	d.Stream = in.Stream
	v := responseVoice{in: in, keep: func(answered map[string]any, said []json.RawMessage) {
		g.keepResponse(r.Context(), c, in, answered, append(messages, said...))
	}}
	return g.serve(w, r, c, task{[]Order{o}, d, v})
}

// renames are the fields of a response that a chat has by other names.
var renames = []struct{ chat, response string }{
	{"messages", "input"},
	{"max_completion_tokens", "max_output_tokens"},
	{"response_format.json_schema", "text.format"},
	{"response_format", "text.format"},
	{"reasoning_effort", "reasoning.effort"},
}

// renamed names the field as the client did.
func (in responseRequest) renamed(err error) error {
	var bad *tenbit.RequestError
	e := new(Error)
	switch {
	case errors.As(err, &bad):
		e = invalid(bad.Param, bad.Code, bad.Msg)
	case !errors.As(err, &e):
		return err
	}
	for _, n := range renames {
		if rest, ok := strings.CutPrefix(e.Param, n.chat); ok {
			e.Param = n.response + rest
			return e
		}
	}
	e.Param = in.offers.param(e.Param)
	return e
}

// kept is a response as the shelf has it.
type kept struct {
	Response json.RawMessage   `json:"r"`
	Messages []json.RawMessage `json:"m"` // of the conversation up to its end, without instructions
}

// responseID is the id of a call's response.
func responseID(c *call) string { return "resp_" + c.id }

func shelfKey(t tenbit.TenantID, id string) cache.Key {
	return cache.KeyOf(t, []byte("response\n"+id))
}

func (g *Gateway) keepResponse(ctx context.Context, c *call, in responseRequest, answered map[string]any, messages []json.RawMessage) {
	if g.Responses == nil || !in.store() {
		return
	}
	raw, err := json.Marshal(answered)
	if err != nil {
		return // it could not be sent either
	}
	val, err := json.Marshal(kept{raw, messages})
	if err == nil { // was read from JSON
		g.Responses.Put(ctx, shelfKey(c.tenant.ID, responseID(c)), val)
	}
}

// findResponse looks for a tenant's own response.
func (g *Gateway) findResponse(ctx context.Context, t tenbit.TenantID, id string) (k kept, ok bool) {
	if g.Responses == nil || !strings.HasPrefix(id, "resp_") {
		return k, false
	}
	val, ok := g.Responses.Get(ctx, shelfKey(t, id))
	return k, ok && json.Unmarshal(val, &k) == nil
}

// conversation is the messages of a response: those of the previous one, if
// there is one, and its own.
func (g *Gateway) conversation(ctx context.Context, c *call, in responseRequest) ([]json.RawMessage, error) {
	var messages []json.RawMessage
	if in.Previous != "" {
		k, ok := g.findResponse(ctx, c.tenant.ID, in.Previous)
		if !ok {
			return nil, invalid("previous_response_id", "previous_response_not_found", "The previous response was not found: it was not stored, or it is too old.")
		}
		messages = k.Messages
	}
	own, err := in.messages(func(id string) (json.RawMessage, bool) { return g.findItem(ctx, c.tenant.ID, id) })
	if err != nil {
		return nil, err
	}
	return append(slices.Clip(messages), own...), nil
}

// findItem looks for an item of a stored response: its id holds the response's.
func (g *Gateway) findItem(ctx context.Context, t tenbit.TenantID, id string) (json.RawMessage, bool) {
	_, digits, _ := strings.Cut(id, "_")
	if len(digits) < 32 {
		return nil, false
	}
	k, ok := g.findResponse(ctx, t, "resp_"+digits[:32])
	var r struct {
		Output []json.RawMessage `json:"output"`
	}
	if !ok || json.Unmarshal(k.Response, &r) != nil {
		return nil, false
	}
	for _, item := range r.Output {
		var i struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(item, &i) == nil && i.ID == id {
			return item, true
		}
	}
	return nil, false
}

// response serves GET /v1/responses/{id}.
func (g *Gateway) response(w http.ResponseWriter, r *http.Request, c *call) error {
	k, ok := g.findResponse(r.Context(), c.tenant.ID, chi.URLParam(r, "id"))
	switch {
	case !ok:
		return noResponse()
	case r.URL.Query().Get("stream") == "true":
		return invalid("stream", "unsupported_value", "Stored responses are not streamed.")
	}
	return writeJSON(w, c, k.Response)
}

// deleteResponse serves DELETE /v1/responses/{id}.
func (g *Gateway) deleteResponse(w http.ResponseWriter, r *http.Request, c *call) error {
	id := chi.URLParam(r, "id")
	if _, ok := g.findResponse(r.Context(), c.tenant.ID, id); !ok {
		return noResponse()
	}
	if err := g.Responses.Remove(r.Context(), shelfKey(c.tenant.ID, id)); err != nil {
		return &Error{Status: http.StatusServiceUnavailable, Type: "server_error", Code: "not_deleted", Msg: "The response could not be deleted everywhere. Try again.", RetryAfter: time.Second}
	}
	return writeJSON(w, c, map[string]any{"id": id, "object": "response", "deleted": true})
}

func noResponse() *Error {
	return &Error{Status: http.StatusNotFound, Type: "invalid_request_error", Code: "response_not_found", Param: "id", Msg: "The response was not found: it was not stored, or it is too old."}
}

// itemID is the id of a call's item number n, 0 for the message.
func itemID(prefix string, c *call, n int) string { return fmt.Sprintf("%s_%s%02x", prefix, c.id, n) }
