package link

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// shorthand is what lets asks on one connection say briefly what an earlier one
// said in full: whose id they go on from, and the terms. The edge's belongs to
// the connection's writer, the origin's to its reader; both change alike with
// each ask, in the order of the wire.
type shorthand struct {
	prefix [8]byte // of the last id in full
	begun  bool
	terms  [256]terms // numbered from 1 in turn, over and over
	next   uint8
}

// shorten leaves out of a what the origin knows.
func (s *shorthand) shorten(a *ask) {
	a.number, a.repeat = 0, 0
	if n := binary.BigEndian.Uint64(a.id[8:]); s.begun && [8]byte(a.id[:8]) == s.prefix {
		a.number = n
	}
	s.prefix, s.begun = [8]byte(a.id[:8]), true
	for i := 1; i < len(s.terms); i++ {
		if s.terms[i] == a.terms {
			a.repeat = uint8(i)
			return
		}
	}
	s.add(a.terms)
}

// expand is the inverse of shorten.
func (s *shorthand) expand(a *ask) error {
	if a.number > 0 {
		if !s.begun {
			return fmt.Errorf("%w: %w", ErrProtocol, errNoID)
		}
		copy(a.id[:], s.prefix[:])
		binary.BigEndian.PutUint64(a.id[8:], a.number)
		a.number = 0
	}
	s.prefix, s.begun = [8]byte(a.id[:8]), true
	if a.repeat > 0 {
		if a.terms = s.terms[a.repeat]; a.terms == (terms{}) {
			return fmt.Errorf("%w: %w", ErrProtocol, errNoTerms)
		}
		a.repeat = 0
		return nil
	}
	s.add(a.terms)
	return nil
}

func (s *shorthand) add(t terms) {
	if s.next++; s.next == 0 {
		s.next = 1
	}
	s.terms[s.next] = t
}

var (
	errNoID    = errors.New("a short id before a full one")
	errNoTerms = errors.New("unknown terms")
)
