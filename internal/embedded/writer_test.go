package embedded

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// writer builds GGUF files for tests.
type writer struct {
	meta, infos, data bytes.Buffer
	entries, tensors  uint64
}

func put(b *bytes.Buffer, v any) {
	if s, ok := v.(string); ok {
		put(b, uint64(len(s)))
		b.WriteString(s)
		return
	}
	_ = binary.Write(b, binary.LittleEndian, v)
}

func (w *writer) set(key string, v any) {
	w.entries++
	put(&w.meta, key)
	switch v := v.(type) {
	case string:
		put(&w.meta, uint32(valueString))
		put(&w.meta, v)
	case uint32:
		put(&w.meta, uint32(4))
		put(&w.meta, v)
	case float32:
		put(&w.meta, uint32(valueF32))
		put(&w.meta, v)
	case bool:
		put(&w.meta, uint32(valueBool))
		put(&w.meta, v)
	case []int32:
		put(&w.meta, []uint32{valueArray, 5})
		put(&w.meta, uint64(len(v)))
		put(&w.meta, v)
	case []string:
		put(&w.meta, []uint32{valueArray, valueString})
		put(&w.meta, uint64(len(v)))
		for _, s := range v {
			put(&w.meta, s)
		}
	default:
		panic(fmt.Sprintf("set %s: %T", key, v))
	}
}

func (w *writer) tensor(name string, kind uint32, data any, dims ...int) {
	w.tensors++
	for w.data.Len()%32 != 0 {
		w.data.WriteByte(0)
	}
	put(&w.infos, name)
	put(&w.infos, uint32(len(dims)))
	for _, d := range dims {
		put(&w.infos, uint64(d))
	}
	put(&w.infos, kind)
	put(&w.infos, uint64(w.data.Len()))
	put(&w.data, data)
}

func (w *writer) bytes() []byte {
	var b bytes.Buffer
	b.WriteString("GGUF")
	put(&b, uint32(3))
	put(&b, []uint64{w.tensors, w.entries})
	b.Write(w.meta.Bytes())
	b.Write(w.infos.Bytes())
	for b.Len()%32 != 0 {
		b.WriteByte(0)
	}
	b.Write(w.data.Bytes())
	return b.Bytes()
}

// size is the shape of a test model.
type size struct{ dim, layers, ff, heads, kv, context, vocab int }

var tiny = size{dim: 64, layers: 2, ff: 96, heads: 4, kv: 2, context: 256, vocab: 264}

// tokens writes a tokenizer with five merges, padded with unused tokens.
func (w *writer) tokenizer(vocab int) {
	names := []string{"<|end|>", "<|q|>", "<|a|>"}
	kinds := []int32{3, 3, 3}
	for _, r := range toAlphabet {
		names, kinds = append(names, string(r)), append(kinds, 1)
	}
	merges := []string{"t h", "th e", "Ġ the", "i n", "Ġ a"}
	for _, m := range merges {
		a, b, _ := cutSpace(m)
		names, kinds = append(names, a+b), append(kinds, 1)
	}
	for len(names) < vocab {
		names, kinds = append(names, fmt.Sprintf("w%dx", len(names))), append(kinds, 1)
	}
	w.set("tokenizer.ggml.model", "gpt2")
	w.set("tokenizer.ggml.pre", "gpt-2")
	w.set("tokenizer.ggml.tokens", names)
	w.set("tokenizer.ggml.token_type", kinds)
	w.set("tokenizer.ggml.merges", merges)
	w.set("tokenizer.ggml.eos_token_id", uint32(0))
	w.set("tokenizer.ggml.padding_token_id", uint32(0))
	w.set("tokenizer.ggml.add_bos_token", false)
}

func (w *writer) shape(arch string, s size) {
	w.set("general.architecture", arch)
	for k, v := range map[string]int{
		"context_length": s.context, "embedding_length": s.dim, "block_count": s.layers,
		"feed_forward_length": s.ff, "vocab_size": s.vocab, "rope.dimension_count": s.dim / s.heads,
		"attention.head_count": s.heads, "attention.head_count_kv": s.kv,
	} {
		w.set(arch+"."+k, uint32(v))
	}
	w.tokenizer(s.vocab)
}

// fill makes n values.
func fill[T any](n int, f func(i int) T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = f(i)
	}
	return s
}

