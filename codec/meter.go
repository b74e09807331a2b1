package codec

import "math/bits"

// meter holds the probability of everything coded so far as mant * 2^(-63-exp).
// Each decision costs one multiplication; the product is truncated, never
// rounded up, so the information it reports is an upper bound. The relative
// error of a step is below 2^-62: under a microbit for a MiB of text.
type meter struct {
	mant uint64 // normalised: the top bit is set
	exp  int64
}

func newMeter() meter { return meter{mant: 1 << 63} }

// decision accounts a binary decision of probability p/65536, 1 <= p <= 65535.
func (m *meter) decision(p uint64) {
	hi, lo := bits.Mul64(m.mant, p<<48)
	s := bits.LeadingZeros64(hi)
	m.mant = hi<<s | lo>>(64-s)
	m.exp += int64(s)
}

// symbol accounts a symbol of probability f/total, 1 <= f <= total <= 65536.
func (m *meter) symbol(f, total uint64) {
	hi, lo := bits.Mul64(m.mant, f)
	q, _ := bits.Div64(hi, lo, total) // hi < f <= total
	s := bits.LeadingZeros64(q)
	m.mant = q << s
	m.exp += int64(s)
}

// millibits is -1000*log2 of the product, rounded up.
func (m *meter) millibits() int64 {
	const digits = 40
	y, frac := m.mant, uint64(0)
	for range digits { // binary digits of log2(mant/2^63), by squaring
		hi, lo := bits.Mul64(y, y)
		frac <<= 1
		if hi>>63 == 1 {
			frac |= 1
			y = hi
		} else {
			y = hi<<1 | lo>>63
		}
	}
	return m.exp*1000 - int64(frac*1000>>digits)
}
