package embedded

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// sampler picks tokens with integer arithmetic only, so that the same logits and
// seed give the same tokens everywhere. Not safe for concurrent use.
type sampler struct {
	frac  int // fraction bits of the logits
	exp2  []int32
	milli int64  // temperature in thousandths, 0: greedy
	topP  uint64 // in 1/65536, 65536: all
	seed  uint64

	weights []int64
}

// log2e is log2(e) in Q32.
const log2e = 6196328019

// pick returns a token.
func (s *sampler) pick(logits []int64) int32 {
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	if s.milli == 0 {
		return int32(best)
	}
	a := div(log2e*1000, s.milli<<16)
	if s.weights == nil {
		s.weights = make([]int64, len(logits))
	}
	w, total := s.weights, uint64(0)
	top := logits[best] >> (s.frac - 16) * a >> 16
	for i, x := range logits {
		w[i] = power(s.exp2, top-x>>(s.frac-16)*a>>16)
		total += uint64(w[i])
	}
	if s.topP < 1<<16 {
		total = s.nucleus(total)
	}
	at, _ := bits.Mul64(s.next(), total)
	for i, x := range w {
		if at < uint64(x) {
			return int32(i)
		}
		at -= uint64(x)
	}
	return int32(best)
}

// nucleus keeps the likeliest tokens that make up the share topP and returns
// their weight.
func (s *sampler) nucleus(total uint64) uint64 {
	order := make([]int, len(s.weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.weights[b], s.weights[a]) })
	want, have := total*s.topP>>16, uint64(0)
	for n, i := range order {
		if n > 0 && have >= want {
			s.weights[i] = 0
			continue
		}
		have += uint64(s.weights[i])
	}
	return have
}

// next is SplitMix64 (Steele, Lea, Flood 2014).
func (s *sampler) next() uint64 {
	s.seed += 0x9e3779b97f4a7c15
	z := s.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// logProb is the natural log-probability of a token at temperature 1. It steers
// the gate only, so floats do no harm.
func logProb(logits []int64, frac int, token int32) float64 {
	unit := math.Ldexp(1, -frac)
	top := slices.Max(logits)
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x-top) * unit)
	}
	return float64(logits[token]-top)*unit - math.Log(sum)
}

// standardExp2 is the table of docs/models.md, for the model that ships none.
var standardExp2 = func() []int32 {
	t := make([]int32, 256)
	for i := range t {
		t[i] = int32(math.Round(math.Exp2(24 - float64(i)/256)))
	}
	return t
}()
