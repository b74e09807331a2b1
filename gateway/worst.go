package gateway

import (
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

// worst is the most that an order can take, in each of its asks: two in a round,
// since questions may travel only when they are called for. Tokens are at least
// a byte each.
func (g *Gateway) worst(o Order, d policy.Draft) tenbit.Amount {
	asks := 2 * int64(max(g.Rounds, 1))
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

// spent is what a purchase took. One of which nothing crossed is no escalation.
func (p *purchase) spent(c tenbit.Cost) tenbit.Amount {
	a := tenbit.Amount{tenbit.UnitBits: int64(c.Bits), tenbit.UnitUp: c.WireUp, tenbit.UnitMoney: p.paid}
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
