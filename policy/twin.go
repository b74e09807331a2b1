package policy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"tenbit"
)

// twinVersion counts changes of what a draft becomes on its way into an ask.
const twinVersion = 1

// Fingerprint names what d makes of a request: the model's weights, by their
// digest, and how it is asked. Drafters with equal fingerprints should make equal
// drafts; whether they did is proved ask by ask. Never 0.
func (d Drafter) Fingerprint(weights uint64) uint64 {
	b := fmt.Appendf(nil, "tenbit twin %d\n", twinVersion)
	b = binary.BigEndian.AppendUint64(b, weights)
	b = binary.BigEndian.AppendUint64(b, uint64(d.Samples))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(d.Temperature))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Seed))
	sum := sha256.Sum256(b)
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// Twin runs the edge's small model at the origin, so that drafts, candidates and
// questions need not travel. It implements the link's Twin.
type Twin struct {
	Drafter Drafter
	Weights uint64          // their digest
	Told    func(same bool) // of each check; nil: nobody is
}

// Fingerprint is that of the drafter.
func (t Twin) Fingerprint() uint64 { return t.Drafter.Fingerprint(t.Weights) }

// Draft completes an ask that came without what the small model makes of it.
func (t Twin) Draft(ctx context.Context, a tenbit.Ask) (tenbit.Ask, error) {
	d, err := t.Drafter.Draft(ctx, a.Request)
	if err != nil {
		return a, fmt.Errorf("draft: %w", err)
	}
	made := d.Ask(a.Request)
	a.Draft, a.Candidates = made.Draft, made.Candidates
	if Asks(a) {
		a.Questions = t.Drafter.Questions(ctx, a)
	}
	return a, nil
}

// Checked is told whether the edge has the same.
func (t Twin) Checked(same bool) {
	if t.Told != nil {
		t.Told(same)
	}
}
