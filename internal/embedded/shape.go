package embedded

import "fmt"

// shape is what the metadata says of a model's size.
type shape struct {
	context, dim, layers, ff, vocab int
	heads, kvHeads, head            int
}

func (s shape) kv() int { return s.kvHeads * s.head }

// readShape reads the sizes under the architecture's prefix. The bounds keep
// every product of sizes far from overflow.
func readShape(g *gguf, arch string, tokens int) (shape, error) {
	var s shape
	for _, f := range []struct {
		at   *int
		key  string
		most int64
	}{
		{&s.context, "context_length", 1 << 14},
		{&s.dim, "embedding_length", 1 << 13},
		{&s.layers, "block_count", 128},
		{&s.ff, "feed_forward_length", 1 << 14},
		{&s.vocab, "vocab_size", 1 << 16},
		{&s.heads, "attention.head_count", 256},
		{&s.kvHeads, "attention.head_count_kv", 256},
	} {
		n, err := g.number(arch+"."+f.key, 1, f.most)
		if err != nil {
			return s, err
		}
		*f.at = n
	}
	s.head = s.dim / s.heads
	switch {
	case s.vocab != tokens:
		return s, fmt.Errorf("%w: vocabulary of %d with %d tokens", ErrFormat, s.vocab, tokens)
	case s.dim%s.heads != 0 || s.heads%s.kvHeads != 0 || s.head%2 != 0:
		return s, fmt.Errorf("%w: %d heads, %d for keys, in %d dimensions", ErrFormat, s.heads, s.kvHeads, s.dim)
	case s.context < 16:
		return s, fmt.Errorf("%w: a context of %d: want at least 16", ErrFormat, s.context)
	}
	if n, err := g.number(arch+".rope.dimension_count", 1, 1<<13); err != nil || n != s.head {
		return s, fmt.Errorf("%w: rope over %d of %d dimensions", ErrFormat, n, s.head)
	}
	return s, nil
}
