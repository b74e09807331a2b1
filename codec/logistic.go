package codec

import "math/bits"

// stretch and squash work on probabilities of 16 bits and logits in 1/256:
// ln(p/(1-p)) = logit/256. squash takes logits up to maxLogit, stretch returns
// at most 2111 since it sees the top 12 bits of a probability.

const maxLogit = 3071

// squashTable[i] is 65536/(1+exp(-(i-3072)/256)), computed with integers so that
// every CPU holds the same table.
var (
	squashTable  [2 * (maxLogit + 1)]uint16
	stretchTable [4096]int16 // indexed by the top 12 bits of a probability
)

func init() {
	for i := range squashTable {
		squashTable[i] = squashExact(int64(i) - maxLogit - 1)
	}
	// stretch is the inverse: the largest logit whose squash is not above the
	// middle of the cell.
	j := 0
	for i := range stretchTable {
		mid := uint32(i)<<4 + 8
		for j+1 < len(squashTable) && uint32(squashTable[j+1]) <= mid {
			j++
		}
		stretchTable[i] = int16(j - maxLogit - 1)
	}
}

// squashExact is 65536/(1+exp(-x/256)), clamped to 1..65535, from fixed-point
// powers of exp(1/256).
func squashExact(x int64) uint16 {
	neg := x < 0
	if neg {
		x = -x
	}
	// e = exp(-x/256) in 1/2^63, by binary powers of exp(-1/256).
	e := uint64(1) << 63
	base := uint64(9187413517043429148) // round(2^63 * exp(-1/256))
	for n := x; n > 0; n >>= 1 {
		if n&1 == 1 {
			e = mul63(e, base)
		}
		base = mul63(base, base)
	}
	// p = 1/(1+e), in 16 bits.
	den := uint64(1)<<62 + e>>1
	q, _ := bits.Div64(1<<14, 0, den) // 2^78/(2^62(1+e))
	p := min(max(q, 1), 65535)
	if neg {
		p = 65536 - p
	}
	return uint16(p)
}

// mul63 multiplies fixed-point numbers of 63 fraction bits.
func mul63(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi<<1 | lo>>63
}

func squash(x int32) uint32 {
	if x > maxLogit {
		x = maxLogit
	}
	if x < -maxLogit {
		x = -maxLogit
	}
	return uint32(squashTable[x+maxLogit+1])
}

func stretch(p uint32) int32 { return int32(stretchTable[p>>4]) }
