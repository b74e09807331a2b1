package link

import (
	"errors"
	"fmt"
	"testing"

	"tenbit"

	"github.com/google/go-cmp/cmp"
)

// TestShorthand: asks that follow each other on a connection read as they were
// written, however many terms there are, and most of them are short.
func TestShorthand(t *testing.T) {
	var up, down shorthand
	short := 0
	for i := range 2000 {
		want := newAsk(t, fmt.Sprintf("%016x%016x", i/700, i%700), "Say it.")
		want.Limit = tenbit.Bits(i%300+1) * tenbit.Bit // more terms than are remembered
		if i%2 == 0 {
			want.Limit = tenbit.Bit
		}
		a, err := packAsk(want, kit{})
		if err != nil {
			t.Fatal(err)
		}
		a.stream = 1
		plain := len(a.append(nil))
		up.shorten(&a)
		p := a.append(nil)
		if len(p) < plain-16 {
			short++
		}
		fr, err := parseFrame(p)
		if err != nil {
			t.Fatal(err)
		}
		got := fr.(ask)
		if err := down.expand(&got); err != nil {
			t.Fatal(err)
		}
		read, err := got.unpack(kit{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, read); d != "" {
			t.Fatal(d)
		}
	}
	if short < 950 {
		t.Errorf("%d of 2000 asks are short", short)
	}
}

func TestUnknownShorthand(t *testing.T) {
	var s shorthand
	if err := s.expand(&ask{number: 7}); !errors.Is(err, ErrProtocol) || !errors.Is(err, errNoID) {
		t.Errorf("a number of no id: %v", err)
	}
	if err := s.expand(&ask{repeat: 7}); !errors.Is(err, ErrProtocol) || !errors.Is(err, errNoTerms) {
		t.Errorf("unknown terms: %v", err)
	}
}
