package embedded

// dotRows sets out[r] = sum of w[r*stride+i] * x[i] over i < stride, for each r
// of out. Stride is a multiple of 32 and x has stride elements. The sums are
// exact, so every implementation gives the same bits; |x| and |w| stay under
// 128 and stride under 2^16, so that int32 holds them.
var dotRows = dotRowsGo

func dotRowsGo(w, x []int8, out []int32, stride int) {
	x = x[:stride]
	for r := range out {
		row := w[r*stride:][:stride]
		var a, b int32
		for i := 0; i+1 < len(row) && i+1 < len(x); i += 2 {
			a += int32(row[i]) * int32(x[i])
			b += int32(row[i+1]) * int32(x[i+1])
		}
		out[r] = a + b
	}
}

// dotHalf sets out[r] = sum of w[r*n+i] * x[i] over i < n, for each r of out,
// rounded once from float64. Values come from half precision, so that each
// product is exact in float64 and the fused and the plain multiply-add agree.
// Element i is added to partial sum i mod 16; n is a multiple of 16.
var dotHalf = dotHalfGo

func dotHalfGo(w, x []float32, out []float32, n int) {
	x = x[:n]
	for r := range out {
		row := w[r*n:][:n]
		var s [16]float64
		for i := 0; i+15 < len(row) && i+15 < len(x); i += 16 {
			for l := range 16 {
				s[l] += float64(float64(row[i+l]) * float64(x[i+l]))
			}
		}
		out[r] = float32(reduce(&s))
	}
}

// reduce adds sixteen partial sums in the order in which AVX does it.
func reduce(s *[16]float64) float64 {
	var t [4]float64
	for l := range t {
		t[l] = (s[l] + s[l+4]) + (s[l+8] + s[l+12])
	}
	return (t[0] + t[2]) + (t[1] + t[3])
}

// madHalf is y += v*x in half precision: widened, one multiply and one add in
// float32, each rounded, then rounded to half, as ggml_vec_mad_f16 without FMA.
var madHalf = madHalfGo

func madHalfGo(y, x []uint16, v float32) {
	for i := range y {
		p := float32(widen[x[i]] * v)
		y[i] = narrow(widen[y[i]] + p)
	}
}

// dotWide sets out[r] = sum of q[i] * k[r*stride+i], in int64, wrapping.
var dotWide = dotWideGo

func dotWideGo(q, k []int32, stride int, out []int64) {
	for r := range out {
		var sum int64
		for i, x := range k[r*stride:][:len(q)] {
			sum += int64(x) * int64(q[i])
		}
		out[r] = sum
	}
}

// madWide is acc[i] += sum of w[r] * v[r*stride+i], in int64, wrapping. The
// weights fit in 32 bits.
var madWide = madWideGo

func madWideGo(acc []int64, v []int32, stride int, w []int64) {
	for r, f := range w {
		for i, x := range v[r*stride:][:len(acc)] {
			acc[i] += int64(x) * f
		}
	}
}
