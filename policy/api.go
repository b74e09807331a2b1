package policy

import (
	"context"
	"sync"

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
	// Formats remembers what response_format Large takes; nil: each time anew.
	Formats *Formats
	// Habits are those of the tenants, over Codec; nil: the shipped odds.
	Habits *TenantHabits
}

// Escalate asks the large model and charges its answer as a reply. An answer
// that no mode could carry within the grant is discarded and the whole grant is
// charged. On an error Cost says what was spent all the same.
func (a API) Escalate(ctx context.Context, ask tenbit.Ask) (tenbit.Reply, error) {
	m := a.Codec
	if ask.Stays {
		ask.Draft = nil
	}
	if a.Habits != nil {
		m = a.Habits.of(ask.Tenant)
	}
	d := NewDecoder(m, ask)
	served, err := Origin{a.Large, m, a.Formats}.serve(ctx, ask, d.Feed, ask.Sink != nil)
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
	if err == nil && a.Habits != nil {
		a.Habits.learn(ask.Tenant, m, ask, r)
	}
	return r, err
}

// TenantHabits are the habits of an edge's tenants without a link. The zero
// value is not ready: use [NewTenantHabits].
type TenantHabits struct {
	learner *Learner

	mu  sync.Mutex // guards all
	all map[tenbit.TenantID]codec.Model
}

// maxHabits bounds the tenants whose habits are kept; beyond it all begin anew.
const maxHabits = 1000

// NewTenantHabits keeps habits over m.
func NewTenantHabits(m codec.Model) *TenantHabits {
	return &TenantHabits{learner: NewLearner(m, nil), all: map[tenbit.TenantID]codec.Model{}}
}

func (h *TenantHabits) of(t tenbit.TenantID) codec.Model {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m, ok := h.all[t]; ok {
		return m
	}
	return h.learner.Fresh(learnsHabits)
}

// learn notes a reply that was coded under m. Of replies at the same time one counts.
func (h *TenantHabits) learn(t tenbit.TenantID, m codec.Model, a tenbit.Ask, r tenbit.Reply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) >= maxHabits {
		clear(h.all)
	}
	h.all[t] = h.learner.After(m, a, r)
}
