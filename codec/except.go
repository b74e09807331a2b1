package codec

import "slices"

// Except is p of a text that is none of the given ones: where one of them would
// end, the text goes on, as good as surely.
func Except(p Predictor, none []string) Predictor { return &except{Predictor: p, none: none, node: 1} }

type except struct {
	Predictor
	none []string
	so   []byte
	node uint32
}

// Update implements [Predictor].
func (x *except) Update(bit int) {
	x.Predictor.Update(bit)
	if x.node = x.node<<1 | uint32(bit); x.node >= 1<<8 {
		x.so, x.node = append(x.so, byte(x.node)), 1
	}
}

func (x *except) end() uint32 {
	if slices.Contains(x.none, string(x.so)) {
		return 1
	}
	return x.Predictor.end()
}

// ended tells p only what it was asked.
func (x *except) ended(done bool) {
	if !slices.Contains(x.none, string(x.so)) {
		x.Predictor.ended(done)
	}
}

func (x *except) fork() Predictor {
	c := *x
	c.Predictor, c.so = x.Predictor.fork(), slices.Clone(x.so)
	return &c
}
