package cache

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The values are those of tables of the beta distribution.
func TestBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		got   float64
		exact float64
	}{
		{"none of 10, at most", atMost(0, 10, 0.05), 1 - math.Pow(0.05, 0.1)},
		{"all of 10, at least", atLeast(10, 10, 0.05), math.Pow(0.05, 0.1)},
		{"all of 149, at least", atLeast(149, 149, 0.05), math.Pow(0.05, 1.0/149)},
		{"5 of 10, at least", atLeast(5, 10, 0.05), 0.2224411},
		{"5 of 10, at most", atMost(5, 10, 0.05), 0.7775589},
		{"95 of 100, at least", atLeast(95, 100, 0.025), 0.8871651},
		{"nothing known", atLeast(0, 0, 0.05), 0},
		{"all of none", atMost(0, 0, 0.05), 1},
	} {
		if math.Abs(tt.got-tt.exact) > 1e-6 {
			t.Errorf("%s: got %.7f, want %.7f", tt.name, tt.got, tt.exact)
		}
	}
}

func verdicts(n int, s float32, right bool) (e evidence) {
	for range n {
		e = append(e, Verdict{s, right})
	}
	return e
}

func TestEvidence(t *testing.T) {
	join := func(es ...evidence) (out evidence) {
		for _, e := range es {
			out = append(out, e...)
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		e      evidence
		at     float32
		lo, hi float64 // of the lower bound
	}{
		{"nothing", nil, 0.9, 0, 0},
		{"right above says nothing of below", verdicts(200, 0.95, true), 0.9, 0, 0},
		{"a hair above is the same", verdicts(200, 0.905, true), 0.9, 0.98, 1},
		{"right below", verdicts(149, 0.9, true), 0.95, 0.96, 0.981},
		{"too few", verdicts(7, 0.9, true), 0.95, 0, 0},
		{"few", verdicts(8, 0.9, true), 0.95, 0.68, 0.7},
		{"wrong further below doesn't count for ever", join(verdicts(50, 0.7, false), verdicts(200, 0.9, true)), 0.9, 0.96, 1},
		{"wrong at the same", join(verdicts(20, 0.9, false), verdicts(20, 0.9, true)), 0.9, 0.3, 0.5},
		{"wrong at the same, right below", join(verdicts(200, 0.7, true), verdicts(40, 0.9, false)), 0.9, 0, 0.1},
		{"wrong above, too, says nothing", join(verdicts(149, 0.8, true), verdicts(50, 0.9, false)), 0.8, 0.96, 0.981},
	} {
		if got := tt.e.right(tt.at); got < tt.lo || got > tt.hi {
			t.Errorf("%s: got at least %.3f, want from %v to %v", tt.name, got, tt.lo, tt.hi)
		}
	}
	if got := verdicts(40, 0.8, false).rightAtMost(0.7); got > 0.1 {
		t.Errorf("40 wrong above: at most %.3f right, want under a tenth", got)
	}
	if got := verdicts(40, 0.8, false).rightAtMost(0.9); got != 1 {
		t.Errorf("wrong below says nothing of above: got at most %.3f, want 1", got)
	}
}

func TestVerdictsAreBounded(t *testing.T) {
	var e evidence
	for i := range 3 * maxVerdicts {
		e = e.with(Verdict{0.5, i >= 2*maxVerdicts})
	}
	if len(e) != maxVerdicts || !e[0].Right {
		t.Errorf("got %d, the oldest right: %v; want %d, the newest", len(e), e[0].Right, maxVerdicts)
	}
}

func TestChance(t *testing.T) {
	for _, tt := range []struct{ right, rate, want float64 }{
		{0, 0.02, 0}, {0.98, 0.02, 1}, {1, 0, 0}, {0.9, 0.02, 0.02 * 0.9 / (0.98 * 0.1)},
	} {
		if got := chance(tt.right, tt.rate); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("chance(%v, %v) = %v, want %v", tt.right, tt.rate, got, tt.want)
		}
	}
}

// TestRateIsKept has an entry whose answer is right with some probability asked
// again and again. Of what goes out, with verdicts and without, no more is wrong
// than the rate allows.
func TestRateIsKept(t *testing.T) {
	const rate, asked = 0.02, 500
	for _, right := range []float64{0.5, 0.9, 0.97, 0.99, 0.999} {
		r := rand.New(rand.NewPCG(1, uint64(1000*right)))
		wrong, out := 0, 0
		for range 8 { // entries
			var e evidence
			for range asked {
				similarity, is := float32(0.8+0.2*r.Float64()), r.Float64() < right
				switch unseen := r.Float64() < min(chance(e.right(similarity), rate), 0.95); {
				case unseen:
					out++
					if !is {
						wrong++
					}
				default:
					e = e.with(Verdict{similarity, is})
					if is {
						out++
					}
				}
			}
		}
		t.Logf("right with %v: %d of %d that went out were wrong (%.4f)", right, wrong, out, float64(wrong)/float64(out))
		if float64(wrong) > rate*float64(out) {
			t.Errorf("right with %v: %d of %d were wrong, over %v", right, wrong, out, rate)
		}
	}
}

// TestSpared holds what docs/cache.md says of a new entry.
func TestSpared(t *testing.T) {
	for _, tt := range []struct {
		right  int
		lo, hi float64
	}{{0, 0, 0}, {7, 0, 0}, {50, 0.3, 0.36}, {100, 0.64, 0.7}, {150, 1, 1}} {
		if got := chance(verdicts(tt.right, 0.9, true).right(0.9), 0.02); got < tt.lo || got > tt.hi {
			t.Errorf("after %d right verdicts %.3f go out without one, want %v to %v", tt.right, got, tt.lo, tt.hi)
		}
	}
}
