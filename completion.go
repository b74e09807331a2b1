package tenbit

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Finish is OpenAI's finish_reason.
type Finish string

// The reasons.
const (
	FinishStop      Finish = "stop"
	FinishLength    Finish = "length"
	FinishToolCalls Finish = "tool_calls"
	FinishFilter    Finish = "content_filter"
)

// Message is an assistant's message.
type Message struct {
	Content   string          // any bytes; only the API replaces invalid UTF-8
	ToolCalls json.RawMessage // OpenAI's tool_calls array, byte-exact, or nil
	Refusal   string
}

// Usage counts tokens.
type Usage struct {
	Prompt, Completion int
}

// Completion is what a model made of a request.
type Completion struct {
	Message Message
	Finish  Finish
	Usage   Usage
	// LogProb is the mean natural log-probability of the completion's tokens,
	// 0 when the model gives none. It steers the gate only and never reaches
	// the coder or the meter.
	LogProb float64
	// Tokens are the content's tokens with their log-probabilities; only where
	// the request asks for them and the model gives them.
	Tokens []TokenProb
	Cost   Cost // wire bytes, where the client counts them
}

// TokenProb is one token as OpenAI's logprobs have it.
type TokenProb struct {
	Token   string       `json:"token"`
	LogProb float64      `json:"logprob"` // natural logarithm
	Bytes   []int        `json:"bytes"`   // of the token; nil: not known
	Top     []OtherToken `json:"top_logprobs"`
}

// OtherToken is a token that might have stood in a token's place.
type OtherToken struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// Sampling says how a model is to answer, over what the request says.
type Sampling struct {
	Temperature *float64 // nil: as the request says
	Seed        *int64   // nil: as the request says
	LogProbs    bool
	// Sink receives the content as it is made; nil: the completion comes whole.
	Sink Sink
}

// Errors of models.
var (
	// ErrUnavailable says that a model cannot be reached or is overloaded.
	ErrUnavailable = errors.New("model unavailable")
	// ErrIncomplete says that a model's answer ended without its end mark:
	// never cached, never billed as whole.
	ErrIncomplete = errors.New("answer ended early")
	// ErrRejected says that a model's server refuses this request and would
	// again: it holds something that the model does not take.
	ErrRejected = errors.New("model rejected the request")
	// ErrFormat is an ErrRejected for the request's response_format.
	ErrFormat = fmt.Errorf("%w: its response_format", ErrRejected)
	// ErrTooLong is an ErrRejected for the prompt's length.
	ErrTooLong = fmt.Errorf("%w: its prompt does not fit the model's context", ErrRejected)
)
