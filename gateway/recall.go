package gateway

import (
	"context"
	"strconv"

	"tenbit"
	"tenbit/cache"
)

// key names an order's answer by everything that changes it: the tenant first,
// then the policy and the models in force, what may be bought for it, and the
// canonical request.
func (g *Gateway) key(o Order) cache.Key {
	if o.known != nil {
		return *o.known
	}
	return cache.KeyOf(o.Tenant.ID, g.terms(o), anonymous(o.Request.Body))
}

// terms are what decides on an order's answer beside the tenant and the request.
func (g *Gateway) terms(o Order) []byte {
	terms := strconv.AppendInt(make([]byte, 0, 64+len(g.Version)), int64(len(g.Version)), 10)
	terms = strconv.AppendBool(append(append(terms, ' '), g.Version...), o.Tenant.Lossy)
	if c := o.Tenant.Confidence; c != nil {
		terms = strconv.AppendFloat(append(terms, " confidence "...), *c, 'g', -1, 64)
	}
	if g.Remote != nil {
		terms = strconv.AppendInt(append(terms, " limit "...), int64(o.MaxBits+o.spent), 10)
		terms = strconv.AppendUint(append(terms, ' '), uint64(o.Modes&g.Modes), 10)
	}
	return append(terms, '\n')
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
	kept := val
	if val = g.unpacked(kept); val != nil && kept[0] == packed {
		g.Cache.Replace(g.key(o), kept, append([]byte{plain}, val...)) // the next hit is fast
	}
	return unshelved(val, tenbit.RouteCache)
}

// unpacked is a value of the cache's as it was given to shelve, nil for what
// another codec packed.
func (g *Gateway) unpacked(val []byte) []byte {
	if len(val) == 0 {
		return nil
	}
	form, val := val[0], val[1:]
	if form == plain || g.Unpack == nil {
		return val
	}
	val, err := g.Unpack(val)
	if err != nil {
		return nil
	}
	return val
}

// store keeps a whole, undegraded answer that has the form it should, and
// returns it.
func (g *Gateway) store(ctx context.Context, o Order, a tenbit.Answer) tenbit.Answer {
	a = o.form.normal(a)
	if g.Cache == nil || o.NoStore || !a.Complete() || o.form.fits(a) != nil {
		return a
	}
	if val, err := shelved(a); err == nil { // tool calls that are no JSON are not kept
		g.shelve(ctx, g.key(o), val)
		g.remember(ctx, o, a, val)
	}
	return a
}

// The first byte of what the cache keeps.
const (
	plain  = 0
	packed = 1
)

// Values of these sizes in bytes are packed: under packFrom it saves less than an
// entry's overhead, and packTo takes a fifth of a second to unpack.
const (
	packFrom = 1 << 10
	packTo   = 64 << 10
)

// shelve puts a value into the cache: at once as it is, since the client waits,
// and where that saves much, soon afterwards packed: in Redis, and in a memory
// that is half full, unless another value has come by then. What comes while
// another value is being packed stays as it is.
func (g *Gateway) shelve(ctx context.Context, k cache.Key, val []byte) {
	whole := append([]byte{plain}, val...)
	roomy := g.Cache.Roomy(k, len(whole))
	g.Cache.Put(ctx, k, whole)
	if g.Pack == nil || len(val) < packFrom || len(val) > packTo || roomy && !g.Cache.Elsewhere() {
		return
	}
	select {
	case g.packing <- struct{}{}:
	default:
		return
	}
	g.flights.wg.Go(func() { // is waited for as the walks are
		defer func() { <-g.packing }()
		small := g.Pack(val)
		if len(small) >= len(val) {
			return
		}
		small = append([]byte{packed}, small...)
		g.Cache.ReplaceBehind(k, whole, small) // before memory, which says what is kept
		if !roomy {
			g.Cache.Replace(k, whole, small)
		}
	})
}
