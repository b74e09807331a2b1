package codec

// EndSymbol is the number of the text's end among the symbols that [Symbols]
// weighs; the others are the bytes.
const EndSymbol = 256

// Symbols is a predictor of a short text from weights of what may come next:
// given the text so far, next returns 257 of them, one for each byte and the
// end, together under 2^48. They need no scale; where all are 0 nothing is said.
func Symbols(next func(so []byte) []uint64) Predictor {
	return &symbols{next: next, node: 1}
}

type symbols struct {
	next func(so []byte) []uint64
	so   []byte
	sums []uint64 // of the subtree of each node, 1 the root; leaves from 256 on; nil: not asked yet
	last uint64   // weight of the end
	node uint32   // 1 followed by the bits of the byte so far
}

// ask weighs the next symbol.
func (s *symbols) ask() {
	if s.sums != nil {
		return
	}
	w := s.next(s.so)
	s.last = w[EndSymbol]
	s.sums = make([]uint64, 512)
	copy(s.sums[256:], w[:EndSymbol])
	for i := 255; i > 0; i-- {
		s.sums[i] = s.sums[2*i] + s.sums[2*i+1]
	}
}

// P implements [Predictor].
func (s *symbols) P() uint32 {
	s.ask()
	return share(s.sums[2*s.node+1], s.sums[2*s.node])
}

// share is a/(a+b) as a probability of 16 bits, a half where both are 0.
func share(a, b uint64) uint32 {
	if a+b == 0 {
		return 1 << (probBits - 1)
	}
	return uint32(min(max(a<<probBits/(a+b), 1), 1<<probBits-1))
}

// Update implements [Predictor].
func (s *symbols) Update(bit int) {
	if s.node = s.node<<1 | uint32(bit); s.node >= 256 {
		s.so = append(s.so, byte(s.node))
		s.node, s.sums = 1, nil
	}
}

func (s *symbols) end() uint32 {
	s.ask()
	return share(s.last, s.sums[1])
}

func (s *symbols) ended(bool) {}

func (s *symbols) fork() Predictor {
	c := *s
	c.so = append([]byte(nil), s.so...)
	return &c
}
