package gateway

import (
	"errors"
	"strings"

	"tenbit"
)

// stopper ends a text at the first stop string, whatever the model did with
// them, and holds back what may become one.
type stopper struct {
	stops []string
	sink  tenbit.Sink

	held string
	cut  bool
}

// write passes on what can't be part of a stop string.
func (s *stopper) write(text string) error {
	if s.cut {
		return nil
	}
	s.held += text
	n, cut := stopAt(s.held, s.stops)
	if s.cut = cut; !cut {
		n -= begun(s.held, s.stops)
	}
	out := s.held[:n]
	s.held = s.held[n:]
	if out == "" {
		return nil
	}
	return s.sink(out)
}

// errStopped says that the text has ended at a stop string.
var errStopped = errors.New("stop string")

// last is write for a model that is to end there, too.
func (s *stopper) last(text string) error {
	if err := s.write(text); err != nil || !s.cut {
		return err
	}
	return errStopped
}

// stopAt is where text ends: before the stop string that is complete first, or
// at its own end.
func stopAt(text string, stops []string) (n int, cut bool) {
	n, end := len(text), len(text)+1
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && s != "" && (i+len(s) < end || i+len(s) == end && i < n) {
			n, end, cut = i, i+len(s), true
		}
	}
	return n, cut
}

// begun is the length of the longest end of text that begins a stop string.
func begun(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// stopped is the answer cut at the first stop string, without the calls that came
// after it.
func stopped(a tenbit.Answer, stops []string) tenbit.Answer {
	n, cut := stopAt(a.Message.Content, stops)
	if !cut {
		return a
	}
	a.Message.Content, a.Message.ToolCalls, a.Finish = a.Message.Content[:n], nil, tenbit.FinishStop
	for i, at := 0, 0; i < len(a.Tokens); i++ {
		if at += len(a.Tokens[i].Token); at > n {
			a.Tokens = a.Tokens[:i]
			break
		}
	}
	return a
}
