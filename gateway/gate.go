package gateway

import (
	"context"

	"tenbit"
	"tenbit/policy"
)

// gate is the tenant's own, or else everybody's.
func (g *Gateway) gate(t tenbit.Tenant) policy.Gate {
	if t.Confidence != nil {
		return policy.Gate{Confidence: *t.Confidence}
	}
	return g.Gate
}

// drafter is the drafter that stops by the tenant's gate.
func (g *Gateway) drafter(t tenbit.Tenant) policy.Drafter {
	d := g.Drafter
	d.Gate = g.gate(t)
	return d
}

// dear is why an answer is worse than with a full budget.
const dear = "bits are dear"

// keep reports whether the draft is the answer: it is sure enough, or what the
// far side would add isn't worth its bits. degraded says that it would be if the
// tenant's windows were full.
func (g *Gateway) keep(ctx context.Context, o Order, d policy.Draft) (keep bool, degraded string) {
	if g.gate(o.Tenant).Local(d) {
		return true, ""
	}
	if g.Price.Answer == 0 || none(d) {
		return false, ""
	}
	ask := d.Ask(o.Request)
	ask.Limit, ask.Modes = o.MaxBits, g.modes(o)
	expected := policy.Expected(ask)
	if g.Price.Worth(d.Confidence, 1) < expected {
		return true, ""
	}
	if g.Price.Worth(d.Confidence, g.left(ctx, o.Tenant)) < expected {
		return true, dear
	}
	return false, ""
}

// left is the share that is left of the tightest of the tenant's own windows on
// bits, 0 to 1. One who wants no worse answers than configured pays the same to the end.
func (g *Gateway) left(ctx context.Context, t tenbit.Tenant) float64 {
	if g.Price.Scarcity == 0 || t.OnEmpty == tenbit.EmptyReject {
		return 1
	}
	share := 1.0
	for _, w := range t.Windows {
		if w.Unit != tenbit.UnitBits {
			continue
		}
		one := t
		one.Windows, one.Above = []tenbit.Window{w}, nil
		bits, _, err := g.Ledger.Left(ctx, one)
		if err != nil || bits == 0 {
			return 1 // the reservation will say what is wrong
		}
		share = min(share, float64(bits)/float64(max(w.Limit, 1)))
	}
	return share
}
