package codec

import "math/bits"

// The trained table. For each context and half byte it has a line of 64 bytes,
// eight buckets of four slots. A slot is an 8-bit tag and an 8-bit state: a
// probability and how sure it is, see [stateOf]. Many contexts share a line; the
// tag tells them apart, and of what training saw only the slots are kept whose
// knowledge helped in other texts.

const (
	lineBytes  = 64
	pageLines  = 64
	pageBits   = 16 // of a hash choose the page, the next six the line in it
	lineBits   = pageBits + 6
	nodeSpread = 0x3b
)

// place is where the slots of a context and half byte lie.
type place struct {
	line uint32 // offset of the line in the table, bytes
	tag  uint8  // of node 0
	sub  uint8  // bucket of node 0
}

func placeOf(h uint64, pages uint64) place {
	return place{line: uint32(lineOf(h, pages)) * lineBytes, tag: uint8(h >> 16), sub: uint8(h >> 24)}
}

func lineOf(h uint64, pages uint64) uint64 {
	return h>>(64-pageBits)*pages>>pageBits*pageLines + h>>(64-lineBits)%pageLines
}

// lookup sets the states of a node of the half byte, 1..15, in each context;
// 0 is unknown. It returns how many are known.
func lookup(table string, places *[staticContexts]place, node uint32, states *[staticContexts]uint8) (known int32) {
	for i := range places {
		p := &places[i]
		at := int(p.line) + int(p.sub+uint8(node))&7*8
		bucket := load64(table[at : at+8])
		// The lowest lane whose high byte equals the tag.
		x := (bucket ^ uint64(p.tag+uint8(node)*nodeSpread)*0x0100010001000100) & 0xff00ff00ff00ff00
		hit := (x - 0x0100010001000100) & ^x & 0x8000800080008000
		found := (hit | -hit) >> 63 // 1 or 0: a branch would be guessed wrong
		states[i] = uint8(bucket>>(bits.TrailingZeros64(hit)&0x30)) & -uint8(found)
		known += int32(found)
	}
	return known
}

// A state joins a probability, 32 steps of half a natural logit, with the number
// of times it was seen, eight steps. State 0 says that nothing is known: a
// probability learnt from one event is never in its cell.

func stateOf(p uint32, n uint32) uint8 {
	return countLevel(n)<<5 | uint8((stretch(p)+2048)>>7)
}

func countLevel(n uint32) uint8 {
	switch {
	case n <= 1:
		return 0
	case n <= 2:
		return 1
	case n <= 3:
		return 2
	case n <= 5:
		return 3
	case n <= 9:
		return 4
	case n <= 20:
		return 5
	case n <= 80:
		return 6
	}
	return 7
}

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
