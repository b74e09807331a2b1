package link

import (
	"context"
	"errors"
	"fmt"

	"tenbit"
)

// Twin is the edge's small model, run by the origin as well: drafts and
// candidates need not travel.
type Twin interface {
	// Fingerprint names the weights, the engine, the options and the seeds. 0: none.
	Fingerprint() uint64
	// Draft is a with what the edge's small model made of the request.
	Draft(ctx context.Context, a tenbit.Ask) (tenbit.Ask, error)
	// Checked is told whether that was what the edge has, and false of each edge
	// that connects with another small model.
	Checked(same bool)
}

// errDraft says that the twin made another draft than the edge.
var errDraft = errors.New("the twin's draft differs")

// twin completes an ask that came without draft and candidates. The digest
// proves that both ends have the same: determinism is never trusted.
func (s *Server) twin(ctx context.Context, a ask, t tenbit.Ask, k kit) (tenbit.Ask, error) {
	if s.cfg.Twin == nil {
		return t, fmt.Errorf("ask: %w: no twin here", errDraft)
	}
	made, err := s.cfg.Twin.Draft(ctx, t)
	same := err == nil && a.proves(made, k)
	s.cfg.Twin.Checked(same)
	switch {
	case err != nil:
		return t, fmt.Errorf("ask: %w: %w", errDraft, err)
	case !same:
		return t, fmt.Errorf("ask: %w", errDraft)
	}
	return made, nil
}

// maxTwinMisses is how many different drafts in a row end the twin's service on
// a connection: each costs [ErrorPrice] and a round trip.
const maxTwinMisses = 4
