package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tenbit"
	"tenbit/codec"
)

// coded is a reply that is ready to leave, proved with the edge's own decoder.
type coded struct {
	reply  tenbit.Reply
	bytes  []byte
	digest uint32
	bits   tenbit.Bits
}

// choose picks the cheapest reply within the grant that makes the edge end up
// with what the large model said: its final answer where the question is
// closed, its whole message otherwise. fits is false when there was something
// to say and nothing could carry it.
func (s *scene) choose(comp tenbit.Completion) (best coded, fits bool, err error) {
	none := tenbit.Reply{Mode: tenbit.ModeNone}
	if silent(comp) {
		best, err = s.prove(none)
		return best, true, err
	}
	var failed error
	for _, tier := range s.options(comp) {
		for _, r := range tier {
			c, err := s.prove(r)
			if errors.Is(err, ErrOverLimit) {
				continue
			}
			if err != nil { // another mode may do, plain at the last
				failed = err
				continue
			}
			if !fits || c.bits < best.bits {
				best, fits = c, true
			}
		}
		if fits {
			return best, true, nil
		}
	}
	if failed != nil {
		return coded{}, false, failed
	}
	best, err = s.prove(none)
	return best, false, err
}

// silent reports a completion without content: empty, refused or filtered away.
func silent(c tenbit.Completion) bool {
	return c.Message.Refusal != "" || empty(c.Message)
}

// options are the replies that say comp, in tiers: a tier counts only when
// nothing of the one before fits.
func (s *scene) options(comp tenbit.Completion) [][]tenbit.Reply {
	whole := []tenbit.Reply{
		{Mode: tenbit.ModeFull, Message: comp.Message, Finish: comp.Finish},
		{Mode: tenbit.ModePlain, Message: comp.Message, Finish: comp.Finish},
	}
	var tiers [][]tenbit.Reply
	answer, found := AnswerOf(s.ask.Request, comp.Message)
	switch i := candidate(s.ask, answer); {
	case s.closed && found && i == 0 && s.allows(tenbit.ModeAccept):
		tiers = append(tiers, []tenbit.Reply{{Mode: tenbit.ModeAccept}})
	case s.closed && found && i >= 0 && s.allows(tenbit.ModeSelect):
		tiers = append(tiers, []tenbit.Reply{{Mode: tenbit.ModeSelect, Index: i}})
	case s.closed && found:
		tiers = append(tiers, []tenbit.Reply{{Mode: tenbit.ModeAnswer, Answer: answer}}, whole)
	case s.closed:
		tiers = append(tiers, whole)
	case judged(s.ask, s.closed) && strings.TrimSpace(comp.Message.Content) == draftOK:
		tiers = append(tiers, []tenbit.Reply{{Mode: tenbit.ModeAccept}})
	default:
		if s.ask.Draft != nil && equal(*s.ask.Draft, comp.Message, s.ask.Request.JSON) {
			tiers = append(tiers, []tenbit.Reply{{Mode: tenbit.ModeAccept}})
		}
		tiers = append(tiers, whole)
		if Closed(s.ask.Request, comp.Message) {
			short := []tenbit.Reply{{Mode: tenbit.ModeAnswer, Answer: answer}}
			at := len(tiers)
			if seeks(s.ask.Request) { // the answer is the point, the text is not
				at--
			}
			tiers = slices.Insert(tiers, at, short)
		}
	}
	for i, tier := range tiers {
		kept := tier[:0:0]
		for _, r := range tier {
			if s.allows(r.Mode) && (r.Mode != tenbit.ModeAnswer || s.checkAnswer(r.Answer) == nil) {
				kept = append(kept, r)
			}
		}
		tiers[i] = kept
	}
	return tiers
}

// prove encodes a reply and runs the edge's decoder over it: what it does not
// read back exactly, at the same price, does not leave. [ErrOverLimit] when it
// is too dear.
func (s *scene) prove(r tenbit.Reply) (coded, error) {
	e := codec.NewEncoder()
	r, err := s.code(writer{e}, r)
	if err != nil {
		return coded{}, fmt.Errorf("encode %v: %w", r.Mode, err)
	}
	c := coded{reply: r, bits: tenbit.Bits(e.Millibits()), digest: s.digest(r)}
	if c.bits > s.ask.Limit {
		return coded{}, ErrOverLimit
	}
	c.bytes = e.Finish()
	d := newDecoder(s, nil)
	if err := d.Feed(c.bytes); err != nil {
		return coded{}, fmt.Errorf("prove %v: %w", r.Mode, err)
	}
	got, err := d.Finish(c.digest)
	if err != nil {
		return coded{}, fmt.Errorf("prove %v: %w", r.Mode, err)
	}
	if got.Cost.Bits != c.bits {
		return coded{}, fmt.Errorf("prove %v: decoder counts %v bits, encoder %v", r.Mode, got.Cost.Bits, c.bits)
	}
	return c, nil
}

// equal reports messages that a client cannot tell apart but by space around
// the text, the ids of tool calls and, where it asked for JSON, its spelling.
func equal(a, b tenbit.Message, asJSON bool) bool {
	if a.Refusal != b.Refusal || (len(a.ToolCalls) > 0) != (len(b.ToolCalls) > 0) {
		return false
	}
	if len(a.ToolCalls) > 0 && !sameCalls(a.ToolCalls, b.ToolCalls) {
		return false
	}
	x, y := strings.TrimSpace(a.Content), strings.TrimSpace(b.Content)
	return x == y || asJSON && sameJSON(x, y)
}
