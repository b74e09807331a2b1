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
	dotWide = func(q, k []int32, stride int, out []int64) {
		if len(q)%8 != 0 || len(q) == 0 || len(out) == 0 {
			dotWideGo(q, k, stride, out)
			return
		}
		_ = k[(len(out)-1)*stride+len(q)-1]
		dotWideAVX2(&q[0], &k[0], &out[0], len(q), stride, len(out))
	}
	madWide = func(acc []int64, v []int32, stride int, w []int64) {
		if len(acc)%8 != 0 || len(acc) == 0 || len(w) == 0 {
			madWideGo(acc, v, stride, w)
			return
		}
		_ = v[(len(w)-1)*stride+len(acc)-1]
		madWideAVX2(&acc[0], &v[0], &w[0], len(acc), stride, len(w))
	}
}

//go:noescape
func dotRowsAVX2(w, x *int8, out *int32, rows, stride int)

//go:noescape
func dotHalfAVX2(w, x, out *float32, rows, n int)

//go:noescape
func madHalfF16C(y, x *uint16, v float32, n int)

//go:noescape
func dotWideAVX2(q, k *int32, out *int64, n, stride, rows int)

//go:noescape
func madWideAVX2(acc *int64, v *int32, w *int64, n, stride, rows int)
