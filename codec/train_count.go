package codec

import "math/bits"

// Training, first part: count every context of every text in big tables, and
// keep of them what helped to predict other texts.

// tally is a slot of a big table.
type tally struct {
	p     uint16 // probability of a 1
	check uint16 // of the context and node: 8 bits tag, 3 bits bucket, 5 more
	gain  int16  // what the slot knew better than the next less specific one, 1/8 bit
	n     uint8  // times seen, 255 at most
	group uint8  // the prompt it was last seen with
}

const (
	tallyLineBits = 21
	tallyLine     = 16
	tallyProbes   = 4
)

// counter is the state of the first part.
type counter struct {
	tables [staticContexts][]tally
	hist   past
	group  uint8
	near   uint8 // keeps loads alive
}

func newCounter() *counter {
	c := new(counter)
	for i := range c.tables {
		c.tables[i] = makeTallies(tallyLine << tallyLineBits)
	}
	return c
}

// text counts a text. Texts of one prompt belong together: what they share is
// not held to be true of others.
func (c *counter) text(kind byte, text []byte) {
	c.hist.reset(kind)
	var ctx [staticContexts]uint64
	for _, b := range text {
		c.hist.contexts(&ctx)
		c.half(&ctx, 0, uint32(b>>4)|16)
		c.half(&ctx, uint32(b>>4)|16, uint32(b&15)|16)
		c.hist.push(b)
	}
}

func (c *counter) half(ctx *[staticContexts]uint64, known, half uint32) {
	var hash [staticContexts]uint64
	for i := range hash {
		hash[i] = nibble(ctx[i], known)
		// Bring the whole line near; the loads wait for memory together.
		l := int(hash[i]>>(64-tallyLineBits)) * tallyLine
		c.near += c.tables[i][l].n + c.tables[i][l+tallyLine/2].n
	}
	for shift := 3; shift >= 0; shift-- {
		c.bit(&hash, half>>(shift+1), int(half>>shift&1))
	}
}

// bit counts one bit at a node of the half byte.
func (c *counter) bit(hash *[staticContexts]uint64, node uint32, bit int) {
	before := cost8(1<<15, bit)
	for i, h := range hash {
		s := c.slot(i, h, node)
		if s.n > 0 {
			now := cost8(uint32(s.p), bit)
			if s.group != c.group {
				s.gain = int16(min(max(int32(s.gain)+before-now, -1<<15), 1<<15-1))
			}
			before = now
		}
		s.group = c.group
		r := countRate[s.n]
		if bit != 0 {
			s.p += uint16((65535 - uint32(s.p)) * r >> 16)
		} else {
			s.p -= uint16(uint32(s.p) * r >> 16)
		}
		if s.n < 255 {
			s.n++
		}
	}
}

// slot finds the slot of a context's node, taking the least useful one's place
// if it is new.
func (c *counter) slot(i int, h uint64, node uint32) *tally {
	l := int(h>>(64-tallyLineBits)) * tallyLine
	line := c.tables[i][l : l+tallyLine : l+tallyLine]
	sub := uint8(h>>24) + uint8(node)
	check := uint16(uint8(h>>16)+uint8(node)*nodeSpread)<<8 | uint16(sub&7)<<5 | uint16(h>>(64-lineBits)&1) | uint16(h>>32&15)<<1
	at := int(sub&7) * 2
	var worst *tally
	for k := range tallyProbes {
		s := &line[(at+k)&(tallyLine-1)]
		if s.n > 0 && s.check == check {
			return s
		}
		if worst == nil || s.rank() < worst.rank() {
			worst = s
		}
	}
	*worst = tally{p: 1 << 15, check: check}
	return worst
}

// rank orders slots by how much would be lost with them.
func (s *tally) rank() int32 {
	if s.n == 0 {
		return -1 << 30
	}
	return int32(s.gain)*8 + int32(s.n)
}

var countRate [256]uint32 // 65536/(n+1.5)

var costTable [4097]int32 // -log2(i/4096) in 1/8 bit

func init() {
	for n := range countRate {
		countRate[n] = uint32(65536 * 2 / (2*n + 3))
	}
	costTable[0] = 12 * 8
	for i := 1; i <= 4096; i++ {
		costTable[i] = int32(12*8) - log2x8(uint32(i))
	}
}

// log2x8 and log2x64 are 8 and 64 times log2(x), rounded down.

func log2x8(x uint32) int32  { return log2(x, 3) }
func log2x64(x uint32) int32 { return log2(x, 6) }

func log2(x uint32, fraction int) int32 {
	whole := bits.Len32(x) - 1
	m := uint64(x) << (31 - whole) // 1.31 fixed
	r := int32(whole)
	for range fraction {
		m = m * m >> 31
		r <<= 1
		if m>>32 != 0 {
			m >>= 1
			r++
		}
	}
	return r
}

func cost8(p uint32, bit int) int32 {
	if bit == 0 {
		p = 65536 - p
	}
	return costTable[p>>4]
}
