package codec

import (
	"slices"
	"strings"
	"testing"
)

// spelling expects the letters of the alphabet in order, whatever came.
func spelling(so []byte) []uint64 {
	w := slices.Repeat([]uint64{1}, EndSymbol+1)
	w['a'+len(so)%26] = 1000
	return w
}

func evenWeights(experts int) Weights {
	w := make(Weights, BlendRows)
	for i := range w {
		w[i] = slices.Repeat([]int32{1 << 16 / 2}, experts)
	}
	return w
}

// short is a predictor of every kind there is for short texts.
func shortText(question string, none ...string) Predictor {
	p := Default().Predictor([]byte(question))
	return Except(Either(Blend([]Weights{evenWeights(3), evenWeights(3)}, Symbols(spelling), Fork(p), Unspaced(p)), Symbols(spelling), 1<<14), none)
}

func TestBlend(t *testing.T) {
	const question = "user: Is there a smallest value, and can it be found?\n"
	for _, text := range []string{"", "a", "abcdefgh", "thesmallestvaluecannotbefound", "no such value", "1/2\x00\xff θ", strings.Repeat("word ", 40)} {
		e := NewEncoder()
		p := shortText(question, "not this")
		e.Write(p, []byte(text[:len(text)/2]))
		e.Write(Fork(p), []byte("what a fork reads its origin does not know"))
		e = NewEncoder()
		p = shortText(question, "not this")
		e.Write(p, []byte(text[:len(text)/2]))
		p = Fork(p)
		e.Write(p, []byte(text[len(text)/2:]))
		e.EndText(p)
		bits := e.Millibits()
		d := NewDecoder()
		d.Feed(e.Finish())
		d.End()
		got, done, err := d.Text(shortText(question, "not this"), nil, 1<<10)
		if err == nil {
			err = d.Finish()
		}
		if err != nil || !done || string(got) != text || d.Millibits() != bits {
			t.Errorf("%q: got %q, %v, %d millibits; want %d", text, got, err, d.Millibits(), bits)
		}
	}
}

// TestUnspaced: words run together cost about what they cost apart.
func TestUnspaced(t *testing.T) {
	const question = "user: How many solutions are there?\n"
	const said = "there are infinitely many solutions"
	cost := func(p Predictor, text string) int64 {
		e := NewEncoder()
		e.Write(p, []byte(text))
		e.EndText(p)
		return e.Millibits()
	}
	model := func() Predictor { return Default().Predictor([]byte(question)) }
	joined := strings.ReplaceAll(said, " ", "")
	apart, plain, unspaced := cost(model(), said), cost(model(), joined), cost(Unspaced(model()), joined)
	t.Logf("%d millibits with spaces, %d without, %d as a model of unspaced text", apart, plain, unspaced)
	if unspaced > apart*3/2 || unspaced > plain*2/3 {
		t.Errorf("unspaced %d millibits, want near %d and far below %d", unspaced, apart, plain)
	}
}

func TestExcept(t *testing.T) {
	cost := func(none ...string) int64 {
		e := NewEncoder()
		p := Except(Symbols(func(so []byte) []uint64 {
			w := slices.Repeat([]uint64{1}, EndSymbol+1)
			w[EndSymbol] = 1000
			return w
		}), none)
		e.Write(p, []byte("12"))
		e.EndText(p)
		return e.Millibits()
	}
	if a, b := cost(), cost("1", "x"); b >= a-1500 {
		t.Errorf("got %d millibits knowing that it isn't 1, %d else", b, a)
	}
	if got := cost("12"); got < 14000 {
		t.Errorf("what is ruled out cost %d millibits", got)
	}
}
