package codec

// order2 is the small model that needs no training: bytes predicted from up to
// two bytes before, mixed by their logits. It stands in where a process may not
// afford the prior, and is the reference for tests.
type order2 struct{}

// Name implements [Model].
func (order2) Name() string { return "order2" }

// Fingerprint implements [Model]: the number of the algorithm.
func (order2) Fingerprint() uint64 { return 0x6f72646572320001 }

const order2Slots = 1 << 16 // per order

// Predictor implements [Model].
func (order2) Predictor(context ...[]byte) Predictor {
	p := &order2State{node: 1}
	for i := range p.slot {
		p.slot[i] = make([]uint16, order2Slots)
		for j := range p.slot[i] {
			p.slot[i][j] = 1 << 15
		}
		p.weight[i] = 1 << 14
	}
	p.select3()
	for _, c := range context {
		Prime(p, c)
	}
	return p
}

// order2State is order2's predictor for one text.
type order2State struct {
	slot   [3][]uint16 // probabilities of a 1, by context and bits of the byte so far
	weight [3]int32    // of each order's logit, 1<<16 is one
	past   uint32      // the last two bytes
	node   uint32      // 1 followed by the bits of the byte so far
	index  [3]uint32
	logit  [3]int32
	p      uint32
	fresh  bool // p belongs to the current node
}

func (s *order2State) select3() {
	const k = 0x9e3779b1
	s.index[0] = s.node
	s.index[1] = (s.past&0xff)<<8 | s.node
	s.index[2] = (s.past*k ^ s.node*0x85ebca6b) >> 16
	s.fresh = false
}

// P implements [Predictor].
func (s *order2State) P() uint32 {
	if !s.fresh {
		sum := int64(0)
		for i, j := range s.index {
			s.logit[i] = stretch(uint32(s.slot[i][j]))
			sum += int64(s.logit[i]) * int64(s.weight[i])
		}
		s.p = squash(int32(min(max(sum>>16, -maxLogit), maxLogit)))
		s.fresh = true
	}
	return s.p
}

// Update implements [Predictor].
func (s *order2State) Update(bit int) {
	err := int32(bit<<16) - int32(s.P())
	for i, j := range s.index {
		s.weight[i] += int32(int64(s.logit[i]) * int64(err) >> 14)
		v := int32(s.slot[i][j])
		if bit == 1 {
			v += (65535 - v) >> 4
		} else {
			v -= v >> 4
		}
		s.slot[i][j] = uint16(v)
	}
	s.node = s.node<<1 | uint32(bit)
	if s.node >= 256 {
		s.past = (s.past<<8 | s.node&0xff) & 0xffff
		s.node = 1
	}
	s.select3()
}

// end is one in 512 wherever the text stands.
func (s *order2State) end() uint32 { return 128 }

func (s *order2State) ended(bool) {}

func (s *order2State) fork() Predictor {
	c := *s
	for i := range c.slot {
		c.slot[i] = append([]uint16(nil), s.slot[i]...)
	}
	return &c
}
