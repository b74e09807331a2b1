package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tenbit"
)

// Error is an error as OpenAI's clients expect it.
type Error struct {
	Status  int    // HTTP status
	Type    string // invalid_request_error, ...
	Code    string // machine-readable, "" becomes null
	Param   string // offending field, "" becomes null
	Msg     string // for the client; holds no prompt, no key and no address
	NoRetry bool   // tell SDKs not to try again

	RetryAfter time.Duration // when another try may succeed; 0: not said
	Accept     string        // codings that would have been taken, with 415
}

func (e *Error) Error() string { return e.Msg }

type errorBody struct {
	Error struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	} `json:"error"`
}

// body is the JSON of the error.
func (e *Error) body() []byte {
	var b errorBody
	b.Error.Message, b.Error.Type = e.Msg, e.Type
	b.Error.Param, b.Error.Code = orNull(e.Param), orNull(e.Code)
	out, _ := json.Marshal(b) // strings only: cannot fail
	return out
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// write sends the error as a whole response.
func (e *Error) write(w http.ResponseWriter) {
	h := w.Header()
	if e.NoRetry || e.RetryAfter > maxRetry {
		h.Set("X-Should-Retry", "false")
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if e.Accept != "" {
		h.Set("Accept-Encoding", e.Accept)
	}
	send(w, e.Status, e.body())
}

// maxRetry is how long clients wait when they are told to: beyond it OpenAI's try
// again at once.
const maxRetry = time.Minute

// overloaded says that as many requests as may be are under way.
func overloaded() *Error {
	return &Error{Status: http.StatusServiceUnavailable, Type: "server_error", Code: "overloaded", Msg: "The gateway is busy. Try again soon.", RetryAfter: time.Second}
}

// refusal is what the client reads for err; for an empty budget with the time
// when it grows.
func (g *Gateway) refusal(ctx context.Context, c *call, err error) *Error {
	e := publish(err)
	if !errors.Is(err, tenbit.ErrOverBudget) || g.Ledger == nil {
		return e
	}
	if _, next, err := g.Ledger.Left(ctx, c.tenant); err == nil && !next.IsZero() {
		e.RetryAfter = max(time.Until(next), time.Second)
		e.NoRetry = false
	}
	return e
}

// invalid is a 400 that names the field.
func invalid(param, code, msg string) *Error {
	return &Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: code, Param: param, Msg: msg}
}

// publish chooses what the client reads for err: with the time that a server asks
// for, and where another try is in vain, with that.
func publish(err error) *Error {
	e := classed(err)
	var later interface{ Later() time.Duration }
	if e.Status == http.StatusBadGateway && !e.NoRetry && errors.As(err, &later) && later.Later() > 0 {
		out := *e
		out.Status, out.RetryAfter = http.StatusServiceUnavailable, later.Later()
		return &out
	}
	return e
}

func classed(err error) *Error {
	var own *Error
	var bad *tenbit.RequestError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &bad):
		return invalid(bad.Param, bad.Code, bad.Msg)
	case errors.As(err, new(*panicked)):
		return &Error{Status: http.StatusInternalServerError, Type: "server_error", Code: "internal_error", Msg: "The gateway failed on this request.", NoRetry: true}
	case errors.Is(err, tenbit.ErrTooLong):
		return invalid("messages", "context_length_exceeded", "This conversation is longer than the model's context.")
	case errors.Is(err, tenbit.ErrRejected):
		return invalid("", "model_rejected", "The model does not take this request: something in it is not supported, or it is too long.")
	case errors.Is(err, tenbit.ErrOverBudget):
		return &Error{Status: http.StatusTooManyRequests, Type: "insufficient_quota", Code: "insufficient_quota", Msg: "Your bit budget is exhausted.", NoRetry: true}
	case errors.Is(err, tenbit.ErrLedgerDown):
		return &Error{Status: http.StatusServiceUnavailable, Type: "server_error", Code: "ledger_unavailable", Msg: "The budget ledger is unavailable."}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusGatewayTimeout, Type: "server_error", Code: "timeout", Msg: "The model did not answer in time."}
	case errors.Is(err, errBroken), errors.Is(err, tenbit.ErrIncomplete):
		return &Error{Status: http.StatusBadGateway, Type: "server_error", Code: "stream_incomplete", Msg: "The model's answer ended early."}
	case errors.Is(err, tenbit.ErrUnavailable):
		return &Error{Status: http.StatusBadGateway, Type: "server_error", Code: "model_unavailable", Msg: "The local model is unavailable and no answer could be bought."}
	default:
		return &Error{Status: http.StatusBadGateway, Type: "server_error", Code: "model_error", Msg: "The model could not answer this request.", NoRetry: true}
	}
}
