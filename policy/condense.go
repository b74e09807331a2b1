package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tenbit"
)

// mostTries is how often what can't be read is asked for: once more.
const mostTries = 2

// condensed answers with less than the whole answer: what the plan asks for,
// "the draft is right", or "cannot say". What every call took is in out.
func (o Origin) condensed(ctx context.Context, s *scene, req tenbit.Request, out *served, send func([]byte) error) error {
	told := s.ask
	told.Request = req
	req, err := s.plan.request(told, s.closed)
	if err != nil {
		return err
	}
	level := o.Formats.now()
	best, fits := coded{}, true
	for try := 0; try < mostTries; {
		formed, err := formatted(req, level)
		if err != nil {
			return err
		}
		comp, err := o.Large.Complete(ctx, formed, tenbit.Sampling{})
		out.Usage = tenbit.Usage{Prompt: out.Usage.Prompt + comp.Usage.Prompt, Completion: out.Usage.Completion + comp.Usage.Completion}
		out.cost = out.cost.Add(comp.Cost)
		switch {
		case formed.JSON && errors.Is(err, tenbit.ErrFormat): // refused, not answered
			level = o.Formats.refused(level)
			continue
		case err != nil && try > 0 && ctx.Err() == nil:
			comp = tenbit.Completion{} // the first call was answered, in vain: "cannot say"
		case err != nil:
			return fmt.Errorf("ask the large model: %w", err)
		}
		var read bool
		if best, read, fits, err = s.condense(comp); err != nil {
			return err
		}
		if read {
			break
		}
		try++
	}
	err = out.leave(best, send)
	out.fits = fits
	return err
}

// condense makes the reply of a plan from what the large model said. Where that
// could not be read, or doesn't fit, the reply is "cannot say".
func (s *scene) condense(comp tenbit.Completion) (c coded, read, fits bool, err error) {
	r, read := s.digested(comp)
	for {
		c, err = s.prove(r)
		if !errors.Is(err, ErrOverLimit) {
			return c, read, true, err
		}
		if r.Mode != tenbit.ModeHint || len(r.Hint) < 32 { // advice may be shortened, an answer may not
			c, err = s.prove(tenbit.Reply{Mode: tenbit.ModeNone})
			return c, read, false, err
		}
		r.Hint = oneLineOf(r.Hint, utf8.RuneCountInString(r.Hint)*3/4)
	}
}

// digested is the reply that the large model's words come to. False: they are
// not what was asked for.
func (s *scene) digested(comp tenbit.Completion) (r tenbit.Reply, read bool) {
	none := tenbit.Reply{Mode: tenbit.ModeNone}
	text := strings.TrimSpace(comp.Message.Content)
	switch {
	case comp.Message.Refusal != "", comp.Finish == tenbit.FinishFilter: // it won't say more the next time
		return none, true
	case silent(comp):
		return none, false
	}
	right := text == draftOK
	var err error
	switch s.plan {
	case planAnswer:
		r.Mode = tenbit.ModeAsk
		right, r.Answers, err = parseAnswers(text, len(s.ask.Questions))
	case planCheck:
		right, err = parseVerdict(text)
	case planHint:
		r.Mode, r.Hint = tenbit.ModeHint, oneLineOf(text, s.plan.characters(s.ask))
	default:
		r.Mode, r.Message, r.Finish = tenbit.ModeBrief, tenbit.Message{Content: text}, tenbit.FinishStop
		right = right || s.ask.Draft != nil && equal(*s.ask.Draft, comp.Message, false)
		if comp.Finish != tenbit.FinishStop && !right { // cut short: not an answer
			return none, false
		}
	}
	switch {
	case err != nil:
		return none, false
	case right && s.allows(tenbit.ModeAccept):
		return tenbit.Reply{Mode: tenbit.ModeAccept}, true
	case right && s.plan != planAnswer: // nothing but that to say, and no way to
		return none, true
	}
	return r, true
}

// oneLineOf is s on one line, at most so many characters, whole words where it can.
func oneLineOf(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	runes := []rune(s)[:most]
	if i := strings.LastIndexByte(string(runes), ' '); i > most/2 {
		return string(runes)[:i]
	}
	return string(runes)
}
