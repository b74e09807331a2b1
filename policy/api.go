package policy

import (
	"context"

	"tenbit"
	"tenbit/codec"
)

// API is the far side without an origin: the edge calls the large model's API
// itself, once per escalation. The same decision is taken, the same encoder
// charges what it would have sent, and the same decoder reads it, so answers,
// cuts and bits are those of an origin. It gives no egress guarantee: the bytes
// are what the API sends, and Cost says so. API implements [Remote].
type API struct {
	Large Model
	Codec codec.Model
}

// Escalate asks the large model and charges its answer as a reply. An answer
// that no mode could carry within the grant is discarded and the whole grant is
// charged. On an error Cost says what was spent all the same.
func (a API) Escalate(ctx context.Context, ask tenbit.Ask) (tenbit.Reply, error) {
	d := NewDecoder(a.Codec, ask)
	served, err := Origin(a).serve(ctx, ask, d.Feed, ask.Sink != nil)
	cost := served.cost
	if err != nil {
		// The encoder is ahead of the decoder by what is not final yet; both
		// have seen no more than the grant.
		cost.Bits = min(max(served.Bits, d.Bits()), ask.Limit)
		return tenbit.Reply{Usage: served.Usage, Cost: cost}, err
	}
	r, err := d.Finish(served.Digest)
	r.Usage, cost.Bits = served.Usage, d.Bits()
	if !served.fits {
		cost.Bits = ask.Limit
	}
	r.Cost = cost
	return r, err
}