// randomSmall is a ternary model with random weights.
func randomSmall(s size, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &writer{}
	w.shape("tenbit", s)
	head := s.dim / s.heads
	w.set("tenbit.attention.scale", uint32(math.Round(65536*math.Log2E/math.Sqrt(float64(head)))))
	w.tensor("token_embd.weight", typeI8, fill(s.dim*s.vocab, func(i int) int8 {
		if i < 3*s.dim { // a small logit for control tokens: answers go on
			return int8(i & 1)
		}
		return int8(rng.IntN(255) - 127)
	}), s.dim, s.vocab)
	scalar := func(name string, v int32) { w.tensor(name, typeI32, []int32{v}, 1) }
	gain := func(name string, n int) {
		w.tensor(name, typeI32, fill(n, func(int) int32 { return 2048 + rng.Int32N(4096) }), n)
	}
	matrix := func(name string, in, out int) {
		w.tensor(name+".weight", typeI8, fill(in/4*out, func(int) uint8 {
			return uint8(rng.IntN(3) | rng.IntN(3)<<2 | rng.IntN(3)<<4 | rng.IntN(3)<<6)
		}), in/4, out)
		// Unit variance: 1 / (127 * sqrt(in * 2/3)).
		scalar(name+".scale", int32(math.Round(math.Ldexp(1/(127*math.Sqrt(float64(in)*2/3)), 32))))
	}
	scalar("token_embd.scale", 65536/74) // 74: the deviation of the codes
	scalar("output.scale", int32(math.Round(math.Ldexp(2/(127*74*math.Sqrt(float64(s.dim))), 28))))
	gain("output_norm.weight", s.dim)
	turn := func(f func(float64) float64) []int16 {
		return fill(head/2*s.context, func(i int) int16 {
			return int16(math.Round(16384 * f(float64(i/(head/2))*math.Pow(10000, -float64(2*(i%(head/2)))/float64(head)))))
		})
	}
	w.tensor("rope.cos", typeI16, turn(math.Cos), head/2, s.context)
	w.tensor("rope.sin", typeI16, turn(math.Sin), head/2, s.context)
	w.tensor("exp2.table", typeI32, standardExp2, 256)
	for l := range s.layers {
		at := fmt.Sprintf("blk.%d.", l)
		gain(at+"attn_norm.weight", s.dim)
		gain(at+"attn_sub_norm.weight", s.dim)
		gain(at+"ffn_norm.weight", s.dim)
		gain(at+"ffn_sub_norm.weight", s.ff)
		matrix(at+"attn_q", s.dim, s.dim)
		matrix(at+"attn_k", s.dim, s.kv*head)
		matrix(at+"attn_v", s.dim, s.kv*head)
		matrix(at+"attn_output", s.dim, s.dim)
		matrix(at+"ffn_gate", s.dim, s.ff)
		matrix(at+"ffn_up", s.dim, s.ff)
		matrix(at+"ffn_down", s.ff, s.dim)
	}
	return w.bytes()
}

// randomLarge is a Llama with random weights.
func randomLarge(s size, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 2))
	w := &writer{}
	w.shape("llama", s)
	w.set("general.file_type", uint32(1))
	w.set("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
	w.set("llama.rope.freq_base", float32(10000))
	matrix := func(name string, in, out int, scale float64) {
		w.tensor(name+".weight", typeF16, fill(in*out, func(int) uint16 { return narrow(float32(rng.NormFloat64() * scale)) }), in, out)
	}
	gain := func(name string, n int) {
		w.tensor(name+".weight", typeF32, fill(n, func(int) float32 { return 0.5 + rng.Float32() }), n)
	}
	w.tensor("token_embd.weight", typeF16, fill(s.dim*s.vocab, func(i int) uint16 {
		// Small against what the blocks add, or a token would be followed by itself.
		v := rng.NormFloat64() / 8
		if id := i / s.dim; id < 3+' ' || id > 3+'~' && id < 259 {
			v *= 0.01 // answers go on, and are printable
		}
		return narrow(float32(v))
	}), s.dim, s.vocab)
	gain("output_norm", s.dim)
	head := s.dim / s.heads
	for l := range s.layers {
		at := fmt.Sprintf("blk.%d.", l)
		gain(at+"attn_norm", s.dim)
		gain(at+"ffn_norm", s.dim)
		d, f := 1/math.Sqrt(float64(s.dim)), 1/math.Sqrt(float64(s.ff))
		matrix(at+"attn_q", s.dim, s.dim, d)
		matrix(at+"attn_k", s.dim, s.kv*head, d)
		matrix(at+"attn_v", s.dim, s.kv*head, d)
		matrix(at+"attn_output", s.dim, s.dim, d)
		matrix(at+"ffn_gate", s.dim, s.ff, d)
		matrix(at+"ffn_up", s.dim, s.ff, d)
		matrix(at+"ffn_down", s.ff, s.dim, f)
	}
	return w.bytes()
}
