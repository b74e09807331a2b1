package codec

import "slices"

// Blended mixes what several predictors say of a short text, in the logistic
// domain (Mahoney 2005). A short text is over before weights that start from
// nothing have learnt anything, so they start from trained ones: one set for each
// sort of text, weighed by how well they have done in this one.
type Blended struct {
	experts []Predictor
	sets    []weighing
	x       []int32 // what the experts say, as logits in 1/256
	row     int
	p       uint32
	node    uint32 // 1 followed by the bits of the byte so far
	class   int    // of what came last
	letters int    // in a row
}

// weighing is a set of weights in use.
type weighing struct {
	weights Weights
	likely  uint64 // how likely the text is of this sort, in 1/65536 about
	p       uint32 // what it makes of the next bit
}

// Weights are of each expert in 1/65536, [BlendRows] rows of them: one for each
// kind of byte before, times where in its byte the next bit is.
type Weights [][]int32

// Before a byte came a figure, a sign, part of a character beyond ASCII, one or two
// letters, a word of up to seven or more than that: prose; before the first there
// is nothing. The steps are the end of the text, the first three bits of
// a byte, which say what kind it is, two more, and the last three.
const (
	blendClasses = 7
	blendSteps   = 4
	BlendRows    = blendClasses * blendSteps
)

// Blend mixes experts, with sets of weights to start from: in each row a weight
// for each expert. The first set is taken to be the likeliest.
func Blend(starts []Weights, experts ...Predictor) *Blended {
	b := &Blended{experts: experts, x: make([]int32, len(experts)), node: 1}
	for i, w := range starts {
		b.sets = append(b.sets, weighing{weights: w.clone(), likely: firstSet})
		if i > 0 {
			b.sets[i].likely = otherSets / uint64(len(starts)-1)
		}
	}
	return b
}

// How likely the first set is and all others are together.
const (
	firstSet  = 60000
	otherSets = 1<<16 - firstSet
)

func (w Weights) clone() Weights {
	c := slices.Clone(w)
	for i, row := range w {
		c[i] = slices.Clone(row)
	}
	return c
}

// Weights are those of the first set, as learnt so far, for training.
func (b *Blended) Weights() Weights { return b.sets[0].weights.clone() }

// P implements [Predictor].
func (b *Blended) P() uint32 {
	step := 1
	switch {
	case b.node >= 1<<5:
		step = 3
	case b.node >= 1<<3:
		step = 2
	}
	for i, e := range b.experts {
		b.x[i] = stretch(e.P())
	}
	return b.mix(b.class*blendSteps + step)
}

func (b *Blended) mix(row int) uint32 {
	b.row = row
	var sum, of uint64
	for i := range b.sets {
		s := &b.sets[i]
		var logit int64
		for k, x := range b.x {
			logit += int64(x) * int64(s.weights[row][k])
		}
		s.p = squash(int32(min(max(logit>>16, -maxLogit), maxLogit)))
		sum += uint64(s.p) * s.likely
		of += s.likely
	}
	b.p = uint32(min(max(sum/of, 1), 1<<probBits-1))
	return b.p
}

// Update implements [Predictor].
func (b *Blended) Update(bit int) {
	b.learn(bit)
	for _, e := range b.experts {
		e.Update(bit)
	}
	if b.node = b.node<<1 | uint32(bit); b.node >= 1<<8 {
		b.read(byte(b.node))
		b.node = 1
	}
}

// maxBlend keeps a weight in its place whatever it is taught.
const maxBlend = 8 << 16

// learn moves each set's weights along the gradient of its coding cost, at a rate
// of 0.01 in units of 1 for weights, logits and probabilities, and weighs the sets.
func (b *Blended) learn(bit int) {
	var of uint64
	for i := range b.sets {
		s := &b.sets[i]
		miss := int64(bit)<<probBits - int64(s.p)
		row := s.weights[b.row]
		for k, x := range b.x {
			w := int64(row[k]) + (int64(x)*miss*41+1<<19)>>20
			row[k] = int32(min(max(w, -maxBlend), maxBlend))
		}
		p := uint64(s.p)
		if bit == 0 {
			p = 1<<probBits - p
		}
		s.likely = s.likely * p >> 4
		of += s.likely
	}
	for i := range b.sets { // to a sum of 65536 about; each can come back
		b.sets[i].likely = max(b.sets[i].likely<<probBits/max(of, 1), 1<<4)
	}
}

// read tells what class of row the next byte has.
func (b *Blended) read(c byte) {
	if c|0x20 < 'a' || c|0x20 > 'z' {
		b.letters = 0
		switch {
		case c >= '0' && c <= '9':
			b.class = 1
		case c >= 0x80:
			b.class = 3
		default:
			b.class = 4
		}
		return
	}
	switch b.letters++; {
	case b.letters < 3:
		b.class = 2
	case b.letters < 8:
		b.class = 5
	default:
		b.class = 6
	}
}

func (b *Blended) end() uint32 {
	for i, e := range b.experts {
		b.x[i] = stretch(e.end())
	}
	return b.mix(b.class * blendSteps)
}

func (b *Blended) ended(done bool) {
	b.end()
	bit := 0
	if done {
		bit = 1
	}
	b.learn(bit)
	for _, e := range b.experts {
		e.ended(done)
	}
}

func (b *Blended) fork() Predictor {
	c := *b
	c.experts = make([]Predictor, len(b.experts))
	for i, e := range b.experts {
		c.experts[i] = e.fork()
	}
	c.x = slices.Clone(b.x)
	c.sets = slices.Clone(b.sets)
	for i := range c.sets {
		c.sets[i].weights = c.sets[i].weights.clone()
	}
	return &c
}
