package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tenbit"
	"tenbit/codec"
)

// MaxText bounds a reply's text, all fields together, in bytes.
const MaxText = 8 << 20

// A coded text may be this long whatever the grant, and longer by this much for
// each bit of it: what a few bits can make the edge decode, and stream to its
// client, stays within reason.
const (
	freeText   = 64 << 10
	textPerBit = 64
)

// Errors of replies.
var (
	// ErrReply says that a reply's bytes are not a valid reply to its Ask.
	ErrReply = errors.New("reply is not valid")
	// ErrOverLimit says that a reply costs more than its Ask grants.
	ErrOverLimit = errors.New("reply costs more than the grant")
	// ErrLimit says that a grant is under [MinLimit]. It wraps [tenbit.ErrOverBudget].
	ErrLimit = fmt.Errorf("grant is too small for any reply: %w", tenbit.ErrOverBudget)
)

// scene is what both ends know before a reply: everything that steers its coding.
type scene struct {
	model  codec.Model
	ask    tenbit.Ask
	closed bool
	plan   plan
	odds   odds
	votes  []uint64
	habits *Habits // nil: as shipped
	first  int     // the first candidate that select can name

	ready codec.Predictor // primed by the contexts, to be forked or taken
}

// newScene prepares a reply to ask. Without a model, full is off.
func newScene(m codec.Model, ask tenbit.Ask) *scene {
	if m == nil {
		ask.Modes &^= tenbit.Modes(tenbit.ModeFull, tenbit.ModeBrief, tenbit.ModeHint)
	}
	if ask.Draft == nil || len(ask.Candidates) > 0 {
		ask.Modes &^= tenbit.Modes(tenbit.ModeAsk)
	}
	s := &scene{model: m, ask: ask, closed: len(ask.Candidates) > 0, votes: voteWeights(ask)}
	if e, ok := m.(*Experienced); ok {
		s.habits = &e.habits
	}
	s.plan = planOf(ask, s.closed)
	s.odds = modeOdds(ask, s.closed, s.votes, s.habits)
	if s.plan != planWhole {
		s.odds = planOdds(ask, s.plan)
	}
	if s.allows(tenbit.ModeAccept) {
		s.first = 1
	}
	return s
}

func (s *scene) allows(m tenbit.Mode) bool { return slices.Contains(s.odds.modes, m) }

// maxText bounds the text of a full reply in bytes.
func (s *scene) maxText() int {
	return int(min(freeText+s.ask.Limit/tenbit.Bit*textPerBit, MaxText))
}

// predictor is one for a new text, primed once.
func (s *scene) predictor() codec.Predictor {
	p := s.last()
	s.ready = p
	return codec.Fork(p)
}

// last is predictor without a copy, for what is likely to be the last text: a
// stream holds its predictors, of megabytes each, for as long as it lasts.
func (s *scene) last() codec.Predictor {
	p := s.ready
	if s.ready = nil; p == nil {
		p = s.model.Predictor(contexts(s.ask)...)
	}
	return p
}

// primed is predictor where there is a model, else nil.
func (s *scene) primed() func() codec.Predictor {
	if s.model == nil {
		return nil
	}
	return s.predictor
}

// contexts prime every text of a reply: the prompt, then the draft. Tools and
// formats are part of the prompt where there are any.
func contexts(ask tenbit.Ask) [][]byte {
	cs := [][]byte{[]byte(ask.Request.Prompt())}
	if special(ask.Request) {
		cs[0] = ask.Request.Body
	}
	if d := ask.Draft; d != nil {
		cs = append(cs, []byte(d.Content))
		if len(d.ToolCalls) > 0 {
			cs = append(cs, d.ToolCalls)
		}
	}
	return cs
}

// form is what a full or plain reply carries.
type form int

const (
	formText    form = iota // content only; full streams it
	formMessage             // content, tool calls and refusal, one after the other
)

func formOf(m tenbit.Message) form {
	if len(m.ToolCalls) > 0 || m.Refusal != "" {
		return formMessage
	}
	return formText
}

func (s *scene) formOdds() []uint32 {
	if s.ask.Request.Tools {
		return []uint32{1, 1}
	}
	return []uint32{255, 1}
}

// finishes are the ends of a message, in the order of their symbols. The last
// one is "cut": the limit was reached.
var finishes = []tenbit.Finish{tenbit.FinishStop, tenbit.FinishLength, tenbit.FinishToolCalls, tenbit.FinishFilter, tenbit.FinishLength}

const symCut = 4

// cutPrice bounds what the symbol of a cut costs: 1/32, rounded up.
const cutPrice tenbit.Bits = 5001

func (s *scene) finishOdds(f form) []uint32 {
	if f == formMessage {
		return []uint32{32, 16, 204, 3, 1}
	}
	return []uint32{212, 32, 2, 2, 8}
}

