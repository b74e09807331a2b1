package codec

import (
	"errors"
	"testing"
)

// TestIncremental feeds a codeword byte by byte: what the decoder says early is
// what it says in the end, and bytes taken early are the codeword's beginning.
func TestIncremental(t *testing.T) {
	for _, m := range models() {
		e, p := NewEncoder(), m.Predictor([]byte("q"))
		var code []byte
		for i := range len(sample) {
			e.Write(p, []byte(sample[i:i+1]))
			code = append(code, e.Take()...)
		}
		early := len(code)
		e.EndText(p)
		code = append(code, e.Finish()...)
		if early < len(code)-8 {
			t.Errorf("%s: only %d of %d bytes were final before the end", m.Name(), early, len(code))
		}

		d, q := NewDecoder(), m.Predictor([]byte("q"))
		var out []byte
		fed := 0
		for ; ; fed++ {
			var done bool
			var err error
			out, done, err = d.Text(q, out, len(sample))
			if done {
				break
			}
			if !errors.Is(err, ErrMore) {
				t.Fatalf("%s: after %d bytes: %v", m.Name(), fed, err)
			}
			if string(out) != sample[:len(out)] {
				t.Fatalf("%s: after %d bytes: %q", m.Name(), fed, out)
			}
			if fed < len(code) {
				d.Feed(code[fed : fed+1])
			} else {
				d.End()
			}
		}
		if string(out) != sample {
			t.Errorf("%s: got %q", m.Name(), out)
		}
		d.Feed(code[min(fed, len(code)):])
		d.End()
		if err := d.Finish(); err != nil {
			t.Errorf("%s: finish: %v", m.Name(), err)
		}
	}
}

// TestCanonical changes a codeword in every way that decodes to the same text
// or nearly so: none is accepted.
func TestCanonical(t *testing.T) {
	m := order2{}
	e, p := NewEncoder(), m.Predictor()
	e.Write(p, []byte(sample))
	e.EndText(p)
	code := e.Finish()
	decode := func(code []byte) error {
		d := NewDecoder()
		d.Feed(code)
		d.End()
		out, _, err := d.Text(m.Predictor(), nil, len(sample))
		if err != nil {
			return err
		}
		if string(out) != sample {
			return nil // the codeword of something else
		}
		return d.Finish()
	}
	if err := decode(code); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"zero appended": append(append([]byte(nil), code...), 0),
		"one appended":  append(append([]byte(nil), code...), 1),
	} {
		if err := decode(bad); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}
