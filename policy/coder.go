package policy

import (
	"errors"

	"tenbit"
	"tenbit/codec"
)

// coder is one end of a codeword. The same code walks over a payload at both
// ends: the writer takes values and returns them, the reader ignores what it is
// given and returns what it read.
type coder interface {
	symbol(i int, freqs []uint32) (int, error)
	byte(b byte) (byte, error)
	text(t codec.Predictor, s []byte, max int) ([]byte, error)
	// spent is the information so far, the same number at both ends.
	spent() tenbit.Bits
}

type writer struct{ e *codec.Encoder }

func (w writer) symbol(i int, freqs []uint32) (int, error) {
	w.e.Symbol(i, freqs)
	return i, nil
}

func (w writer) byte(b byte) (byte, error) {
	w.e.Byte(b)
	return b, nil
}

func (w writer) text(t codec.Predictor, s []byte, max int) ([]byte, error) {
	if len(s) > max {
		return nil, ErrOverLimit
	}
	w.e.Write(t, s)
	w.e.EndText(t)
	return s, nil
}

// reader reads a codeword that has ended, so bytes never run out.
type reader struct{ d *codec.Decoder }

func (r reader) symbol(_ int, freqs []uint32) (int, error) { return r.d.Symbol(freqs) }

func (r reader) byte(byte) (byte, error) { return r.d.Byte() }

func (r reader) text(t codec.Predictor, _ []byte, max int) ([]byte, error) {
	out, done, err := r.d.Text(t, nil, max)
	if err == nil && !done {
		err = errors.New("text without an end")
	}
	return out, err
}

func (w writer) spent() tenbit.Bits { return tenbit.Bits(w.e.Millibits()) }

func (r reader) spent() tenbit.Bits { return tenbit.Bits(r.d.Millibits()) }
