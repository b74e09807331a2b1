package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"tenbit"
	"tenbit/policy"
)

// errBroken says that text had left when the far side failed: nothing may
// follow it but the error.
var errBroken = errors.New("stream broken")

// purchase owns every byte to and from the far side for one request, and the
// hold that pays for it. It is settled exactly once.
type purchase struct {
	g    *Gateway
	o    Order
	hold tenbit.Hold
	most tenbit.Amount // reserved
	paid int64         // for the large model, in millionths of the currency
	// stored says that the draft is an answer from the cache, shown for a verdict:
	// it travels whatever its bytes, no twin has it, and what drafts are worth
	// isn't learnt from it.
	stored bool
}

// reserve sets aside what the order may spend, at worst, in every unit.
func (g *Gateway) reserve(ctx context.Context, o Order, d policy.Draft) (*purchase, error) {
	most := g.worst(o, d)
	hold, err := g.Ledger.Reserve(ctx, o.Tenant, o.ID, most)
	if err != nil {
		return nil, fmt.Errorf("reserve %v bits: %w", o.MaxBits, err)
	}
	p := &purchase{g: g, o: o, hold: hold, most: most}
	if hold.Granted < policy.MinLimit {
		p.settle(ctx, tenbit.Cost{})
		return nil, fmt.Errorf("reserve %v bits: %v left: %w", o.MaxBits, hold.Granted, tenbit.ErrOverBudget)
	}
	return p, nil
}

// escalate asks the far side and settles what that cost, also when it fails
// and when the client has gone.
func (p *purchase) escalate(ctx context.Context, d policy.Draft) (deal, error) {
	got, err := p.bargain(ctx, d)
	got.reply.Cost.Bits = min(got.reply.Cost.Bits, p.hold.Granted)
	p.settle(ctx, got.reply.Cost)
	return got, err
}

// ask is what goes up about a draft within what is left of the grant.
func (p *purchase) ask(d policy.Draft, spent tenbit.Bits) tenbit.Ask {
	ask := d.Ask(p.o.Request)
	ask.ID, ask.Tenant = p.g.asks.next(), p.o.Tenant.ID
	p.g.Log.Debug("asked", "request", p.o.ID, "ask", ask.ID)
	ask.Limit, ask.Modes = p.hold.Granted-spent, p.g.modes(p.o)
	if p.stored {
		ask, _ = policy.Verifiable(ask)
	}
	return ask
}

// modes are those that an order's reply may have.
func (g *Gateway) modes(o Order) tenbit.ModeSet {
	if !o.Tenant.Lossy {
		return o.Modes & g.Modes &^ tenbit.Modes(tenbit.ModeBrief)
	}
	return o.Modes & g.Modes
}

// once sends one ask. Text may have left for the client when it fails.
func (p *purchase) once(ctx context.Context, ask tenbit.Ask) (tenbit.Reply, error) {
	left := false
	if p.o.Sink != nil {
		ask.Sink = func(text string) error {
			left = true
			return p.o.Sink(text)
		}
	}
	ask.Revised = ask.Revised || p.stored
	reply, err := p.g.Remote.Escalate(ctx, ask)
	if err != nil && left {
		err = errors.Join(errBroken, err)
	}
	p.paid += p.price(ask, reply, err)
	if err == nil && p.g.Worth != nil && !p.stored {
		p.g.Worth.Learn(ask, reply)
	}
	return reply, err
}

// askIDs makes the ids of asks: this process's prefix and a count, so that the
// link can name most of them in a byte. Clients see random ids instead, which
// tell nothing of what others ask.
type askIDs struct {
	prefix [8]byte
	count  atomic.Uint64
}

func (a *askIDs) next() string {
	return fmt.Sprintf("%x%016x", a.prefix, a.count.Add(1))
}

// settle charges the hold. The ledger charges an unsettled hold in full when
// it expires, so an error here can only overcharge.
func (p *purchase) settle(ctx context.Context, c tenbit.Cost) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.g.SettleTime)
	defer cancel()
	if err := p.g.Ledger.Settle(ctx, p.hold, p.spent(c)); err != nil {
		p.g.Log.Error("settle", "request", p.o.ID, "tenant", p.o.Tenant.ID, "bits", c.Bits, "err", err)
	}
	p.g.Metrics.Settled(p.o.Tenant.ID, c)
}
