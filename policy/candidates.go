package policy

import (
	"errors"

	"tenbit"
	"tenbit/codec"
)

// CandidateCoder codes the candidates of an ask on their way up, each as an
// answer that the question and those before it foretell. The zero value is
// ready. It implements the link's Candidates.
type CandidateCoder struct{}

// Write appends the candidates of a. Errors: there are none or too many, they
// are not in order, or one cannot be a final answer.
func (CandidateCoder) Write(e *codec.Encoder, a tenbit.Ask) error {
	for _, c := range a.Candidates {
		if len(c.Answer) > maxAnswer || kindOf(c.Answer) == KindText && !oneLine(c.Answer) {
			return errors.New("candidate is not a final answer")
		}
	}
	_, err := codeCandidates(writer{e}, a.Request, a.Candidates)
	return err
}

// Read reads what Write wrote; a has the request only.
func (CandidateCoder) Read(d *codec.Decoder, a tenbit.Ask) ([]tenbit.Candidate, error) {
	return codeCandidates(reader{d}, a.Request, nil)
}

func oneLine(s string) bool {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			return false
		}
	}
	return true
}

// codeCandidates walks over a list of candidates: after each whether there is
// another, its votes, which are no more than those of the one before, and the answer.
func codeCandidates(c coder, req tenbit.Request, cs []tenbit.Candidate) ([]tenbit.Candidate, error) {
	var out []tenbit.Candidate
	for i := 0; i == 0 || i < maxCandidates; i++ {
		var now tenbit.Candidate
		if i < len(cs) {
			now = cs[i]
		}
		if i > 0 {
			more, err := c.symbol(b2i(i < len(cs)), []uint32{1, 1})
			if err != nil || more == 0 {
				return out, err
			}
		}
		var err error
		if now.Votes, err = codeVotes(c, now.Votes, out); err != nil {
			return nil, err
		}
		l := newLiteral(tenbit.Ask{Request: req, Candidates: out}, nil)
		if now.Answer, err = l.code(c, now.Answer); err != nil {
			return nil, err
		}
		out = append(out, now)
	}
	if len(cs) > maxCandidates {
		return nil, errors.New("too many candidates")
	}
	return out, nil
}

// codeVotes walks over a count of at least one, at most that of the last.
func codeVotes(c coder, votes int, before []tenbit.Candidate) (int, error) {
	const most = 1 << 16 // as the link allows
	last := most
	if len(before) > 0 {
		last = before[len(before)-1].Votes
	}
	if _, writes := c.(writer); writes && (votes < 1 || votes > last) {
		return 0, errors.New("candidates are not in the order of their votes")
	}
	if len(before) > 0 && last <= 64 {
		less, err := c.symbol(last-votes, uniform(last))
		return last - less, err
	}
	votes, err := codeLength(c, votes)
	if err == nil && (votes < 1 || votes > last) {
		err = errors.New("votes are out of range")
	}
	return votes, err
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
