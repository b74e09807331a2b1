package embedded

import (
	"context"
	"fmt"
	"math"
	"math/bits"
)

// ternary is a BitNet b1.58 transformer in integers alone: docs/models.md has
// every operation, so that any implementation gives the same bits. Names there
// and here are the same. Safe for concurrent use.
type ternary struct {
	shape
	emb      matrix // the embedding, also the head
	embScale int64
	outScale int64
	outNorm  []int32
	blocks   []ternaryBlock
	cos, sin []int16 // Q14, [position][head/2]
	exp2     []int32 // round(2^(24-i/256))
	scale    int64   // of scores
}

type ternaryBlock struct {
	attnNorm, attnSub, ffnNorm, ffnSub []int32
	q, k, v, o, gate, up, down         matrix
}

// matrix is a matrix of int8 with rows padded by zeros to a multiple of 32.
type matrix struct {
	in, rows, stride int
	w                []int8
	scale            int64
}

func newMatrix(in, rows int) matrix {
	stride := (in + 31) &^ 31
	return matrix{in: in, rows: rows, stride: stride, w: make([]int8, rows*stride)}
}

func newTernary(g *gguf, s shape) (*ternary, error) {
	t := &ternary{shape: s, emb: newMatrix(s.dim, s.vocab)}
	raw, err := g.tensor("token_embd.weight", []uint32{typeI8}, s.dim, s.vocab)
	if err != nil {
		return nil, err
	}
	for i, b := range raw.data {
		if int8(b) == math.MinInt8 {
			return nil, fmt.Errorf("%w: token_embd.weight holds -128", ErrFormat)
		}
		t.emb.w[i/s.dim*t.emb.stride+i%s.dim] = int8(b)
	}
	load := loader{g: g}
	t.embScale, t.outScale = load.scalar("token_embd.scale"), load.scalar("output.scale")
	t.outNorm = load.gains("output_norm.weight", s.dim)
	t.exp2 = load.gains("exp2.table", 256)
	t.cos, t.sin = load.shorts("rope.cos", s.head/2, s.context), load.shorts("rope.sin", s.head/2, s.context)
	for n := range s.layers {
		at := fmt.Sprintf("blk.%d.", n)
		t.blocks = append(t.blocks, ternaryBlock{
			attnNorm: load.gains(at+"attn_norm.weight", s.dim), attnSub: load.gains(at+"attn_sub_norm.weight", s.dim),
			ffnNorm: load.gains(at+"ffn_norm.weight", s.dim), ffnSub: load.gains(at+"ffn_sub_norm.weight", s.ff),
			q: load.packed(at+"attn_q", s.dim, s.dim), o: load.packed(at+"attn_output", s.dim, s.dim),
			k: load.packed(at+"attn_k", s.dim, s.kv()), v: load.packed(at+"attn_v", s.dim, s.kv()),
			gate: load.packed(at+"ffn_gate", s.dim, s.ff), up: load.packed(at+"ffn_up", s.dim, s.ff),
			down: load.packed(at+"ffn_down", s.ff, s.dim),
		})
		if load.err != nil {
			return nil, load.err
		}
	}
	scale, err := g.number("tenbit.attention.scale", 1, 1<<24)
	if err != nil {
		return nil, err
	}
	t.scale = int64(scale)
	for _, p := range t.exp2 {
		// A sum of these over a context stays positive: it is divided by.
		if p < 1 || p > 1<<24 {
			return nil, fmt.Errorf("%w: exp2.table holds %d", ErrFormat, p)
		}
	}
	return t, nil
}

// loader reads tensors; the first error sticks.
type loader struct {
	g   *gguf
	err error
}

func keep[T any](l *loader, v T, err error) T {
	if l.err == nil {
		l.err = err
	}
	return v
}

func (l *loader) gains(name string, n int) []int32 {
	v, err := l.g.integers(name, n)
	return keep(l, v, err)
}

func (l *loader) shorts(name string, n, rows int) []int16 {
	v, err := l.g.shorts(name, n, rows)
	return keep(l, v, err)
}

