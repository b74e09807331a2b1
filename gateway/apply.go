package gateway

import (
	"context"

	"tenbit"
	"tenbit/policy"
)

// drafted is the draft as an answer, degraded for the given reason.
func drafted(d policy.Draft, degraded string) tenbit.Answer {
	c := d.Completion
	return tenbit.Answer{Message: c.Message, Finish: c.Finish, Usage: c.Usage, Route: tenbit.RouteLocal, Degraded: degraded}
}

// none reports whether there is no draft at all: the local model is down.
func none(d policy.Draft) bool {
	return d.Completion.Finish == ""
}

// bought makes the answer that a purchase leads to.
func (g *Gateway) bought(ctx context.Context, o Order, got deal) tenbit.Answer {
	d, r := got.draft, got.reply
	a := drafted(d, "")
	a.Route, a.Cost = tenbit.Route(r.Mode.String()), r.Cost
	if got.revised {
		a.Route = tenbit.Route(tenbit.ModeAsk.String())
	}
	if got.broken != nil {
		g.Log.Warn("a further round failed", "request", o.ID, "tenant", o.Tenant.ID, "err", got.broken)
		a.Degraded = reason(got.broken)
		return a
	}
	switch r.Mode {
	case tenbit.ModeAccept:
		a.Message.ToolCalls = fresh(a.Message.ToolCalls)
	case tenbit.ModeSelect:
		c := d.Samples[r.Index]
		a.Message, a.Finish, a.Usage = c.Message, c.Finish, c.Usage
		a.Message.ToolCalls = fresh(a.Message.ToolCalls)
	case tenbit.ModeAnswer:
		c := policy.Resolve(ctx, g.Drafter.Local, o.Request, &d.Completion.Message, r.Answer)
		a.Message, a.Finish, a.Usage = c.Message, c.Finish, c.Usage
	case tenbit.ModeAsk, tenbit.ModeHint:
		if c, ok := policy.Revise(ctx, g.Drafter.Local, o.Request, d.Completion.Message, got.asked, r); ok {
			a.Message, a.Finish, a.Usage = c.Message, c.Finish, c.Usage
		}
	case tenbit.ModeBrief:
		a.Message, a.Finish, a.Usage = r.Message, r.Finish, r.Usage
		if g.Expand {
			if c, ok := policy.Expand(ctx, g.Drafter.Local, o.Request, r.Message.Content); ok {
				a.Message, a.Finish, a.Usage = c.Message, c.Finish, c.Usage
			}
		}
	case tenbit.ModeFull, tenbit.ModePlain:
		a.Message, a.Finish, a.Usage = r.Message, r.Finish, r.Usage
		if r.Cut {
			a.Degraded = "bit limit"
		}
	case tenbit.ModeNone:
		if !got.revised {
			a.Degraded = "remote could not say"
		}
	}
	return a
}
