package embedded

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
)

// llama is a Llama transformer with weights in half precision. Where it rounds,
// and the order in which it adds, follow ggml's portable C code (the one a build
// without SIMD runs), so that greedy answers equal Ollama's. Every product that
// is added is rounded by itself: float32(a*b) keeps Go from fusing the two.
// Safe for concurrent use.
type llama struct {
	shape
	eps     float32
	emb     []float32 // also the head
	outNorm []float32
	blocks  []llamaBlock
	turns   []float32 // cos and sin, [position][head/2][2]
}

type llamaBlock struct {
	attnNorm, ffnNorm          []float32
	q, k, v, o, gate, up, down half
}

// half is a matrix of half-precision numbers, widened, row after row.
type half struct {
	in, rows int
	w        []float32
}

func newLlama(g *gguf, s shape) (*llama, error) {
	if s.dim%16 != 0 || s.ff%16 != 0 || s.head%16 != 0 {
		return nil, fmt.Errorf("%w: dimensions %d, %d and %d: want multiples of 16", ErrFormat, s.dim, s.ff, s.head)
	}
	t := &llama{shape: s}
	var err error
	if t.eps, err = g.float("llama.attention.layer_norm_rms_epsilon"); err != nil {
		return nil, err
	}
	base, err := g.float("llama.rope.freq_base")
	if err != nil {
		return nil, err
	}
	t.turns = ropeTable(s, base)
	load := loader{g: g}
	t.emb = load.half("token_embd", s.dim, s.vocab).w
	t.outNorm = load.floats("output_norm.weight", s.dim)
	for n := range s.layers {
		at := fmt.Sprintf("blk.%d.", n)
		t.blocks = append(t.blocks, llamaBlock{
			attnNorm: load.floats(at+"attn_norm.weight", s.dim), ffnNorm: load.floats(at+"ffn_norm.weight", s.dim),
			q: load.half(at+"attn_q", s.dim, s.dim), o: load.half(at+"attn_output", s.dim, s.dim),
			k: load.half(at+"attn_k", s.dim, s.kv()), v: load.half(at+"attn_v", s.dim, s.kv()),
			gate: load.half(at+"ffn_gate", s.dim, s.ff), up: load.half(at+"ffn_up", s.dim, s.ff),
			down: load.half(at+"ffn_down", s.ff, s.dim),
		})
		if load.err != nil {
			return nil, load.err
		}
	}
	return t, load.err
}

func (l *loader) floats(name string, n int) []float32 {
	v, err := l.g.floats(name, n)
	return keep(l, v, err)
}

func (l *loader) half(name string, in, rows int) half {
	raw, err := l.g.tensor(name+".weight", []uint32{typeF16}, in, rows)
	if keep(l, 0, err); l.err != nil {
		return half{}
	}
	m := half{in, rows, make([]float32, in*rows)}
	for i := range m.w {
		m.w[i] = widen[binary.LittleEndian.Uint16(raw.data[2*i:])]
	}
	return m
}

// ropeTable turns angles as ggml_rope_cache_init does: one power, then products.
func ropeTable(s shape, base float32) []float32 {
	step := float32(math.Pow(float64(base), float64(-2/float32(s.head))))
	table := make([]float32, 0, s.context*s.head)
	for pos := range s.context {
		theta := float32(pos)
		for range s.head / 2 {
			table = append(table, float32(math.Cos(float64(theta))), float32(math.Sin(float64(theta))))
			theta = float32(theta * step)
		}
	}
	return table
}

// llamaState is one sequence. Not safe for concurrent use.
type llamaState struct {
	t   *llama
	kv  pages[uint16]
	out []int64
}

func (t *llama) start() state {
	return &llamaState{t: t, kv: pages[uint16]{layers: t.layers, dim: t.kv()}}
}

func (s *llamaState) fork(n int) state { return &llamaState{s.t, s.kv.fork(n), s.out} }
func (s *llamaState) len() int         { return s.kv.n }
func (s *llamaState) logits() []int64  { return s.out }

func (s *llamaState) eval(ctx context.Context, tokens []int32, threads int) error {
	t, from := s.t, s.kv.n
	s.kv.grow(len(tokens))
	h := make([][]float32, len(tokens))
	for i, id := range tokens {
		h[i] = append([]float32(nil), t.emb[int(id)*t.dim:][:t.dim]...)
	}
	for l := range t.blocks {
		if err := ctx.Err(); err != nil {
			s.kv.n = from
			return err
		}
		b := &t.blocks[l]
		q := make([][]float32, len(tokens))
		spread(threads, len(tokens), func(i int) { q[i] = s.project(l, b, h[i], from+i) })
		spread(threads, len(tokens), func(i int) { t.feed(b, h[i], s.attend(l, q[i], from+i)) })
	}
	out := half{t.dim, t.vocab, t.emb}
	logits := out.apply(roundHalf(t.norm(h[len(h)-1], t.outNorm)))
	s.out = make([]int64, t.vocab)
	for v, x := range logits {
		s.out[v] = fixed(x)
	}
	return nil
}

