package gateway_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

// remote is a far side that answers by a function.
type remote func(context.Context, tenbit.Ask) (tenbit.Reply, error)

func (f remote) Escalate(ctx context.Context, a tenbit.Ask) (tenbit.Reply, error) { return f(ctx, a) }

// TestMoneyIsHard: what the large model took is charged where it says so; where
// nobody says it, what was reserved for the ask; never more than was reserved;
// and nothing where it did not work.
func TestMoneyIsHard(t *testing.T) {
	crossed := tenbit.Cost{Bits: 20, WireUp: 100, WireDown: 10}
	accept := tenbit.Reply{Mode: tenbit.ModeAccept, Cost: crossed}
	counted := accept
	counted.Usage = tenbit.Usage{Prompt: 10, Completion: 20}
	boast := accept
	boast.Usage = tenbit.Usage{Prompt: 1<<31 - 1, Completion: 1<<31 - 1}
	const (
		none = iota
		usage
		one // ask's share of what was reserved
		all // that was reserved
	)
	for name, tt := range map[string]struct {
		reply tenbit.Reply
		err   error
		text  string
		want  int
	}{
		"counted":                {reply: counted, want: usage},
		"not counted":            {reply: accept, want: one},
		"more than was reserved": {reply: boast, want: all},
		"the client left":        {tenbit.Reply{Cost: crossed}, context.Canceled, "", one},
		"cut off after some":     {tenbit.Reply{Cost: crossed, Usage: tenbit.Usage{Completion: 3}}, tenbit.ErrIncomplete, "", one},
		"cut off":                {tenbit.Reply{Cost: crossed}, tenbit.ErrIncomplete, "", one},
		"broken after text":      {tenbit.Reply{Cost: crossed}, tenbit.ErrUnavailable, "The sea", one},
		"the connection was cut": {tenbit.Reply{Cost: tenbit.Cost{Bits: 1 << 30, WireUp: 100}}, tenbit.ErrUnavailable, "", one},
		"refused":                {tenbit.Reply{Cost: crossed}, tenbit.ErrUnavailable, "", none},
		"out of reach":           {tenbit.Reply{}, context.DeadlineExceeded, "", none},
	} {
		b := open(t, fake.Says("I can't say."), fake.Says(""), func(g *gateway.Gateway, tn *tenbit.Tenant) {
			g.Tariff = gateway.Tariff{Input: 1, Output: 2, MaxOutput: 1000}
			tn.Windows = append(tn.Windows, tenbit.Window{Unit: tenbit.UnitMoney, Limit: 1 << 40, Per: time.Hour})
			g.Remote = remote(func(_ context.Context, a tenbit.Ask) (tenbit.Reply, error) {
				if tt.text != "" {
					return tt.reply, errors.Join(a.Sink(tt.text), tt.err)
				}
				return tt.reply, tt.err
			})
		})
		b.chat(t, "Say what the sea is.", `"stream":true,`)
		state, err := b.ledger.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		paid := state.Accounts["t:t"].Spent[tenbit.UnitMoney]
		ok := map[int]bool{none: paid == 0, usage: paid == 50, one: paid > 2*1000 && paid <= 2*2*1000+2*8<<10, all: paid > 2*2*1000+2*8<<10}[tt.want]
		if !ok {
			t.Errorf("%s: %d is charged", name, paid)
		}
		t.Logf("%s: %d", name, paid)
	}
}
