package embedded

import "golang.org/x/sys/cpu"

func init() {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return
	}
	dotRows = func(w, x []int8, out []int32, stride int) {
		if len(out) > 0 {
			_, _ = w[len(out)*stride-1], x[stride-1]
			dotRowsAVX2(&w[0], &x[0], &out[0], len(out), stride)
		}
	}
	dotHalf = func(w, x []float32, out []float32, n int) {
		if len(out) > 0 {
			_, _ = w[len(out)*n-1], x[n-1]
			dotHalfAVX2(&w[0], &x[0], &out[0], len(out), n)
		}
	}
	// F16C came before AVX2 in every processor that has either.
	madHalf = func(y, x []uint16, v float32) {
		n := len(y) &^ 7
		if n > 0 {
			_ = x[n-1]
			madHalfF16C(&y[0], &x[0], v, n)
		}
		madHalfGo(y[n:], x[n:], v)
	}
	dotWide = func(q, k []int32) int64 {
		n, k := len(q)&^7, k[:len(q)]
		sum := dotWideGo(q[n:], k[n:])
		if n > 0 {
			sum += dotWideAVX2(&q[0], &k[0], n)
		}
		return sum
	}
	madWide = func(acc []int64, v []int32, w int32) {
		n, v := len(acc)&^7, v[:len(acc)]
		if n > 0 {
			madWideAVX2(&acc[0], &v[0], w, n)
		}
		madWideGo(acc[n:], v[n:], w)
	}
}

//go:noescape
func dotRowsAVX2(w, x *int8, out *int32, rows, stride int)

//go:noescape
func dotHalfAVX2(w, x, out *float32, rows, n int)

//go:noescape
func madHalfF16C(y, x *uint16, v float32, n int)

//go:noescape
func dotWideAVX2(q, k *int32, n int) int64

//go:noescape
func madWideAVX2(acc *int64, v *int32, w int32, n int)
