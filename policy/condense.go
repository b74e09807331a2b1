package policy

import (
	"errors"
	"strings"
	"unicode/utf8"

	"tenbit"
)

// condense makes the reply of a plan from what the large model said. False: that
// could not be read, and the reply is "cannot say".
func (s *scene) condense(comp tenbit.Completion) (coded, bool, error) {
	none := func(ok bool) (coded, bool, error) {
		c, err := s.prove(tenbit.Reply{Mode: tenbit.ModeNone})
		return c, ok, err
	}
	if silent(comp) {
		return none(true)
	}
	text := strings.TrimSpace(comp.Message.Content)
	right := text == draftOK
	var r tenbit.Reply
	switch s.plan {
	case planAnswer:
		var err error
		r.Mode = tenbit.ModeAsk
		if right, r.Answers, err = parseAnswers(text, len(s.ask.Questions)); err != nil {
			return none(false)
		}
	case planHint:
		r.Mode, r.Hint = tenbit.ModeHint, oneLineOf(text, s.plan.characters(s.ask))
	default:
		r.Mode, r.Message, r.Finish = tenbit.ModeBrief, tenbit.Message{Content: text}, tenbit.FinishStop
		right = right || s.ask.Draft != nil && equal(*s.ask.Draft, comp.Message, false)
		if comp.Finish != tenbit.FinishStop && !right { // cut short: not an answer
			return none(false)
		}
	}
	if right && s.allows(tenbit.ModeAccept) {
		r = tenbit.Reply{Mode: tenbit.ModeAccept}
	}
	for {
		c, err := s.prove(r)
		if !errors.Is(err, ErrOverLimit) {
			return c, true, err
		}
		if r.Mode != tenbit.ModeHint || len(r.Hint) < 32 { // advice may be shortened, an answer may not
			return none(true)
		}
		r.Hint = oneLineOf(r.Hint, utf8.RuneCountInString(r.Hint)*3/4)
	}
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
