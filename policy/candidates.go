package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"tenbit"
	"tenbit/codec"
)

// CandidateCoder codes the candidates of an ask on their way up, each as an
// answer that the question and those before it foretell. The zero value is
// ready. It implements the link's Candidates.
type CandidateCoder struct{}

// Write appends the candidates of a, with the codec's model primed with its
// request, or nil. Errors: there are none or too many, they
// are not in order, or one cannot be a final answer.
func (CandidateCoder) Write(e *codec.Encoder, a tenbit.Ask, primed func() codec.Predictor) error {
	if err := final(a.Candidates); err != nil {
		return err
	}
	_, err := codeCandidates(writer{e}, a.Request, a.Candidates, primed)
	return err
}

// Read reads what Write wrote; a has the request only.
func (CandidateCoder) Read(d *codec.Decoder, a tenbit.Ask, primed func() codec.Predictor) ([]tenbit.Candidate, error) {
	cs, err := codeCandidates(reader{d}, a.Request, nil, primed)
	if err == nil {
		err = final(cs)
	}
	return cs, err
}

// final reports a candidate that cannot be a final answer.
func final(cs []tenbit.Candidate) error {
	for _, c := range cs {
		if len(c.Answer) > maxAnswer || !oneLine(c.Answer) {
			return errors.New("candidate is not a final answer")
		}
	}
	return nil
}

func oneLine(s string) bool { return !strings.ContainsAny(s, "\r\n") }

// codeCandidates walks over a list of candidates: after each whether there is
// another, its votes, which are no more than those of the one before, and the answer.
func codeCandidates(c coder, req tenbit.Request, cs []tenbit.Candidate, primed func() codec.Predictor) ([]tenbit.Candidate, error) {
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
		if now, err = codeCandidate(c, req, out, now, primed); err != nil {
			return nil, err
		}
		out = append(out, now)
	}
	if len(cs) > maxCandidates {
		return nil, errors.New("too many candidates")
	}
	return out, nil
}

// codeCandidate walks over what one candidate says.
func codeCandidate(c coder, req tenbit.Request, before []tenbit.Candidate, now tenbit.Candidate, primed func() codec.Predictor) (tenbit.Candidate, error) {
	hashed, err := c.symbol(b2i(now.Hash != 0), hashOdds(req, before))
	if err != nil {
		return now, err
	}
	if hashed == 0 {
		if len(before) >= maxPrimed { // what the model costs stays bounded
			primed = nil
		}
		l := newLiteral(tenbit.Ask{Request: req, Candidates: before}, nil, primed)
		now.Answer, err = l.code(c, now.Answer)
		return now, err
	}
	for shift := 24; shift >= 0; shift -= 8 {
		b, err := c.byte(byte(now.Hash >> shift))
		if err != nil {
			return now, err
		}
		now.Hash |= uint32(b) << shift
	}
	if now.Hash == 0 {
		err = errors.New("a hash of nothing")
	}
	return now, err
}

// hashOdds are those of a candidate's text and of its hash: only terms are long,
// and only where the first was one. JSON and calls always go as hashes.
func hashOdds(req tenbit.Request, before []tenbit.Candidate) []uint32 {
	if special(req) {
		return []uint32{1, 255}
	}
	if len(before) > 0 && kindOf(before[0].Answer) == KindText {
		return []uint32{3, 1}
	}
	return []uint32{255, 1}
}

// dearer is from how many bits on a candidate's hash goes up instead of its text.
const dearer = 160 * tenbit.Bit

// hashed are the candidates as they travel: the first as it is, since it tells
// what answers look like, others as hashes where that is cheaper. JSON and calls
// are hashes all: no reply states them.
func hashed(req tenbit.Request, cs []tenbit.Candidate) []tenbit.Candidate {
	out := make([]tenbit.Candidate, 0, len(cs))
	for i, c := range cs {
		if special(req) {
			c.Hash, c.Answer = hashOf(req, c.Answer), ""
		} else if i > 0 && len(c.Answer) > 6 && kindOf(c.Answer) == KindText {
			e := codec.NewEncoder()
			l := newLiteral(tenbit.Ask{Request: req, Candidates: out}, nil, nil)
			if _, err := l.code(writer{e}, c.Answer); err != nil || tenbit.Bits(e.Millibits()) > dearer {
				c.Hash, c.Answer = hashOf(req, c.Answer), ""
			}
		}
		out = append(out, c)
	}
	return out
}

// hashOf is an answer's hash, never 0.
func hashOf(req tenbit.Request, answer string) uint32 {
	h := hmac.New(sha256.New, req.Body)
	h.Write([]byte(answer))
	return max(binary.BigEndian.Uint32(h.Sum(nil)), 1)
}

// stands reports whether a candidate is this answer.
func stands(req tenbit.Request, c tenbit.Candidate, answer string) bool {
	if c.Hash != 0 {
		return c.Hash == hashOf(req, answer)
	}
	return c.Answer == answer
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