// code walks over a whole reply but for its digest: the mode, then the payload.
func (s *scene) code(c coder, r tenbit.Reply) (tenbit.Reply, error) {
	i, err := c.symbol(slices.Index(s.odds.modes, r.Mode), s.odds.freqs)
	if err != nil {
		return r, err
	}
	r.Mode = s.odds.modes[i]
	return s.codePayload(c, r)
}

func (s *scene) codePayload(c coder, r tenbit.Reply) (tenbit.Reply, error) {
	var err error
	switch r.Mode {
	case tenbit.ModeNone, tenbit.ModeAccept:
	case tenbit.ModeSelect:
		weights := make([]uint64, 0, len(s.votes))
		for _, v := range s.votes[s.first:] {
			weights = append(weights, v*v)
		}
		var i int
		i, err = c.symbol(r.Index-s.first, spread(weights))
		r.Index = i + s.first
	case tenbit.ModeAnswer:
		if r.Answer, err = newLiteral(s.ask, s.habits, s.primed()).code(c, r.Answer); err == nil {
			err = s.checkAnswer(r.Answer)
		}
	case tenbit.ModeAsk:
		r.Answers, err = codeAnswers(c, s.ask.Questions, r.Answers, s.ask.Limit)
	case tenbit.ModeHint:
		var b []byte
		b, err = c.text(s.predictor(), []byte(r.Hint), maxScan)
		r.Hint = string(b)
	case tenbit.ModeBrief:
		var b []byte
		b, err = c.text(s.predictor(), []byte(r.Message.Content), s.maxText())
		r.Message, r.Finish = tenbit.Message{Content: string(b)}, tenbit.FinishStop
	case tenbit.ModeFull:
		var i int
		if i, err = c.symbol(int(formOf(r.Message)), s.formOdds()); err == nil {
			r, err = s.codeFull(c, form(i), r)
		}
	case tenbit.ModePlain:
		r, err = s.codePlain(c, r)
	default:
		err = fmt.Errorf("mode %v has no payload here", r.Mode)
	}
	return r, err
}

// checkAnswer rejects an answer that another form of the reply says: one that
// is among the candidates, or not in normal form.
func (s *scene) checkAnswer(a string) error {
	if n, ok := stateable(frame(s.ask.Request), a); !ok || n != a {
		return errors.New("answer is not in normal form")
	}
	if i := candidate(s.ask, a); s.closed && i >= 0 && (i < s.first || s.allows(tenbit.ModeSelect)) {
		return errors.New("answer is among the candidates")
	}
	return nil
}

// stateable is the answer that "Answer: a" states.
func stateable(question, a string) (string, bool) {
	if strings.ContainsAny(a, "\r\n") {
		return "", false
	}
	n, _, ok := Extract(question, "Answer: "+a)
	return n, ok
}

// candidate is the index of the candidate with this answer, or -1.
func candidate(ask tenbit.Ask, answer string) int {
	cs := ask.Candidates[:min(len(ask.Candidates), maxCandidates)]
	return slices.IndexFunc(cs, func(c tenbit.Candidate) bool { return stands(ask.Request, c, answer) })
}

func (s *scene) codeFull(c coder, f form, r tenbit.Reply) (tenbit.Reply, error) {
	fields := []string{r.Message.Content}
	if f == formMessage {
		fields = append(fields, string(r.Message.ToolCalls), r.Message.Refusal)
	}
	left := s.maxText()
	for i, v := range fields {
		b, err := c.text(s.predictor(), []byte(v), left)
		if err != nil {
			return r, err
		}
		fields[i] = string(b)
		left -= len(b)
	}
	if err := setFields(&r.Message, f, fields); err != nil {
		return r, err
	}
	return s.codeFinish(c, f, r)
}

func (s *scene) codeFinish(c coder, f form, r tenbit.Reply) (tenbit.Reply, error) {
	i := slices.Index(finishes, r.Finish)
	if r.Cut {
		i = symCut
	}
	i, err := c.symbol(max(i, 0), s.finishOdds(f))
	if err != nil {
		return r, err
	}
	r.Finish, r.Cut = finishes[i], i == symCut
	if r.Cut && f != formText {
		return r, errors.New("a message with tool calls is never cut")
	}
	return r, nil
}

// setFields puts decoded fields into a message. The form must be the one the
// message has, tool calls must be JSON.
func setFields(m *tenbit.Message, f form, fields []string) error {
	m.Content = fields[0]
	if f == formMessage {
		m.ToolCalls, m.Refusal = nil, fields[2]
		if fields[1] != "" {
			m.ToolCalls = json.RawMessage(fields[1])
		}
	}
	if formOf(*m) != f {
		return errors.New("message is coded in another form than its own")
	}
	if len(m.ToolCalls) > 0 && !json.Valid(m.ToolCalls) {
		return errors.New("tool calls are not JSON")
	}
	return nil
}
