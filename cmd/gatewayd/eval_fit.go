package main

import (
	"math"

	"tenbit/policy"
)

// pull is how strongly a fit holds on to the shipped calibration: as much as so
// many questions would at one in two. What the evidence says nothing of, such as
// log-probabilities where there are none, stays as shipped.
const pull = 1

// fit is the calibration under which the evidence is likeliest, by Newton's
// method. Signs that would make early stops wrong are not allowed: such a weight
// is 0, and the others are fitted without it.
func fit(all []evidence) policy.Calibration {
	var frozen [5]bool
	for {
		w := newton(all, frozen)
		again := false
		for i, bad := range []bool{false, w[1] < 0, w[2] > 0, false, w[4] < 0} {
			if bad && !frozen[i] {
				frozen[i], again = true, true
			}
		}
		if !again {
			return policy.Calibration{Bias: w[0], Share: w[1], Candidates: w[2], Certain: w[3], LogProb: w[4]}
		}
	}
}

func newton(all []evidence, frozen [5]bool) (w [5]float64) {
	d := policy.DefaultCalibration
	prior := [5]float64{d.Bias, d.Share, d.Candidates, d.Certain, d.LogProb}
	w = prior
	for i, f := range frozen {
		if f {
			w[i] = 0
		}
	}
	l := likelihood{all, prior, frozen}
	for range 100 {
		g, h := l.slope(w)
		step := solve(h, g)
		now, next := l.loss(w), w
		for scale := 1.0; scale > 1e-6; scale /= 2 { // a whole step may overshoot
			for i := range w {
				next[i] = w[i] - scale*step[i]
			}
			if l.loss(next) <= now {
				break
			}
		}
		if now-l.loss(next) < 1e-9 {
			break
		}
		w = next
	}
	return w
}

// likelihood is what a fit makes least of: the surprise of the evidence in nats,
// and the pull.
type likelihood struct {
	all    []evidence
	prior  [5]float64
	frozen [5]bool
}

func (l likelihood) loss(w [5]float64) (sum float64) {
	for i := range w {
		sum += pull * (w[i] - l.prior[i]) * (w[i] - l.prior[i]) / 2
	}
	for _, e := range l.all {
		z := logit(w, e.tally.Features())
		// log(1+exp(z)) without overflow
		sum += e.weight * (math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - e.right*z)
	}
	return sum
}

// slope is the gradient and the curvature.
func (l likelihood) slope(w [5]float64) (g [5]float64, h [5][5]float64) {
	for i := range w {
		g[i] = pull * (w[i] - l.prior[i])
		h[i][i] = pull
	}
	for _, e := range l.all {
		x := e.tally.Features()
		p := 1 / (1 + math.Exp(-logit(w, x)))
		for i := range w {
			g[i] += e.weight * (p - e.right) * x[i]
			for j := range w {
				h[i][j] += e.weight * p * (1 - p) * x[i] * x[j]
			}
		}
	}
	for i, f := range l.frozen {
		if f {
			g[i], h[i] = 0, [5]float64{}
			for j := range h {
				h[j][i] = 0
			}
			h[i][i] = 1
		}
	}
	return g, h
}

func logit(w [5]float64, x []float64) (z float64) {
	for i := range w {
		z += w[i] * x[i]
	}
	return z
}

// solve solves h x = g, for an h that is positive definite.
func solve(h [5][5]float64, g [5]float64) [5]float64 {
	for i := range g {
		for j := i + 1; j < len(g); j++ {
			f := h[j][i] / h[i][i]
			for k := i; k < len(g); k++ {
				h[j][k] -= f * h[i][k]
			}
			g[j] -= f * g[i]
		}
	}
	for i := len(g) - 1; i >= 0; i-- {
		for k := i + 1; k < len(g); k++ {
			g[i] -= h[i][k] * g[k]
		}
		g[i] /= h[i][i]
	}
	return g
}

// fitAll is one calibration for several sets, each of which counts the same.
func fitAll(sets []*evalSet) policy.Calibration {
	var all []evidence
	var total int
	parts := make([][]evidence, len(sets))
	for i, s := range sets {
		parts[i] = gather(s.rows)
		total += len(parts[i])
	}
	for _, p := range parts {
		for _, e := range p {
			e.weight = float64(total) / float64(len(sets)) / float64(len(p))
			all = append(all, e)
		}
	}
	return fit(all)
}