// fixed is a logit in Q32, so that the order of two float32 is kept down to
// differences far below what they can be trusted for.
func fixed(x float32) int64 {
	switch {
	case x != x:
		return -1 << 47
	case x > 1<<15:
		return 1 << 47
	case x < -1<<15:
		return -1 << 47
	}
	return int64(float64(x) * (1 << 32))
}

func (s *llamaState) project(l int, b *llamaBlock, h []float32, pos int) []float32 {
	t := s.t
	x := roundHalf(t.norm(h, b.attnNorm))
	q, k, v := b.q.apply(x), b.k.apply(x), b.v.apply(x)
	t.rope(q, pos)
	t.rope(k, pos)
	kc, vc := s.kv.at(l, pos)
	for i := range kc {
		kc[i], vc[i] = narrow(k[i]), narrow(v[i])
	}
	return roundHalf(q)
}

func (t *llama) feed(b *llamaBlock, h, o []float32) {
	for i, y := range b.o.apply(roundHalf(o)) {
		h[i] += y
	}
	x := roundHalf(t.norm(h, b.ffnNorm))
	gate, up := b.gate.apply(x), b.up.apply(x)
	for i, g := range gate {
		gate[i] = float32(g/(1+expVector(-g))) * up[i]
	}
	for i, y := range b.down.apply(roundHalf(gate)) {
		h[i] += y
	}
}

// attend is ggml's flash attention for a cache in half precision: one pass with
// a running maximum, the values added up in half precision.
func (s *llamaState) attend(l int, q []float32, pos int) []float32 {
	t := s.t
	scale := 1 / float32(math.Sqrt(float64(t.head))) // two roundings, as in C
	out := make([]float32, t.dim)
	acc, key := make([]uint16, t.head), make([]float32, t.head)
	var dot [1]float32
	for hd := range t.heads {
		at := hd / (t.heads / t.kvHeads) * t.head
		clear(acc)
		sum, top := float32(0), float32(math.Inf(-1))
		for j := range pos + 1 {
			k, v := s.kv.at(l, j)
			for i, x := range k[at:][:t.head] {
				key[i] = widen[x]
			}
			dotHalf(key, q[hd*t.head:][:t.head], dot[:], t.head)
			score := float32(dot[0] * scale)
			old, weight := float32(1), float32(1)
			if score > top {
				old = expf(top - score)
				top = score
				for i, y := range acc {
					acc[i] = narrow(widen[y] * old)
				}
			} else {
				weight = expf(score - top)
			}
			madHalf(acc, v[at:][:t.head], weight)
			sum = float32(sum*old) + weight
		}
		inv := 1 / sum
		for i, y := range acc {
			out[hd*t.head+i] = float32(widen[y] * inv)
		}
	}
	return out
}

func (t *llama) rope(x []float32, pos int) {
	turn := t.turns[pos*t.head:][:t.head]
	for at := 0; at < len(x); at += t.head {
		for i := 0; i < t.head; i += 2 {
			a, b, c, s := x[at+i], x[at+i+1], turn[i], turn[i+1]
			x[at+i] = float32(a*c) - float32(b*s)
			x[at+i+1] = float32(a*s) + float32(b*c)
		}
	}
}

// norm is RMSNorm: squares in float32, their sum in float64, as ggml has it.
func (t *llama) norm(h, gain []float32) []float32 {
	sum := 0.0
	for _, x := range h {
		sum += float64(float32(x * x))
	}
	mean := float32(sum / float64(len(h)))
	scale := 1 / float32(math.Sqrt(float64(mean+t.eps)))
	y := make([]float32, len(h))
	for i, x := range h {
		y[i] = float32(x*scale) * gain[i]
	}
	return y
}

// roundHalf rounds to half precision in place, as ggml does with the vector it
// multiplies a half-precision matrix by.
func roundHalf(x []float32) []float32 {
	for i, v := range x {
		x[i] = widen[narrow(v)]
	}
	return x
}

func (m *half) apply(x []float32) []float32 {
	y := make([]float32, m.rows)
	dotHalf(m.w, x, y, m.in)
	return y
}

// expVector is ggml_v_expf as ggml compiles it for SSE2: after Arm's optimized
// routines, off by up to 2 units in the last place, which is enough to round
// another way to half precision.
func expVector(x float32) float32 {
	if x > 87 || x < -87 || x != x {
		return expf(x) // there ggml has another branch; SiLU is 0 or x on either
	}
	const shift = 0x1.8p23
	z := float32(x*0x1.715476p+0) + shift
	n := z - shift
	b := float32(x-float32(n*0x1.62e4p-1)) - float32(n*0x1.7f7d1cp-20)
	k := math.Float32frombits(math.Float32bits(z)<<23 + math.Float32bits(1))
	u := float32(b * b)
	p := float32(0x1.0e4020p-7*b) + 0x1.573e2ep-5
	q := float32(0x1.555e66p-3*b) + 0x1.fffdb6p-2
	j := float32(float32(float32(p*u)+q)*u) + float32(0x1.ffffecp-1*b)
	return float32(j*k) + k
}

// expf is e^x rounded to float32. math.Exp has assembly on some processors;
// its last bit in float64 is lost in the rounding.
func expf(x float32) float32 { return float32(math.Exp(float64(x))) }
