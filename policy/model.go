package policy

import (
	"context"

	"tenbit"
)

// Model is a chat model: the small one beside the client, or the large one
// beside the origin.
type Model interface {
	// Complete answers req. A cancelled ctx stops the model within
	// milliseconds. Errors wrap [tenbit.ErrUnavailable] when the model cannot
	// be reached and [tenbit.ErrIncomplete] when its answer has no end; the
	// completion then holds what came.
	Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error)
}

// Remote is the far side, reached only in bits.
type Remote interface {
	// Escalate sends what the edge knows and returns what the far side added.
	// The reply's cost never exceeds ask.Limit. Full replies stream through
	// ask.Sink as they are decoded. On an error the reply's Cost says what was
	// spent all the same.
	Escalate(ctx context.Context, ask tenbit.Ask) (tenbit.Reply, error)
}
