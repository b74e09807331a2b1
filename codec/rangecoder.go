package codec

import (
	"bytes"
	"slices"
)

// The coder's window is 40 bits. After each decision the range is above 2^32,
// so a 16-bit probability always leaves both sides at least 2^16 wide and the
// loss by rounding is below 2^-16 of a decision.
const (
	windowBits = 40
	rangeTop   = uint64(1) << windowBits
	rangeMin   = uint64(1) << (windowBits - 8)
)

// probBits is the precision of a binary decision's probability.
const probBits = 16

// Encoder writes one codeword: symbols, raw bytes and texts in any order. It is
// an integer range coder with carry propagation. The zero value is not usable;
// call [NewEncoder].
type Encoder struct {
	low     uint64 // bottom of the interval; bit 40 is a carry into the bytes before
	rng     uint64 // width of the interval, 2^32 < rng <= 2^40
	cache   byte   // last byte shifted out of the window, may still take a carry
	started bool   // cache is valid
	pending int    // bytes of 0xff behind cache, which a carry would turn to zero
	out     []byte // final bytes not yet taken
	meter   meter
}

// NewEncoder starts a codeword.
func NewEncoder() *Encoder {
	return &Encoder{rng: rangeTop, meter: newMeter()}
}

// Clone returns an independent copy, to try an alternative.
func (e *Encoder) Clone() *Encoder {
	c := *e
	c.out = slices.Clone(e.out)
	return &c
}

// Symbol codes i with probability freqs[i] over the sum of freqs. Every
// frequency is positive and the sum is at most 1<<16; anything else is a
// programming error and panics.
func (e *Encoder) Symbol(i int, freqs []uint32) {
	total := sum(freqs)
	cum := sum(freqs[:i])
	e.symbol(cum, uint64(freqs[i]), total)
}

func sum(freqs []uint32) uint64 {
	var n uint64
	for _, f := range freqs {
		if f == 0 {
			panic("codec: symbol with frequency zero")
		}
		n += uint64(f)
	}
	if n > 1<<probBits {
		panic("codec: frequencies sum to more than 1<<16")
	}
	return n
}

// Byte codes b uniformly. It costs exactly 8 bits.
func (e *Encoder) Byte(b byte) { e.symbol(uint64(b), 1, 256) }

func (e *Encoder) symbol(cum, f, total uint64) {
	lo := e.rng * cum / total
	hi := e.rng * (cum + f) / total
	e.meter.symbol(f, total)
	e.narrow(lo, hi-lo)
}

// bit codes one binary decision; p is the probability of a 1 in 1/65536. Ones
// take the lower part of the interval.
func (e *Encoder) bit(bit int, p uint32) int {
	bound := e.rng * uint64(p) >> probBits
	if bit != 0 {
		e.meter.decision(uint64(p))
		return e.narrow(0, bound)
	}
	e.meter.decision(1<<probBits - uint64(p))
	return e.narrow(bound, e.rng-bound)
}

// narrow takes the part [lo, lo+width) of the interval and returns by how many
// bytes the window moved on.
func (e *Encoder) narrow(lo, width uint64) int {
	e.low += lo
	e.rng = width
	n := 0
	for e.rng <= rangeMin {
		e.shift()
		e.rng <<= 8
		n++
	}
	return n
}

// shift moves the top byte of the window out.
func (e *Encoder) shift() {
	top := e.low >> (windowBits - 8)
	e.low = e.low << 8 & (rangeTop - 1)
	if e.started && top == 0xff {
		e.pending++
		return
	}
	if e.started { // the carry, if any, ends here
		carry := byte(top >> 8)
		e.out = append(e.out, e.cache+carry)
		for ; e.pending > 0; e.pending-- {
			e.out = append(e.out, 0xff+carry)
		}
	}
	e.cache, e.started = byte(top), true
}

// Millibits is the information coded so far: -log2 of its probability, from the
// integer counts, rounded up to a millibit. The decoder computes the same.
func (e *Encoder) Millibits() int64 { return e.meter.millibits() }

// Take returns the codeword bytes that are final and not yet taken. Zero bytes
// wait until another byte follows, since a codeword does not end in one.
func (e *Encoder) Take() []byte {
	n := len(bytes.TrimRight(e.out, "\x00"))
	final := slices.Clone(e.out[:n])
	e.out = append(e.out[:0], e.out[n:]...)
	return final
}

// Finish ends the codeword and returns its rest: of the shortest byte strings
// in the final interval the first. Zero bytes are implied behind it, so it
// never ends in one and may be empty. The encoder cannot be used afterwards.
func (e *Encoder) Finish() []byte {
	for free := windowBits; free >= 0; free -= 8 {
		unit := uint64(1)<<free - 1
		v := (e.low + unit) &^ unit
		if v < e.low+e.rng {
			e.low = v
			break
		}
	}
	for range windowBits/8 + 1 { // the window, then the byte that waited for a carry
		e.shift()
	}
	return bytes.TrimRight(e.out, "\x00")
}
