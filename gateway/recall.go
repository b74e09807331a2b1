package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"tenbit"
	"tenbit/cache"
)

// stored is what the cache keeps of an answer.
type stored struct {
	Content   []byte             `json:"c"`
	ToolCalls json.RawMessage    `json:"t,omitempty"`
	Refusal   string             `json:"r,omitempty"`
	Finish    tenbit.Finish      `json:"f"`
	Usage     tenbit.Usage       `json:"u"`
	Tokens    []tenbit.TokenProb `json:"p,omitempty"`
}

// key names an order's answer by everything that changes it: the tenant first,
// then the policy and the models in force, what the tenant and, where that is
// less, the sender allow, and the canonical request.
func (g *Gateway) key(o Order) cache.Key {
	if o.known != nil {
		return *o.known
	}
	return cache.KeyOf(o.Tenant.ID, append([]byte(g.terms(o)), anonymous(o.Request.Body)...))
}

// terms are what decides on an order's answer beside the tenant and the request.
func (g *Gateway) terms(o Order) string {
	terms := fmt.Sprintf("%q %t", g.Version, o.Tenant.Lossy)
	if o.Tenant.Confidence != nil {
		terms += fmt.Sprintf(" confidence %v", *o.Tenant.Confidence)
	}
	if o.narrow {
		terms += fmt.Sprintf(" limit %d %d", o.MaxBits+o.spent, o.Modes&g.Modes)
	} else {
		terms += fmt.Sprintf(" limit %d", o.Tenant.MaxRequest) // also of each of several choices
	}
	return terms + "\n"
}

// recall looks for the tenant's own answer to the same canonical request.
func (g *Gateway) recall(ctx context.Context, o Order) (tenbit.Answer, bool) {
	if g.Cache == nil || o.NoStore || o.NoCache {
		return tenbit.Answer{}, false
	}
	val, ok := g.Cache.Get(ctx, g.key(o))
	if !ok {
		return tenbit.Answer{}, false
	}
	s, ok := g.unshelved(val)
	return s.answer(tenbit.RouteCache), ok
}

// unshelved reads a value of the cache's. What another codec packed is none.
func (g *Gateway) unshelved(val []byte) (s stored, ok bool) {
	if len(val) == 0 {
		return stored{}, false
	}
	form, val := val[0], val[1:]
	if form == packed && g.Unpack != nil {
		var err error
		if val, err = g.Unpack(val); err != nil {
			return stored{}, false
		}
	}
	if json.Unmarshal(val, &s) != nil {
		return stored{}, false
	}
	return s, true
}

func (s stored) answer(r tenbit.Route) tenbit.Answer {
	return tenbit.Answer{
		Message: tenbit.Message{Content: string(s.Content), ToolCalls: s.ToolCalls, Refusal: s.Refusal},
		Finish:  s.Finish, Usage: s.Usage, Tokens: s.Tokens, Route: r,
	}
}

// store keeps a whole, undegraded answer that has the form it should, and
// returns it.
func (g *Gateway) store(ctx context.Context, o Order, a tenbit.Answer) tenbit.Answer {
	a = o.form.normal(a)
	if g.Cache == nil || o.NoStore || !a.Complete() || o.form.fits(a) != nil {
		return a
	}
	val, err := json.Marshal(stored{[]byte(a.Message.Content), a.Message.ToolCalls, a.Message.Refusal, a.Finish, a.Usage, a.Tokens})
	if err != nil {
		return a // tool calls that are no JSON are not kept
	}
	g.shelve(ctx, g.key(o), val)
	g.remember(ctx, o, a, val)
	return a
}

// The first byte of what the cache keeps.
const (
	plain  = 0
	packed = 1
)

// packFrom is the size in bytes from which packing saves more than an entry's
// overhead.
const packFrom = 1 << 10

// shelve puts a value into the cache: at once as it is, since the client waits,
// and where that saves much, soon afterwards packed. What comes while another
// value is being packed stays as it is.
func (g *Gateway) shelve(ctx context.Context, k cache.Key, val []byte) {
	g.Cache.Put(ctx, k, append([]byte{plain}, val...))
	if g.Pack == nil || len(val) < packFrom {
		return
	}
	select {
	case g.packing <- struct{}{}:
	default:
		return
	}
	ctx = context.WithoutCancel(ctx)
	g.flights.wg.Go(func() { // is waited for as the walks are
		defer func() { <-g.packing }()
		if small := g.Pack(val); len(small) < len(val) {
			g.Cache.Put(ctx, k, append([]byte{packed}, small...))
		}
	})
}
