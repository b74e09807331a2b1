package embedded

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestKernelsEqualPlainGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{32, 64, 96, 512, 4096} {
		const rows = 7
		w, x := make([]int8, rows*n), make([]int8, n)
		wf, xf := make([]float32, rows*n), make([]float32, n)
		y, z := make([]uint16, n-3), make([]uint16, n)
		for i := range w {
			w[i] = int8(rng.IntN(255) - 127)
			wf[i] = widen[narrow(float32(rng.NormFloat64()))]
		}
		for i := range x {
			x[i] = int8(rng.IntN(255) - 127)
			xf[i] = widen[narrow(float32(rng.NormFloat64()))]
			z[i] = narrow(float32(rng.NormFloat64()))
		}
		got, want := make([]int32, rows), make([]int32, rows)
		dotRows(w, x, got, n)
		dotRowsGo(w, x, want, n)
		if !slices.Equal(got, want) {
			t.Errorf("dotRows of %d: got %v, want %v", n, got, want)
		}
		gotF, wantF := make([]float32, rows), make([]float32, rows)
		dotHalf(wf, xf, gotF, n)
		dotHalfGo(wf, xf, wantF, n)
		if !slices.Equal(gotF, wantF) {
			t.Errorf("dotHalf of %d: got %v, want %v", n, gotF, wantF)
		}
		y2 := slices.Clone(y)
		for range 3 {
			v := rng.Float32()
			madHalf(y, z, v)
			madHalfGo(y2, z, v)
		}
		if !slices.Equal(y, y2) {
			t.Errorf("madHalf of %d: got %v, want %v", n, y, y2)
		}
	}
}

func TestWideKernelsEqualPlainGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const rows = 5
	for n := range 70 {
		stride := n + rng.IntN(9)
		q, k := make([]int32, n), make([]int32, rows*stride)
		acc, w := make([]int64, n), make([]int64, rows)
		for i := range k {
			k[i] = int32(rng.Uint32())
		}
		for i := range q {
			q[i], acc[i] = int32(rng.Uint32()), int64(rng.Uint64())
		}
		for i := range w {
			w[i] = int64(int32(rng.Uint32()))
		}
		got, want := make([]int64, rows), make([]int64, rows)
		dotWide(q, k, stride, got)
		dotWideGo(q, k, stride, want)
		if !slices.Equal(got, want) {
			t.Errorf("dotWide of %d: got %d, want %d", n, got, want)
		}
		plain := slices.Clone(acc)
		madWide(acc, k, stride, w)
		madWideGo(plain, k, stride, w)
		if !slices.Equal(acc, plain) {
			t.Errorf("madWide of %d: got %v, want %v", n, acc, plain)
		}
	}
}

func TestHalfRoundTrips(t *testing.T) {
	for h := range 1 << 16 {
		f := widen[h]
		if f != f {
			continue
		}
		if got := narrow(f); got != uint16(h) {
			t.Fatalf("%#04x is %v and comes back as %#04x", h, f, got)
		}
		// Halfway to the next number rounds to even.
		if h&0x7fff >= 0x7bff {
			continue
		}
		mid := float32((float64(f) + float64(widen[h+1])) / 2)
		if got, want := narrow(mid), uint16(h+h&1); got != want {
			t.Fatalf("%v between %#04x and its successor: got %#04x, want %#04x", mid, h, got, want)
		}
	}
	if got := narrow(float32(math.Inf(1))); got != 0x7c00 {
		t.Errorf("infinity: got %#04x", got)
	}
}

func TestIntegerRoot(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 3, 4, 15, 16, 1 << 32, 1<<62 - 1, 1 << 62, math.MaxUint64} {
		r := uint64(isqrt(n))
		if r*r > n || r < 1<<32-1 && (r+1)*(r+1) <= n {
			t.Errorf("root of %d: got %d", n, r)
		}
	}
}

func TestVectorExponential(t *testing.T) {
	for x := float32(-87); x <= 87; x += 0.0137 {
		want := math.Exp(float64(x))
		if got := float64(expVector(x)); math.Abs(got/want-1) > 2.5e-7 {
			t.Errorf("e^%v: got %v, want %v", x, got, want)
		}
	}
}
