package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

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
	h.Set("Content-Type", "application/json")
	if e.NoRetry {
		h.Set("X-Should-Retry", "false")
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(append(e.body(), '\n')) // the client may have left
}

// invalid is a 400 that names the field.
func invalid(param, code, msg string) *Error {
	return &Error{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: code, Param: param, Msg: msg}
}

// publish chooses what the client reads for err.
func publish(err error) *Error {
	var own *Error
	var bad *tenbit.RequestError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &bad):
		return invalid(bad.Param, bad.Code, bad.Msg)
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
		return &Error{Status: http.StatusBadGateway, Type: "server_error", Code: "model_error", Msg: "The model could not answer this request."}
	}
}
