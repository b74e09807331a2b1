package codec

// localTable is what one message learns: for some contexts and half bytes a line
// of 16 cells. Cell 0 identifies the line, cell n holds node n of the half byte:
// a probability of 12 bits and a count of 4. The table starts small and doubles
// while the message grows, up to a bound; from there on the old gives way.
type localTable struct {
	cells []uint16
	bits  uint // log2 of the number of lines
	bytes int  // learnt so far
}

const (
	localMinBits = 11 // 64 KiB
	localMaxBits = 17 // 4 MiB
	localStep    = 1  // log2 of the factor of growth
	localLine    = 16
	localRounds  = 2 * localContexts // lines that a byte touches
	localLimit   = 15                // highest count
)

// newLocalTable has room for n bytes and a first part of what follows.
func newLocalTable(n int) localTable {
	t := localTable{bits: localMinBits}
	for (n+128)*localRounds > 1<<t.bits && t.bits < localMaxBits {
		t.bits += localStep
	}
	t.cells = make([]uint16, localLine<<t.bits)
	return t
}

// grow enlarges the table when the text needs it. Lines keep enough of their
// hash to find their new place.
func (t *localTable) grow() {
	t.bytes++
	if t.bytes*localRounds <= 1<<t.bits || t.bits >= localMaxBits {
		return
	}
	old := t.cells
	t.bits += localStep
	t.cells = make([]uint16, localLine<<t.bits)
	for i := 0; i < len(old); i += localLine {
		if id := old[i]; id != 0 {
			// The line's number is the low bits of its hash, the identity its
			// bits from localMinBits on.
			low := uint32(i/localLine)&(1<<localMinBits-1) | uint32(id)<<localMinBits
			at := int(low&(1<<t.bits-1)) * localLine
			copy(t.cells[at:at+localLine], old[i:])
		}
	}
}

// find returns where the line of a hash begins, an empty one if there is none.
func (t *localTable) find(h uint64) uint32 {
	x := uint32(h >> 20)
	id := uint16(x >> localMinBits)
	if id == 0 {
		id = 1
		x |= 1 << localMinBits
	}
	at := x & (1<<t.bits - 1) * localLine
	line := t.cells[at : at+localLine : at+localLine]
	if line[0] != id {
		clear(line)
		line[0] = id
	}
	return at
}

// A cell is p<<4 | n. A fresh cell is zero.

var localRate [localLimit + 1]int32 // 65536/(n+1.5)

func init() {
	for n := range localRate {
		localRate[n] = int32(65536 * 2 / (2*n + 3))
	}
}

func localUpdate(c uint16, bit int) uint16 {
	n := int32(c & 15)
	p := int32(c >> 4)
	if n == 0 {
		p = 2048
	}
	if bit != 0 {
		p += (4095 - p) * localRate[n] >> 16
	} else {
		p -= p * localRate[n] >> 16
	}
	return uint16(p<<4 | min(n+1, localLimit))
}

// localState is the index of a cell in the calibration: 0 when fresh.
func localState(c uint16) uint32 {
	n := c & 15
	if n == 0 {
		return 0
	}
	return uint32(n)<<5 | uint32(stretch(uint32(c>>4)<<4|8)+2048)>>7
}

const localStates = 16 << 5
