package codec

import (
	"encoding/binary"
	"slices"
)

// kept is a slot on its way into the table.
type kept struct {
	gain   int16
	tag    uint8
	state  uint8
	bucket uint32
}

// build makes the table of the most useful slots.
func (c *counter) build(pages int) []byte {
	room := pages * pageLines * lineBytes / 2
	var histogram [1 << 15]int
	for i := range c.tables {
		for j := range c.tables[i] {
			if s := &c.tables[i][j]; s.n > 0 && s.gain > 0 {
				histogram[s.gain]++
			}
		}
	}
	// A little more than there is room for: buckets differ.
	least, total := len(histogram)-1, 0
	for ; least > 1 && total+histogram[least] <= room*keepPercent/100; least-- {
		total += histogram[least]
	}
	list := make([]kept, 0, total)
	for i := range c.tables {
		for j := range c.tables[i] {
			if s := &c.tables[i][j]; s.n > 0 && int(s.gain) > least {
				top := uint64(j/tallyLine)<<1 | uint64(s.check&1)
				line := uint32(lineOf(top<<(64-lineBits), uint64(pages)))
				list = append(list, kept{s.gain, uint8(s.check >> 8), stateOf(uint32(s.p), uint32(s.n)), line*8 + uint32(s.check>>5&7)})
			}
		}
	}
	slices.SortFunc(list, func(a, b kept) int {
		if a.bucket != b.bucket {
			return int(a.bucket) - int(b.bucket)
		}
		if a.gain != b.gain {
			return int(b.gain) - int(a.gain)
		}
		return (int(a.tag)<<8 | int(a.state)) - (int(b.tag)<<8 | int(b.state))
	})
	return fill(list, pages*pageLines)
}

const keepPercent = 105

// fill fills each bucket with the best four.
func fill(list []kept, lines int) []byte {
	table := make([]byte, lines*lineBytes)
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && list[j].bucket == list[i].bucket {
			j++
		}
		bucket, n := uint64(0), 0
		var used [4]uint8
		for _, k := range list[i:j] {
			if n == 4 {
				break
			}
			if !slices.Contains(used[:n], k.tag) {
				bucket |= (uint64(k.tag)<<8 | uint64(k.state)) << (16 * n)
				used[n] = k.tag
				n++
			}
		}
		binary.LittleEndian.PutUint64(table[list[i].bucket*8:], bucket)
		i = j
	}
	return table
}
