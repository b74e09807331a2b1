package embedded

import "math"

// widen holds the float32 of every half-precision number.
var widen = func() *[1 << 16]float32 {
	m := new([1 << 16]float32)
	for h := range m {
		m[h] = widen16(uint16(h))
	}
	return m
}()

func widen16(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10)&31, uint32(h)&1023
	switch exp {
	case 0: // zero and subnormal: frac * 2^-24
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31:
		return math.Float32frombits(sign | 255<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// narrow rounds to half precision, to nearest, ties to even.
func narrow(f float32) uint16 {
	b := math.Float32bits(f)
	sign, exp := uint16(b>>16)&0x8000, int(b>>23)&255
	frac := b & (1<<23 - 1)
	switch e := exp - 112; { // the exponent in half precision
	case exp == 255 && frac != 0:
		return sign | 0x7e00
	case e >= 31:
		return sign | 0x7c00
	case e >= 1:
		h := uint32(e)<<10 | frac>>13
		return sign | uint16(h+roundUp(h, frac, 13))
	case e < -10:
		return sign
	default: // subnormal
		frac |= 1 << 23
		shift := uint32(14 - e)
		h := frac >> shift
		return sign | uint16(h+roundUp(h, frac, shift))
	}
}

// roundUp is 1 when the shift low bits of frac say that h is to be rounded up.
func roundUp(h, frac, shift uint32) uint32 {
	rest, half := frac&(1<<shift-1), uint32(1)<<(shift-1)
	if rest > half || rest == half && h&1 == 1 {
		return 1
	}
	return 0
}
