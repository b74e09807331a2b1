package openai

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenbit"
)

// Error is a server's refusal to answer, or to go on. It holds nothing of the
// message that came with it, since servers quote prompts there. It wraps
// [tenbit.ErrUnavailable] where another try may succeed (408, 409, 429, 5xx) and
// [tenbit.ErrIncomplete] where part of the answer had come, and
// [tenbit.ErrRejected] where the request is at fault (400, 413, 422), which is
// [tenbit.ErrFormat] where that is its response_format and [tenbit.ErrTooLong]
// where it is the prompt's length (400, 413).
type Error struct {
	Status     int           // HTTP status, or the one named inside a 200; 502 when none is
	Format     bool          // response_format is what it is about
	TooLong    bool          // the prompt's length is what it is about
	Type, Code string        // of the error object, "" unless plain identifiers
	RetryAfter time.Duration // what the server asks for, 0 when it does not say
	Partial    bool          // part of the answer had come
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model answered with status %d", e.Status)
	for _, s := range []string{e.Type, e.Code} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if e.Partial {
		b.WriteString(" in the middle of its answer")
	}
	return b.String()
}

// Unwrap gives the class of the error.
func (e *Error) Unwrap() error {
	switch {
	case e.Partial:
		return tenbit.ErrIncomplete
	case e.Format && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity || e.Status == http.StatusNotImplemented):
		return tenbit.ErrFormat
	case e.TooLong && (e.Status == http.StatusBadRequest || e.Status == http.StatusRequestEntityTooLarge):
		return tenbit.ErrTooLong
	case e.Status == http.StatusBadRequest, e.Status == http.StatusRequestEntityTooLarge, e.Status == http.StatusUnprocessableEntity:
		return tenbit.ErrRejected
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusConflict,
		e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return tenbit.ErrUnavailable
	}
	return nil
}

// Later is how long the server asks to wait before another try, 0 where it does
// not say. The gateway tells its client.
func (e *Error) Later() time.Duration { return e.RetryAfter }

// maxErrorBody bounds what is read of an error's body, in bytes.
const maxErrorBody = 64 << 10

func statusError(resp *http.Response) *Error {
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil {
		var envelope struct{ Error errorObject }
		if json.Unmarshal(body, &envelope) == nil {
			e.Type, e.Code = envelope.Error.Type, envelope.Error.code()
		}
		e.about(body)
	}
	return e
}

// about reads what an error is about. Servers name the field of a format in
// param, in the message, or in an envelope of their own, and many tell a prompt
// that is too long in words alone. A code that says so is surer than words.
func (e *Error) about(body []byte) {
	says := func(words string) bool { return bytes.Contains(body, []byte(words)) }
	e.TooLong = e.Code == "context_length_exceeded" || e.Type == "exceed_context_size_error" // OpenAI's, llama.cpp's
	e.Format = !e.TooLong && (says("response_format") || says("json_schema"))
	e.TooLong = e.TooLong || !e.Format && slices.ContainsFunc(tooLong, says)
}

// tooLong are words of vLLM and others, SGLang, Ollama, and llama.cpp before it
// had a type for it.
var tooLong = []string{
	"maximum context length", "longer than the model's context length", "exceeds the context length", "exceeds the available context size",
}

// errorObject is OpenAI's error object, or what others make of it: code is a
// string, a number or null, and some send a bare string for the whole. One that
// says nothing is none: some servers send it beside an answer.
type errorObject struct {
	set  bool
	Type string
	Code json.RawMessage
	raw  []byte
}

func (o *errorObject) UnmarshalJSON(b []byte) error {
	var all any
	if json.Unmarshal(b, &all) == nil && !says(all) {
		return nil
	}
	o.set, o.raw = true, bytes.Clone(b)
	var v struct {
		Type any             `json:"type"`
		Code json.RawMessage `json:"code"`
	}
	if b[0] == '{' && json.Unmarshal(b, &v) == nil {
		typ, _ := v.Type.(string)
		o.Type, o.Code = identifier(typ), v.Code
	}
	return nil
}

// says is false for null, false, 0, "", and lists and objects of nothing else.
func says(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return slices.ContainsFunc(v, says)
	case map[string]any:
		for _, field := range v {
			if says(field) {
				return true
			}
		}
	}
	return false
}

func (o errorObject) code() string {
	var s string
	if json.Unmarshal(o.Code, &s) == nil {
		return identifier(s)
	}
	return identifier(string(o.Code))
}

// asError is the error inside an answer that began with status 200.
func (o errorObject) asError(partial bool) *Error {
	e := &Error{Status: http.StatusBadGateway, Type: o.Type, Code: o.code(), Partial: partial}
	e.about(o.raw)
	if n, err := strconv.Atoi(e.Code); err == nil && n >= 400 && n < 600 {
		e.Status = n
	} else if e.TooLong {
		e.Status = http.StatusBadRequest
	}
	return e
}

// identifier lets through what cannot be a prompt: a short word of letters,
// digits, underscores, dots and dashes.
func identifier(s string) string {
	if len(s) > 64 || s == "null" {
		return ""
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && !strings.ContainsRune("_.-", rune(c)) {
			return ""
		}
	}
	return s
}

// retryAfter reads retry-after in seconds or as a date, and the milliseconds
// that OpenAI sends beside it, up to a day.
func retryAfter(h http.Header) time.Duration {
	d := time.Duration(0)
	if ms, err := strconv.ParseFloat(h.Get("retry-after-ms"), 64); err == nil && ms > 0 {
		d = time.Duration(min(ms, 1e8) * float64(time.Millisecond))
	} else if s, err := strconv.ParseFloat(h.Get("retry-after"), 64); err == nil && s > 0 {
		d = time.Duration(min(s, 1e6) * float64(time.Second))
	} else if t, err := http.ParseTime(h.Get("retry-after")); err == nil {
		d = max(0, time.Until(t))
	}
	return min(d, 24*time.Hour)
}

// broken classes an error of the connection. Of what the error says only the
// network's own words are kept: others may quote what the server sent.
func broken(doing string, class, err error) error {
	var (
		op   *net.OpError
		cert *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w: %w", doing, class, op)
	case errors.As(err, &cert):
		return fmt.Errorf("%s: %w: %w", doing, class, cert)
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("%s: %w: %w", doing, class, ErrTooLarge)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w: connection cut", doing, class)
	}
	return fmt.Errorf("%s: %w: protocol error", doing, class)
}
