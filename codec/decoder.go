package codec

import (
	"bytes"
	"errors"
)

var (
	// ErrMore says that the bytes fed so far do not determine the next
	// decision. Nothing changed: feed more and call again.
	ErrMore = errors.New("codec: more bytes needed")
	// ErrCorrupt says that the bytes are not the codeword of anything, or not
	// its canonical one.
	ErrCorrupt = errors.New("codec: corrupt codeword")
	// ErrTooLong says that a text goes on past the caller's limit.
	ErrTooLong = errors.New("codec: text longer than allowed")
)

// Decoder reads a codeword as it arrives. A decision is made as soon as all
// continuations of the bytes so far agree on it.
type Decoder struct {
	enc   Encoder // re-encodes every decision: the interval, the meter, the canonical form
	data  []byte  // everything fed, compared with the canonical form at the end
	next  int     // bytes of data that entered the window
	off   int64   // window minus the interval's bottom, missing bytes taken as zero
	miss  int     // bytes of the window that have not arrived
	ended bool    // zeros follow
	text  partialText
}

// NewDecoder starts reading a codeword.
func NewDecoder() *Decoder {
	return &Decoder{enc: *NewEncoder(), miss: windowBits / 8}
}

// Feed gives the decoder the next bytes of the codeword. It keeps a copy.
func (d *Decoder) Feed(p []byte) {
	d.data = append(d.data, p...)
	for d.miss > 0 && d.next < len(d.data) {
		d.miss--
		d.off += int64(d.data[d.next]) << (8 * d.miss)
		d.next++
	}
}

// End says that no more bytes will come: zeros are implied from here on.
func (d *Decoder) End() { d.ended, d.miss = true, 0 }

// Millibits is the information decoded so far, equal to the encoder's at the
// same point.
func (d *Decoder) Millibits() int64 { return d.enc.Millibits() }

// bounds returns the lowest and the highest place in the interval where the
// codeword may lie.
func (d *Decoder) bounds() (lo, hi uint64, err error) {
	low, high := d.off, d.off+1<<(8*d.miss)-1
	if high >= int64(d.enc.rng) {
		high = int64(d.enc.rng) - 1
	}
	if low < 0 && d.miss > 0 {
		low = 0
	}
	if low < 0 || low > high {
		return 0, 0, ErrCorrupt
	}
	return uint64(low), uint64(high), nil
}

// bit decodes one binary decision; p is the probability of a 1 in 1/65536.
func (d *Decoder) bit(p uint32) (int, error) {
	lo, hi, err := d.bounds()
	if err != nil {
		return 0, err
	}
	bound := d.enc.rng * uint64(p) >> probBits
	switch {
	case hi < bound:
		d.advance(d.enc.bit(1, p))
		return 1, nil
	case lo >= bound:
		d.off -= int64(bound)
		d.advance(d.enc.bit(0, p))
		return 0, nil
	}
	return 0, ErrMore
}

// advance follows the window by n bytes.
func (d *Decoder) advance(n int) {
	for ; n > 0; n-- {
		d.off <<= 8
		switch {
		case d.next < len(d.data): // then nothing is missing
			d.off |= int64(d.data[d.next])
			d.next++
		case !d.ended:
			d.miss++
		}
	}
}

// Symbol decodes what [Encoder.Symbol] coded with the same freqs.
func (d *Decoder) Symbol(freqs []uint32) (int, error) {
	total := sum(freqs)
	lo, hi, err := d.bounds()
	if err != nil {
		return 0, err
	}
	cum := uint64(0)
	for i, f := range freqs {
		top := d.enc.rng * (cum + uint64(f)) / total
		if lo < top {
			if hi >= top {
				return 0, ErrMore
			}
			d.take(cum, uint64(f), total)
			return i, nil
		}
		cum += uint64(f)
	}
	return 0, ErrCorrupt // not reached: the last top is the range
}

// Byte decodes what [Encoder.Byte] coded.
func (d *Decoder) Byte() (byte, error) {
	lo, hi, err := d.bounds()
	if err != nil {
		return 0, err
	}
	// The byte at a place x is the largest b with rng*b/256 <= x.
	at := func(x uint64) uint64 { return (x*256 + 255) / d.enc.rng }
	b := at(lo)
	if at(hi) != b {
		return 0, ErrMore
	}
	d.take(b, 1, 256)
	return byte(b), nil
}

func (d *Decoder) take(cum, f, total uint64) {
	d.off -= int64(d.enc.rng * cum / total)
	d.enc.meter.symbol(f, total)
	lo := d.enc.rng * cum / total
	hi := d.enc.rng * (cum + f) / total
	d.advance(d.enc.narrow(lo, hi-lo))
}

// Finish checks, after End, that the bytes fed are exactly the canonical
// codeword of what was decoded: nothing is left over and nothing was padded.
func (d *Decoder) Finish() error {
	if !d.ended {
		return ErrMore
	}
	if !bytes.Equal(d.enc.Clone().Finish(), d.data) {
		return ErrCorrupt
	}
	return nil
}
