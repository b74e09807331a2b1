package policy

import (
	"tenbit"
)

// plan is what the large model is asked for. It follows from the ask alone, so
// both ends know which modes a reply may have.
type plan int

const (
	planWhole  plan = iota // the answer: accept, select, answer, full or plain say it
	planBrief              // the shortest complete answer
	planHint               // a line of advice
	planAnswer             // yes or no to the edge's questions
	planNeed               // nothing: the edge's questions are needed first
	planCheck              // whether the draft is right
)

// What the plans need at least beside the mode symbol, and what a character of
// their texts costs, about.
const (
	minBrief     = 160 * tenbit.Bit
	minHint      = 96 * tenbit.Bit
	minAsk       = MinLimit + tenbit.Bit // what follows "questions are needed" is an ask itself
	modePrice    = 12 * tenbit.Bit
	perCharacter = 1700 // millibits, of prose given its prompt
	usualAnswer  = 1000 // bytes, where no draft tells
	maxHint      = 240  // characters
)

// planOf picks the plan: the whole answer where it may fit, else what says most
// within the grant. Closed questions and requests of a special form have short
// answers or none.
func planOf(ask tenbit.Ask, closed bool) plan {
	m, room := ask.Modes, ask.Limit-modePrice
	switch {
	case closed || !plain(ask.Request):
		return planWhole
	case len(ask.Questions) > 0 && m.Has(tenbit.ModeAsk):
		return planAnswer
	case wholeFits(ask):
		return planWhole
	case m.Has(tenbit.ModeBrief) && room >= minBrief:
		return planBrief
	case m.Has(tenbit.ModeHint) && ask.Draft != nil && room >= minHint:
		return planHint
	case m.Has(tenbit.ModeAsk) && ask.Draft != nil && ask.Limit >= minAsk && !(seeks(ask.Request) && m.Has(tenbit.ModeAnswer)):
		return planNeed
	case m.Has(tenbit.ModeAccept) && m&worded == 0 && judged(ask, closed):
		return planCheck
	}
	return planWhole
}

// wholeFits reports whether the whole answer probably fits.
func wholeFits(ask tenbit.Ask) bool {
	return ask.Modes&tenbit.Modes(tenbit.ModeFull, tenbit.ModePlain) != 0 && ask.Limit-modePrice >= wholePrice(ask)
}

// worded are the modes that carry words of the large model.
const worded = tenbit.ModeSet(1<<tenbit.ModeAnswer | 1<<tenbit.ModeHint | 1<<tenbit.ModeBrief | 1<<tenbit.ModeFull | 1<<tenbit.ModePlain)

// wholePrice is what a whole answer may cost, judged by the draft's length.
func wholePrice(ask tenbit.Ask) tenbit.Bits {
	n := usualAnswer
	if ask.Draft != nil {
		n = max(len(ask.Draft.Content), 64)
	}
	return tenbit.Bits(n) * perCharacter
}

// Asks reports whether questions about the draft would be answered, since
// nothing that says more fits.
func Asks(ask tenbit.Ask) bool {
	return planOf(ask, len(ask.Candidates) > 0) == planNeed
}

// characters is how many characters of prose fit into the grant.
func (p plan) characters(ask tenbit.Ask) int {
	n := int((ask.Limit - modePrice) / (perCharacter + perCharacter/4))
	if p == planHint {
		n = min(n, maxHint)
	}
	return n
}

// judged reports whether the large model is shown the draft, to say that it is right.
func judged(ask tenbit.Ask, closed bool) bool {
	return !closed && ask.Draft != nil && ask.Draft.Content != "" && len(ask.Draft.ToolCalls) == 0 &&
		ask.Modes.Has(tenbit.ModeAccept) && plain(ask.Request)
}

// request is what the large model is asked.
func (p plan) request(ask tenbit.Ask, closed bool) (tenbit.Request, error) {
	n := note{Most: p.characters(ask)}
	if judged(ask, closed) || ask.Draft != nil && (p == planHint || p == planAnswer || p == planCheck) {
		n.Draft = jsonOf(ask.Draft.Content)
	}
	switch p {
	case planBrief:
		return withNote(ask.Request, "brief", n, nil)
	case planHint:
		return withNote(ask.Request, "hint", n, map[string]any{"max_tokens": nil, "max_completion_tokens": mostTokens})
	case planAnswer:
		return answersRequest(ask, n)
	case planCheck:
		return checkRequest(ask, n)
	}
	if n.Draft == "" {
		return ask.Request, nil
	}
	return withNote(ask.Request, "verdict", n, nil)
}