func (l *loader) scalar(name string) int64 {
	if v := l.gains(name, 1); len(v) == 1 {
		return int64(v[0])
	}
	return 0
}

// packed reads ternary weights: two bits each, four in a byte, lowest first.
func (l *loader) packed(name string, in, rows int) matrix {
	raw, err := l.g.tensor(name+".weight", []uint32{typeI8}, in/4, rows)
	if err == nil && in%4 != 0 {
		err = fmt.Errorf("%w: %s has rows of %d: not a multiple of 4", ErrFormat, name, in)
	}
	if keep(l, 0, err); l.err != nil {
		return matrix{}
	}
	m := newMatrix(in, rows)
	m.scale = l.scalar(name + ".scale")
	for i, b := range raw.data {
		row := m.w[i/(in/4)*m.stride+i%(in/4)*4:]
		for j := range 4 {
			code := int8(b >> (2 * j) & 3)
			if code == 3 {
				keep(l, 0, fmt.Errorf("%w: %s holds the code 3", ErrFormat, name))
				return m
			}
			row[j] = code - 1
		}
	}
	return m
}

// ternaryState is one sequence. Not safe for concurrent use.
type ternaryState struct {
	t   *ternary
	kv  pages[int32]
	out []int64
}

func (t *ternary) start() state {
	return &ternaryState{t: t, kv: pages[int32]{layers: t.layers, dim: t.kv()}}
}

func (s *ternaryState) fork(n int) state { return &ternaryState{s.t, s.kv.fork(n), s.out} }
func (s *ternaryState) len() int         { return s.kv.n }
func (s *ternaryState) logits() []int64  { return s.out }

// eval reads tokens, which must fit the context, and computes the logits after
// the last one. Cancelled, it leaves the state as it was.
func (s *ternaryState) eval(ctx context.Context, tokens []int32, threads int) error {
	t, from := s.t, s.kv.n
	s.kv.grow(len(tokens))
	h := make([][]int64, len(tokens))
	for i, id := range tokens {
		h[i] = make([]int64, t.dim)
		for j, e := range t.emb.w[int(id)*t.emb.stride:][:t.dim] {
			h[i][j] = int64(e) * t.embScale
		}
	}
	for l := range t.blocks {
		if err := ctx.Err(); err != nil {
			s.kv.n = from
			return err
		}
		b := &t.blocks[l]
		q := make([][]int64, len(tokens))
		spread(threads, len(tokens), func(i int) { q[i] = s.project(l, b, h[i], from+i) })
		spread(threads, len(tokens), func(i int) {
			t.feed(b, h[i], s.attend(l, q[i], from+i))
		})
	}
	a, m := normQuantise(h[len(h)-1], t.outNorm)
	acc := make([]int32, t.vocab)
	dotRows(t.emb.w, a, acc, t.emb.stride)
	s.out = make([]int64, t.vocab)
	for v, x := range acc {
		s.out[v] = (int64(x)*m*t.outScale + 1<<27) >> 28
	}
	return nil
}

// project computes the query of one position and stores its key and value.
func (s *ternaryState) project(l int, b *ternaryBlock, h []int64, pos int) []int64 {
	t := s.t
	a, m := normQuantise(h, b.attnNorm)
	q, k, v := b.q.apply(a, m), b.k.apply(a, m), b.v.apply(a, m)
	t.rope(q, pos)
	t.rope(k, pos)
	kc, vc := s.kv.at(l, pos)
	for i := range kc {
		kc[i], vc[i] = int32(k[i]), int32(v[i])
	}
	return q
}

// feed adds the attention's output and then the feed-forward part to h.
func (t *ternary) feed(b *ternaryBlock, h, o []int64) {
	a, m := normQuantise(o, b.attnSub)
	for i, y := range b.o.apply(a, m) {
		h[i] += y
	}
	a, m = normQuantise(h, b.ffnNorm)
	r, up := b.gate.apply(a, m), b.up.apply(a, m)
	for i := range r {
		r[i] = (max(r[i], 0)*up[i] + 1<<15) >> 16
	}
	a, m = normQuantise(r, b.ffnSub)
	for i, y := range b.down.apply(a, m) {
		h[i] += y
	}
}

