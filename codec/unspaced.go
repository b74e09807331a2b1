package codec

import "math/bits"

// Unspaced predicts what p's model would write with spaces between words, where
// the spaces have been left out, as normal forms of formulas do with the words in
// them. Behind a letter or a stop both are open, that a space stood here and that
// none did; the likelier of the two is followed.
func Unspaced(p Predictor) Predictor { return &unspaced{joined: p} }

type unspaced struct {
	joined Predictor // no space stands here
	spaced Predictor // one does; nil: none can

	last  byte
	node  uint32 // 1 followed by the bits of the byte so far, 0: not begun
	a, b  uint64 // likelihood of either up to here, in 2^-32
	blank uint64 // of a: that the byte is the space itself, which never comes
	pa    uint32
	pb    uint32
}

const space = int(' ')

// begin weighs whether a space stands before the next byte.
func (u *unspaced) begin() {
	u.node, u.a, u.b, u.blank = 1, 1<<32, 0, 0
	if l := u.last | 0x20; (l < 'a' || l > 'z') && u.last != '.' && u.last != ',' {
		return
	}
	u.spaced = u.joined.fork()
	u.spaced.end()
	u.spaced.ended(false)
	p := uint64(1) << 32
	for i := 7; i >= 0; i-- {
		one := uint64(u.spaced.P())
		bit := space >> i & 1
		if bit == 0 {
			one = 1<<probBits - one
		}
		p = p * one >> probBits
		u.spaced.Update(bit)
	}
	u.b, u.blank = max(p, 1), max(p, 1)
}

// P implements [Predictor].
func (u *unspaced) P() uint32 {
	if u.node == 0 {
		u.begin()
	}
	u.pa = u.joined.P()
	one := u.a * uint64(u.pa) >> probBits
	zero := u.a - one
	if u.blank > 0 {
		if u.space() == 1 {
			one -= min(one, u.blank)
		} else {
			zero -= min(zero, u.blank)
		}
	}
	if u.spaced != nil {
		u.pb = u.spaced.P()
		b := u.b * uint64(u.pb) >> probBits
		one, zero = one+b, zero+u.b-b
	}
	return share(one, zero)
}

// space is the bit that a space has next.
func (u *unspaced) space() int { return space >> (8 - bits.Len32(u.node)) & 1 }

// Update implements [Predictor].
func (u *unspaced) Update(bit int) {
	if u.space() != bit {
		u.blank = 0
	}
	u.a = follow(u.a, u.pa, bit)
	u.joined.Update(bit)
	if u.spaced != nil {
		u.b = follow(u.b, u.pb, bit)
		u.spaced.Update(bit)
	}
	if u.node = u.node<<1 | uint32(bit); u.node >= 1<<8 {
		if u.b > u.a {
			u.joined = u.spaced
		}
		u.spaced, u.last, u.node = nil, byte(u.node), 0
	}
}

// follow is the likelihood after a bit whose probability of a 1 was p.
func follow(likely uint64, p uint32, bit int) uint64 {
	if bit == 0 {
		p = 1<<probBits - p
	}
	return max(likely*uint64(p)>>probBits, 1)
}

func (u *unspaced) end() uint32 { return u.joined.end() }

func (u *unspaced) ended(done bool) { u.joined.ended(done) }

func (u *unspaced) fork() Predictor {
	c := *u
	c.joined = u.joined.fork()
	if u.spaced != nil {
		c.spaced = u.spaced.fork()
	}
	return &c
}
