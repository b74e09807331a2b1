package gateway

import (
	"context"
	"errors"
	"fmt"

	"tenbit"
	"tenbit/cache"
	"tenbit/policy"
)

// Order is one authenticated request with what its sender allows.
type Order struct {
	ID      string // made here, 32 hex digits
	Tenant  tenbit.Tenant
	Request tenbit.Request
	MaxBits tenbit.Bits    // most bits for this request; 0: buy nothing
	Modes   tenbit.ModeSet // modes the sender accepts
	NoStore bool           // neither read nor fill the cache
	NoCache bool           // fill the cache, but don't read it
	// Sink receives text as it becomes final; nil: the answer comes whole. What
	// it has not received at the end is the caller's to send.
	Sink tenbit.Sink

	spent   tenbit.Bits // of MaxBits before, which no longer has them
	stopper *stopper    // ends what goes to Sink; nil: nothing does
	form    *form       // that the answer is wanted in; nil: any
	near    *cache.Near // what the semantic cache found; nil: it takes no part
	known   *cache.Key  // of the answer; nil: not made yet
}

// Answer walks one request: caches, draft, gate, reserve, escalate, settle,
// answer. It is the product on one screen. The answer's Cost is what was
// charged, also when the error is not nil.
func (g *Gateway) Answer(ctx context.Context, o Order) (tenbit.Answer, error) {
	if a, ok := g.recall(ctx, o); ok {
		return a, nil
	}
	o.near = g.near(ctx, o)
	a, done, err := g.resemble(ctx, o)
	if !done {
		cost := a.Cost // of a verdict, a no
		o.MaxBits, o.spent = o.MaxBits-cost.Bits, cost.Bits
		a, err = g.anew(ctx, o)
		a.Cost = a.Cost.Add(cost)
	}
	return a, err
}

// anew makes an answer that no cache has.
func (g *Gateway) anew(ctx context.Context, o Order) (tenbit.Answer, error) {
	if !g.mayBuy(o) {
		a, err := g.localOnly(ctx, o)
		if o.spent > 0 {
			a.Degraded = "bit limit"
		}
		if o.stopper != nil && o.stopper.cut { // nobody has counted its tokens
			return a, err
		}
		return g.store(ctx, o, a), err
	}
	draft, err := g.drafter(o.Tenant).Draft(ctx, o.Request)
	if err != nil && (g.LocalDown != LocalDownRemote || ctx.Err() != nil) {
		return tenbit.Answer{}, localDown(err)
	}
	if keep, degraded := g.keep(ctx, o, draft); keep {
		return g.store(ctx, o, drafted(draft, degraded)), nil
	}
	buy, err := g.reserve(ctx, o, draft)
	if err != nil {
		return g.unbought(o, draft, tenbit.Cost{}, err)
	}
	got, err := buy.escalate(ctx, draft)
	if err != nil {
		return g.unbought(o, draft, got.reply.Cost, err)
	}
	if none(draft) && got.reply.Mode == tenbit.ModeNone {
		return tenbit.Answer{Cost: got.reply.Cost}, localDown(errNothing)
	}
	return g.store(ctx, o, g.bought(ctx, o, got)), nil
}

// errNothing says that neither end had an answer.
var errNothing = errors.New("neither end had an answer")

// mayBuy reports whether the far side may be asked at all. Log-probabilities are
// the local model's, so its answer is what they go with.
func (g *Gateway) mayBuy(o Order) bool {
	return g.Remote != nil && o.MaxBits >= policy.MinLimit && o.Modes&g.Modes != 0 && !o.Request.LogProbs
}

// localOnly answers with the local model alone, streaming as it goes.
func (g *Gateway) localOnly(ctx context.Context, o Order) (tenbit.Answer, error) {
	sink := o.Sink
	if o.stopper != nil {
		sink = o.stopper.last
	}
	c, err := g.Drafter.Local.Complete(ctx, o.Request, tenbit.Sampling{Sink: sink})
	if errors.Is(err, errStopped) { // whatever it would have gone on with
		c.Finish, err = tenbit.FinishStop, nil
	}
	if err != nil {
		return tenbit.Answer{}, localDown(err)
	}
	return tenbit.Answer{Message: c.Message, Finish: c.Finish, Usage: c.Usage, Tokens: c.Tokens, Route: tenbit.RouteLocal}, nil
}

// unbought is the way out when nothing could be bought: the draft, marked, or
// an error where there is no draft, the tenant wants one, or text has left.
func (g *Gateway) unbought(o Order, d policy.Draft, cost tenbit.Cost, cause error) (tenbit.Answer, error) {
	empty := errors.Is(cause, tenbit.ErrOverBudget)
	switch {
	case empty && o.Tenant.OnEmpty == tenbit.EmptyReject, errors.Is(cause, errBroken), errors.Is(cause, context.Canceled):
		return tenbit.Answer{Cost: cost}, cause
	case none(d):
		return tenbit.Answer{Cost: cost}, localDown(cause)
	}
	g.Log.Warn("not bought", "request", o.ID, "tenant", o.Tenant.ID, "reason", reason(cause), "err", cause)
	a := drafted(d, reason(cause))
	a.Cost = cost
	return a, nil
}

// localDown marks an error that left the client without any answer.
func localDown(err error) error { return fmt.Errorf("no local answer: %w", err) }

// reason names in a few words why nothing was bought.
func reason(err error) string {
	switch {
	case errors.Is(err, tenbit.ErrOverBudget):
		return "over budget"
	case errors.Is(err, tenbit.ErrLedgerDown):
		return "ledger unavailable"
	case errors.Is(err, context.DeadlineExceeded):
		return "remote timed out"
	default:
		return "remote unavailable"
	}
}