// attend computes the attention of one position over all up to it.
func (s *ternaryState) attend(l int, q []int64, pos int) []int64 {
	t := s.t
	out := make([]int64, t.dim)
	p := make([]int64, pos+1)
	sums := make([]int64, t.head)
	qs := make([]int32, t.dim)
	for i, x := range q {
		qs[i] = int32(x)
	}
	for hd := range t.heads {
		at := hd / (t.heads / t.kvHeads) * t.head
		qh := qs[hd*t.head:][:t.head]
		s.kv.each(l, len(p), func(from, to int, k, _ []int32) {
			dotWide(qh, k[at:], t.kv(), p[from:to])
		})
		top := int64(math.MinInt64)
		for j, sum := range p {
			p[j] = sum >> 16 * t.scale >> 16
			top = max(top, p[j])
		}
		total := int64(0)
		for j, x := range p {
			p[j] = power(t.exp2, top-x)
			total += p[j]
		}
		clear(sums)
		s.kv.each(l, len(p), func(from, to int, _, v []int32) {
			madWide(sums, v[at:], t.kv(), p[from:to])
		})
		for i, x := range sums {
			out[hd*t.head+i] = div(x, total)
		}
	}
	return out
}

// power is 2^(24-d) for d in Q16, from a table of 256 steps.
func power(table []int32, d int64) int64 {
	d = max(d, 0) // only an overflow, in a hostile model, makes it negative
	return int64(table[d&0xffff>>8]) >> min(d>>16, 31)
}

func (t *ternary) rope(x []int64, pos int) {
	half := t.head / 2
	cos, sin := t.cos[pos*half:][:half], t.sin[pos*half:][:half]
	for at := 0; at < len(x); at += t.head {
		for i := range half {
			a, b, c, s := x[at+2*i], x[at+2*i+1], int64(cos[i]), int64(sin[i])
			x[at+2*i] = (a*c - b*s + 1<<13) >> 14
			x[at+2*i+1] = (a*s + b*c + 1<<13) >> 14
		}
	}
}

// normQuantise gives the int8 codes of the normalised vector, padded for
// [dotRows], and its greatest absolute value in Q16.
func normQuantise(h []int64, g []int32) (codes []int8, m int64) {
	codes = make([]int8, (len(h)+31)&^31)
	u := make([]int64, len(h))
	var ss, most int64
	for i, x := range h {
		ss += x * x
		u[i] = x * int64(g[i])
		most = max(most, u[i], -u[i])
	}
	if most <= 0 {
		return codes, 0
	}
	for i, x := range u {
		codes[i] = int8(div(x*127, most))
	}
	rms := max(1, isqrt(uint64(ss)/uint64(len(h))))
	return codes, most * 16 / rms
}

// apply is the linear layer: exact sums, then one rounding shift to Q16.
func (x *matrix) apply(a []int8, m int64) []int64 {
	acc := make([]int32, x.rows)
	dotRows(x.w, a, acc, x.stride)
	y := make([]int64, x.rows)
	for i, s := range acc {
		y[i] = (int64(s)*m*x.scale + 1<<31) >> 32
	}
	return y
}

// div rounds a/b to nearest, halves away from zero. b is positive.
func div(a, b int64) int64 {
	if a < 0 {
		return -((2*-a + b) / (2 * b))
	}
	return (2*a + b) / (2 * b)
}

// isqrt is the integer square root, rounded down.
func isqrt(n uint64) int64 {
	if n == 0 {
		return 0
	}
	x := uint64(1) << ((bits.Len64(n) + 1) / 2) // at least the root
	for {
		y := (x + n/x) / 2
		if y >= x {
			return int64(x)
		}
		x = y
	}
}
