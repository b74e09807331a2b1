package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/ollama/ollama/api"

	"tenbit"
)

// ErrNoModel says that Ollama does not have the model: it must be pulled or
// created first.
var ErrNoModel = errors.New("ollama does not have the model")

// ErrTooLarge says that an answer is larger than the limit.
var ErrTooLarge = errors.New("answer exceeds the size limit")

// Error is Ollama's refusal to answer, without its message, which may quote the
// prompt. It wraps [ErrNoModel] for 404, [tenbit.ErrRejected] for 400 and 413,
// which is [tenbit.ErrTooLong] where that is the prompt's length, and
// [tenbit.ErrUnavailable] for 408, 429 and 5xx.
type Error struct {
	Status  int
	TooLong bool // the prompt's length is what it is about
}

func (e *Error) Error() string {
	return fmt.Sprintf("ollama answered with status %d", e.Status)
}

// Unwrap gives the class of the error.
func (e *Error) Unwrap() error {
	switch {
	case e.Status == http.StatusNotFound:
		return ErrNoModel
	case e.Status == http.StatusBadRequest, e.Status == http.StatusRequestEntityTooLarge:
		if e.TooLong {
			return tenbit.ErrTooLong
		}
		return tenbit.ErrRejected
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return tenbit.ErrUnavailable
	}
	return nil
}

// classify turns an error of the api package into one of ours. begun says that
// part of an answer had come.
func classify(ctx context.Context, err error, begun bool) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask ollama: %w", ctx.Err())
	}
	var (
		status api.StatusError
		login  api.AuthorizationError
		op     *net.OpError
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	class := tenbit.ErrUnavailable
	if begun {
		class = tenbit.ErrIncomplete
	}
	switch {
	case errors.As(err, &status):
		// "the input length exceeds the context length" is what its runners say.
		long := strings.Contains(status.ErrorMessage, "exceeds the context length")
		return fmt.Errorf("ask ollama: %w", &Error{Status: status.StatusCode, TooLong: long})
	case errors.As(err, &login):
		return fmt.Errorf("ask ollama: %w", &Error{Status: http.StatusUnauthorized})
	case errors.As(err, &op):
		return fmt.Errorf("ask ollama: %w: %w", class, op)
	case errors.As(err, &syntax), errors.As(err, &typ):
		return fmt.Errorf("ask ollama: %w: what answers is not Ollama", class)
	}
	// The rest are Ollama's own words inside a stream, or a line that is not
	// JSON; either may quote the prompt.
	return fmt.Errorf("ask ollama: %w: it reported an error", class)
}
