package gateway

import (
	"context"
	"errors"

	"tenbit"
	"tenbit/policy"
)

// Tariff is what the large model costs, in the currency's unit per million
// tokens, which is millionths of it per token.
type Tariff struct {
	Input, Output float64
	MaxOutput     int // tokens that an answer has at most where the request sets no limit
}

// upSlack is what an ask takes up beyond its texts, in bytes: frames, digests,
// TLS records, HTTP headers in api mode, and a first connection's greeting.
const upSlack = 8 << 10

// mostAsks are those of one purchase: two in a round, since questions may travel
// only when they are called for.
func (g *Gateway) mostAsks() int64 { return 2 * int64(max(g.Rounds, 1)) }

// worst is the most that an order can take, in each of its asks. Tokens are at
// least a byte each.
func (g *Gateway) worst(o Order, d policy.Draft) tenbit.Amount {
	asks := g.mostAsks()
	texts := int64(len(o.Request.Body) + len(d.Completion.Message.Content) + len(d.Completion.Message.ToolCalls))
	out := o.Request.MaxTokens
	if out == 0 {
		out = g.Tariff.MaxOutput
	}
	return tenbit.Amount{
		tenbit.UnitBits: int64(o.MaxBits), tenbit.UnitEscalations: 1, tenbit.UnitUp: asks * (texts + upSlack),
		tenbit.UnitMoney: asks * g.Tariff.of(texts+upSlack, int64(out)),
	}
}

// price is what the large model took for one ask. Where it worked and nobody says
// how much, since the client left, the answer or the connection was cut off, or its
// server does not count, it is what was reserved for an ask.
func (p *purchase) price(ask tenbit.Ask, reply tenbit.Reply, err error) int64 {
	if reply.Usage.Prompt > 0 { // else it is what somebody has counted himself, if anything
		return p.g.Tariff.of(int64(reply.Usage.Prompt), int64(reply.Usage.Completion))
	}
	worked := err == nil && !reply.NeedsQuestions() || reply.Cost.Bits >= ask.Limit
	for _, left := range []error{errBroken, tenbit.ErrIncomplete, context.Canceled, context.DeadlineExceeded} {
		worked = worked || errors.Is(err, left)
	}
	if !worked || reply.Cost == (tenbit.Cost{}) {
		return 0
	}
	return p.most[tenbit.UnitMoney] / p.g.mostAsks()
}

// spent is what a purchase took. One of which nothing crossed is no escalation.
// Tokens are the far end's word, which is good for what was reserved.
func (p *purchase) spent(c tenbit.Cost) tenbit.Amount {
	a := tenbit.Amount{tenbit.UnitBits: int64(c.Bits), tenbit.UnitUp: c.WireUp, tenbit.UnitMoney: min(p.paid, p.most[tenbit.UnitMoney])}
	if c != (tenbit.Cost{}) {
		a[tenbit.UnitEscalations] = 1
	}
	return a
}

// of rounds up.
func (p Tariff) of(input, output int64) int64 {
	f := p.Input*float64(input) + p.Output*float64(output)
	if n := int64(f); float64(n) < f {
		return n + 1
	}
	return int64(f)
}
