package cache

import (
	"encoding/binary"
	"runtime"
)

// blockSize is the unit in which memory is given out, in bytes. An entry takes
// a chain of blocks: nothing is ever moved, no hole is too small, and half a
// block is lost on average.
const blockSize = 128

// A block begins with the number of the next one, of its entry or of the free
// list; 0: none. Numbers count from 1.
const linkSize = 4

// blocks are memory in equal pieces. It lies outside the Go heap: the garbage
// collector lets a heap grow to twice of what lives in it, so a cache there
// would take twice its ceiling.
type blocks struct {
	mem     []byte
	touched uint32 // blocks ever given out: the rest was never written, so the system holds no memory for it
	free    uint32 // first of those that were given back
	left    int64  // blocks that can be given out
}

// newBlocks reserves n blocks and a table of so many bytes.
func newBlocks(n, table int64) (*blocks, []byte, error) {
	mem, err := reserve(int(n*blockSize + table))
	if err != nil {
		return nil, nil, err
	}
	b := &blocks{mem: mem[table:], left: n}
	runtime.AddCleanup(b, release, mem)
	return b, mem[:table:table], nil
}

// at is block number n.
func (b *blocks) at(n uint32) []byte {
	from := int(n-1) * blockSize
	return b.mem[from : from+blockSize : from+blockSize]
}

func (b *blocks) next(n uint32) uint32 { return binary.LittleEndian.Uint32(b.at(n)) }

func (b *blocks) link(n, next uint32) { binary.LittleEndian.PutUint32(b.at(n), next) }

// take gives out a chain of n blocks; the caller knows that so many are left.
func (b *blocks) take(n int64) (first uint32) {
	for range n {
		got := b.free
		if got != 0 {
			b.free = b.next(got)
		} else {
			b.touched++
			got = b.touched
		}
		b.link(got, first)
		first = got
	}
	b.left -= n
	return first
}

// give takes a chain back and returns its length.
func (b *blocks) give(first uint32) (n int64) {
	last := first
	for n = 1; b.next(last) != 0; n++ {
		last = b.next(last)
	}
	b.link(last, b.free)
	b.free = first
	b.left += n
	return n
}

// needed is how many blocks hold n bytes after a head of so many bytes.
func needed(n, head int) int64 {
	n -= blockSize - head
	if n <= 0 {
		return 1
	}
	const room = blockSize - linkSize
	return 1 + int64((n+room-1)/room)
}

// write fills a chain, from head on in the first block.
func (b *blocks) write(first uint32, head int, val []byte) {
	for n, from := first, head; len(val) > 0; n, from = b.next(n), linkSize {
		val = val[copy(b.at(n)[from:], val):]
	}
}

// read copies n bytes out of a chain.
func (b *blocks) read(first uint32, head, n int) []byte {
	val := make([]byte, n)
	rest := val
	for at, from := first, head; len(rest) > 0; at, from = b.next(at), linkSize {
		rest = rest[copy(rest, b.at(at)[from:]):]
	}
	return val
}
