package cache

import "math"

// atLeast is the lower end of a one-sided Clopper-Pearson interval: with
// confidence 1-alpha the share behind k of n is at least this.
func atLeast(k, n int, alpha float64) float64 {
	if k <= 0 || n <= 0 {
		return 0
	}
	return betaQuantile(alpha, float64(k), float64(n-k+1))
}

// atMost is the upper end.
func atMost(k, n int, alpha float64) float64 {
	if k >= n {
		return 1
	}
	return betaQuantile(1-alpha, float64(k+1), float64(n-k))
}

// betaQuantile finds x with I_x(a,b) = p by halving, to 1e-9.
func betaQuantile(p, a, b float64) float64 {
	lo, hi := 0.0, 1.0
	for hi-lo > 1e-9 {
		if mid := (lo + hi) / 2; betaShare(mid, a, b) < p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// betaShare is the regularised incomplete beta function I_x(a,b), by its
// continued fraction (Lentz's method).
func betaShare(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - betaShare(1-x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	c, d, f := 1.0, 0.0, 1.0
	for i := range 400 {
		m := float64(i / 2)
		num := 1.0
		switch {
		case i == 0:
		case i%2 == 0:
			num = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			num = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + num*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + num/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if i > 0 && math.Abs(1-c*d) < 1e-12 {
			break
		}
	}
	return front * (f - 1)
}
