package gateway

import (
	"context"
	"errors"
	"fmt"

	"tenbit"
	"tenbit/policy"
)

// deal is what a purchase came to.
type deal struct {
	draft policy.Draft      // revised where earlier rounds said something of it
	asked []tenbit.Question // in the last round
	reply tenbit.Reply      // of the last round; its cost is that of all
	// revised says that answers of an earlier round are in the draft.
	revised bool
	broken  error // why a further round came to nothing
}

// bargain asks once, and once more where the reply says that the edge's
// questions are needed. Where rounds are left and questions too, the small model
// revises its draft and asks about that, all on the same grant.
func (p *purchase) bargain(ctx context.Context, d policy.Draft) (deal, error) {
	got := deal{draft: d}
	var before []tenbit.Question
	for round := 1; ; round++ {
		ask := p.ask(got.draft, got.reply.Cost.Bits)
		ask.Revised = got.revised
		reply, asked, err := p.round(ctx, ask, before)
		reply.Cost = reply.Cost.Add(got.reply.Cost)
		switch {
		case errors.Is(err, errNoQuestions):
			return got, nil
		case err != nil && got.revised && !errors.Is(err, errBroken): // what the rounds before said still holds
			got.reply.Cost, got.broken = reply.Cost, err
			return got, nil
		case err != nil:
			return deal{draft: d, reply: reply}, err
		}
		before = append(before, asked...)
		got.reply, got.asked = reply, asked
		left := p.hold.Granted - reply.Cost.Bits
		if reply.Mode != tenbit.ModeAsk || round >= p.g.Rounds || left < policy.MinLimit {
			return got, nil
		}
		c, ok := policy.Revise(ctx, p.g.Drafter.Local, p.o.Request, got.draft.Completion.Message, asked, reply)
		if !ok { // nothing was said, so there is nothing to ask about
			return got, nil
		}
		got.draft.Completion, got.revised, got.asked = c, true, nil
	}
}

// errNoQuestions ends the rounds: there is nothing left to ask.
var errNoQuestions = errors.New("no more questions")

// round is one ask about a draft, with its questions where they are needed. The
// reply's cost is that of all that was sent.
func (p *purchase) round(ctx context.Context, ask tenbit.Ask, before []tenbit.Question) (tenbit.Reply, []tenbit.Question, error) {
	known := ask.Revised || p.g.Foresee // that questions are needed
	if known && policy.Asks(ask) {
		ask = p.questioned(ctx, ask, before)
		ask.Held = p.g.Twin && !ask.Revised
	}
	if ask.Revised && len(ask.Questions) == 0 {
		return tenbit.Reply{}, nil, errNoQuestions
	}
	if p.g.Worth != nil && !p.stored {
		ask.Stays = p.g.Worth.Stays(ask)
	}
	reply, err := p.once(ctx, ask)
	if err != nil || !reply.NeedsQuestions() {
		return reply, ask.Questions, err
	}
	first := reply.Cost
	ask.ID, ask.Held = p.g.asks.next(), false
	if ask.Limit -= first.Bits; len(ask.Questions) == 0 {
		ask = p.questioned(ctx, ask, before)
	}
	if ask.Limit < policy.MinLimit {
		return reply, nil, fmt.Errorf("%v bits left for questions: %w", ask.Limit, tenbit.ErrOverBudget)
	}
	reply, err = p.once(ctx, ask)
	reply.Cost = reply.Cost.Add(first)
	return reply, ask.Questions, err
}

// questioned is ask with questions, or without ModeAsk where none is worth asking.
func (p *purchase) questioned(ctx context.Context, ask tenbit.Ask, before []tenbit.Question) tenbit.Ask {
	if ask.Questions = p.g.Drafter.Questions(ctx, ask, before...); len(ask.Questions) == 0 {
		ask.Modes &^= tenbit.Modes(tenbit.ModeAsk)
	}
	return ask
}
