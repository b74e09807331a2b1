package link

import (
	"errors"
	"fmt"

	"tenbit"
)

// Code says why a request or a connection failed. The list is closed: sixteen
// at most, so that one says no more than [ErrorPrice].
type Code uint8

// The codes; their numbers are part of the format.
const (
	CodeBadRequest  Code = iota + 1 // the ask makes no sense
	CodeUnavailable                 // the large model can't be reached, or the origin stops
	CodeOverLimit                   // the origin's ledger has nothing left, or no reply fits
	CodeBusy                        // too much at a time for this edge
	CodeRepeatedID                  // the id was used for another ask, or its reply is gone
	CodeUnknownID                   // resume: no such request
	CodeCancelled                   // the edge asked for it
	CodeIncomplete                  // the large model's answer had no end
	CodeMismatch                    // the texts don't match their digest: send them without the model
	CodeVersion                     // stream 0: another version is spoken here
	CodeInternal                    // the origin's fault
	CodeNeedDraft                   // the twin made another draft: send it
	codes
)

var codeNames = [codes]string{
	"", "bad-request", "unavailable", "over-limit", "busy", "repeated-id", "unknown-id", "cancelled",
	"incomplete", "mismatch", "version", "internal", "need-draft",
}

func (c Code) String() string {
	if c > 0 && c < codes {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// ErrorPrice is what an error frame costs the edge, as any coded symbol: one of
// at most sixteen codes. It never takes a reply over its limit.
const ErrorPrice = 4 * tenbit.Bit

// Errors of the edge's end, for errors.Is.
var (
	// ErrUnavailable says that the origin can't be reached. It wraps [tenbit.ErrUnavailable].
	ErrUnavailable = fmt.Errorf("origin: %w", tenbit.ErrUnavailable)
	// ErrUnauthorized says that the origin doesn't know the edge's token.
	ErrUnauthorized = fmt.Errorf("%w: token refused", ErrUnavailable)
	// ErrVersion says that the origin speaks another version of the link.
	ErrVersion = fmt.Errorf("%w: link versions differ", ErrUnavailable)
	// ErrClosed says that the client was closed.
	ErrClosed = fmt.Errorf("%w: link closed", ErrUnavailable)
	// ErrCut says that the connection ended and the origin didn't answer for
	// the rest of the reply: the whole grant counts as spent.
	ErrCut = fmt.Errorf("%w: connection cut", ErrUnavailable)
	// ErrProtocol says that the far end broke the link's rules.
	ErrProtocol = errors.New("link protocol violated")
	// ErrOverLimit says that the far end sent more than it was granted.
	ErrOverLimit = fmt.Errorf("%w: reply over its limit", ErrProtocol)
)

// RemoteError is an error that the origin named.
type RemoteError struct{ Code Code }

func (e *RemoteError) Error() string { return "origin says " + e.Code.String() }

// Unwrap gives the noun that the rest of the program knows.
func (e *RemoteError) Unwrap() error {
	switch e.Code {
	case CodeUnavailable, CodeBusy, CodeCancelled, CodeInternal, CodeVersion:
		return tenbit.ErrUnavailable
	case CodeOverLimit:
		return tenbit.ErrOverBudget
	case CodeIncomplete:
		return tenbit.ErrIncomplete
	case CodeMismatch, CodeRepeatedID, CodeUnknownID, CodeNeedDraft:
		return ErrProtocol
	default:
		return nil
	}
}
