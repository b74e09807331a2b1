package tenbit

import (
	"fmt"
	"slices"
	"strings"
)

// Mode is the form of a reply. Its number is part of the link's format.
type Mode uint8

// The modes, cheapest first; docs/design.md has the table.
const (
	ModeNone   Mode = iota // the far end cannot say: the edge keeps its best
	ModeAccept             // the draft is right
	ModeSelect             // candidate i is right
	ModeAnswer             // the short final answer; the edge re-solves knowing it
	ModeAsk                // k yes/no answers
	ModeHint               // a short piece of advice
	ModeBrief              // a succinct answer
	ModeFull               // the whole message, lossless
	ModePlain              // the whole message, zstd
	modes
)

var modeNames = [modes]string{"none", "accept", "select", "answer", "ask", "hint", "brief", "full", "plain"}

func (m Mode) String() string {
	if m < modes {
		return modeNames[m]
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// ParseMode is the inverse of [Mode.String].
func ParseMode(s string) (Mode, error) {
	if i := slices.Index(modeNames[:], s); i >= 0 {
		return Mode(i), nil
	}
	return 0, fmt.Errorf("mode %.40q: want one of %s", s, strings.Join(modeNames[1:], ", "))
}

// ModeSet is a set of modes, one bit each.
type ModeSet uint16

// Modes makes a set.
func Modes(ms ...Mode) ModeSet {
	var s ModeSet
	for _, m := range ms {
		s |= 1 << m
	}
	return s
}

// Has reports whether m is in s.
func (s ModeSet) Has(m Mode) bool { return s&(1<<m) != 0 }
