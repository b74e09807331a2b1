package codec

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// models are the models every property is tested with.
func models() []Model { return []Model{order2{}, Default()} }

const sample = "The answer is 42. To see why, note that 6 * 7 = 42, so the answer is 42.\n"

func TestMixedCodeword(t *testing.T) {
	for _, m := range models() {
		rng := rand.New(rand.NewPCG(1, 2))
		var syms, at []int
		freqs := [][]uint32{{1, 65535}, {65535, 1}, {3}, {100, 200, 300}, {1, 1, 1, 65533}}
		e := NewEncoder()
		for range 500 {
			f := rng.IntN(len(freqs))
			i := rng.IntN(len(freqs[f]))
			at, syms = append(at, f), append(syms, i)
			e.Symbol(i, freqs[f])
			e.Byte(byte(i * 77))
		}
		p := m.Predictor([]byte("prompt"))
		e.Write(p, []byte(sample))
		e.EndText(p)
		e.Symbol(2, freqs[3])
		price := e.Millibits()
		code := append(e.Take(), e.Finish()...)

		d := NewDecoder()
		d.Feed(code)
		d.End()
		for i, want := range syms {
			got, err := d.Symbol(freqs[at[i]])
			if err != nil || got != want {
				t.Fatalf("%s: symbol %d: got %d, %v; want %d", m.Name(), i, got, err, want)
			}
			if b, err := d.Byte(); err != nil || b != byte(want*77) {
				t.Fatalf("%s: byte %d: got %d, %v", m.Name(), i, b, err)
			}
		}
		text, done, err := d.Text(m.Predictor([]byte("prompt")), nil, 1000)
		if string(text) != sample || !done || err != nil {
			t.Fatalf("%s: text %q, %v, %v", m.Name(), text, done, err)
		}
		if i, err := d.Symbol(freqs[3]); i != 2 || err != nil {
			t.Fatalf("%s: last symbol %d, %v", m.Name(), i, err)
		}
		if err := d.Finish(); err != nil {
			t.Errorf("%s: finish: %v", m.Name(), err)
		}
		if d.Millibits() != price {
			t.Errorf("%s: decoder meters %d, encoder %d", m.Name(), d.Millibits(), price)
		}
		if ideal := (price + 7999) / 8000; int64(len(code)) > ideal+2 {
			t.Errorf("%s: %d bytes for %d millibits", m.Name(), len(code), price)
		}
	}
}

func TestMeter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m, want := newMeter(), 0.0
	if m.millibits() != 0 {
		t.Errorf("nothing costs %d", m.millibits())
	}
	for range 1 << 20 {
		if rng.IntN(2) == 0 {
			p := 1 + rng.Uint64N(65535)
			m.decision(p)
			want -= math.Log2(float64(p) / 65536)
		} else {
			total := 1 + rng.Uint64N(65536)
			f := 1 + rng.Uint64N(total)
			m.symbol(f, total)
			want -= math.Log2(float64(f) / float64(total))
		}
	}
	if got := float64(m.millibits()); got < want*1000-0.01 || got > want*1000+1.01 {
		t.Errorf("got %.3f millibits, want %.3f rounded up", got, want*1000)
	}
	exact := newMeter()
	for range 1000 {
		exact.symbol(1, 256)
	}
	if exact.millibits() != 8_000_000 {
		t.Errorf("1000 bytes cost %d millibits, want 8000000", exact.millibits())
	}
}

func TestWholeRunes(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		want int
	}{
		{"ascii", "abc", 3},
		{"empty", "", 0},
		{"whole", "a\u00e9", 3},
		{"half", "a\xc3", 1},
		{"three of four", "\xf0\x9f\x98", 0},
		{"whole four", "\U0001f600", 4},
		{"not UTF-8", "a\xff", 2},
		{"stray continuations", "\x80\x80\x80\x80\x80", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := WholeRunes([]byte(tt.in)); got != tt.want {
				t.Errorf("%q: got %d, want %d", tt.in, got, tt.want)
			}
		})
	}
}

func TestPack(t *testing.T) {
	random := make([]byte, 5000)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	for _, m := range models() {
		for _, data := range [][]byte{nil, []byte("4"), []byte(sample), bytes.Repeat([]byte(sample), 50), random} {
			packed := Pack(m, data, []byte("What is 6 * 7?"))
			if plain := len(ZstdCompress(data)); len(packed) > plain+1 {
				t.Errorf("%s: %d bytes packed to %d, plain has %d", m.Name(), len(data), len(packed), plain)
			}
			got, err := Unpack(m, packed, len(data), []byte("What is 6 * 7?"))
			if err != nil {
				t.Fatalf("%s: unpack: %v", m.Name(), err)
			}
			if diff := cmp.Diff(string(data), string(got)); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", m.Name(), diff)
			}
			if len(data) > 0 {
				if _, err := Unpack(m, packed, len(data)-1, []byte("What is 6 * 7?")); !errors.Is(err, ErrTooLong) {
					t.Errorf("%s: limit of %d: got %v, want ErrTooLong", m.Name(), len(data)-1, err)
				}
			}
		}
	}
}
