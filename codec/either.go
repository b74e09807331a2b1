package codec

// Either predicts a text that a foretells with the given likelihood, in 1/65536, or
// else b; which of them it is shows while the text goes on.
func Either(a, b Predictor, likely uint32) Predictor {
	return &either{a: a, b: b, likelyA: uint64(likely), likelyB: 1<<probBits - uint64(likely)}
}

type either struct {
	a, b             Predictor
	likelyA, likelyB uint64
	pa, pb           uint32
}

// P implements [Predictor].
func (x *either) P() uint32 { return x.mix(x.a.P(), x.b.P()) }

func (x *either) mix(pa, pb uint32) uint32 {
	x.pa, x.pb = pa, pb
	p := (uint64(pa)*x.likelyA + uint64(pb)*x.likelyB) / (x.likelyA + x.likelyB)
	return uint32(min(max(p, 1), 1<<probBits-1))
}

// Update implements [Predictor].
func (x *either) Update(bit int) {
	x.learn(bit)
	x.a.Update(bit)
	x.b.Update(bit)
}

func (x *either) learn(bit int) {
	pa, pb := uint64(x.pa), uint64(x.pb)
	if bit == 0 {
		pa, pb = 1<<probBits-pa, 1<<probBits-pb
	}
	a, b := x.likelyA*pa, x.likelyB*pb // below 2^40
	for a+b > 1<<24 {
		a, b = a>>8, b>>8
	}
	x.likelyA, x.likelyB = max(a, 1), max(b, 1)
}

func (x *either) end() uint32 { return x.mix(x.a.end(), x.b.end()) }

func (x *either) ended(done bool) {
	x.end()
	bit := 0
	if done {
		bit = 1
	}
	x.learn(bit)
	x.a.ended(done)
	x.b.ended(done)
}

func (x *either) fork() Predictor {
	c := *x
	c.a, c.b = x.a.fork(), x.b.fork()
	return &c
}
