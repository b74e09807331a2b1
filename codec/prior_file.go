package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"sync"
)

// The artifact: a magic, the number of pages, the base's parameters, each
// adapter's, the router and the table. All numbers are little-endian; weights
// are kept in 1/4096. docs/codec.md lists the order.

const (
	priorMagic  = "tenbit prior 1\n\x00"
	weightShift = 4 // from 1/65536 to 1/4096
)

var errPrior = errors.New("codec: not a prior of this version")

// openPrior reads an artifact. The table is not copied.
func openPrior(data string) (*prior, error) {
	r := &reader{data: data}
	if r.take(len(priorMagic)) != priorMagic {
		return nil, errPrior
	}
	m := &prior{pages: uint64(r.uint32()), route: new(router), print: sync.OnceValue(func() uint64 { return printOf(data) })}
	for a := range m.params {
		p := new(params)
		if a > 0 { // what an adapter doesn't change
			p.apm, p.ends, p.rate = m.params[0].apm, m.params[0].ends, m.params[0].rate
		}
		p.walk(r, a == 0)
		m.params[a] = p
	}
	m.route.walk(r)
	m.table = r.take(int(m.pages) * pageLines * lineBytes)
	if r.failed || len(r.data) > 0 || m.pages == 0 || m.pages > 1<<pageBits {
		return nil, fmt.Errorf("%w: %d bytes", errPrior, len(data))
	}
	return m, nil
}

// append writes the artifact that openPrior reads.
func (m *prior) append(out []byte) []byte {
	w := &writer{append(out, priorMagic...)}
	w.uint32(uint32(m.pages))
	for a, p := range m.params {
		p.walk(w, a == 0)
	}
	m.route.walk(w)
	return append(w.data, m.table...)
}

var printTable = crc64.MakeTable(crc64.ECMA)

// printOf is the fingerprint of an artifact: its CRC-64, and so different for
// any two that differ in one byte. It guards against mistakes, not malice.
func printOf(data string) uint64 {
	sum := uint64(0)
	var chunk [1 << 12]byte
	for len(data) > 0 {
		n := copy(chunk[:], data)
		sum = crc64.Update(sum, printTable, chunk[:n])
		data = data[n:]
	}
	return sum
}

// walker visits numbers in the artifact's order, to read or to write them.
type walker interface {
	int16s(p []int16)
	uint16s(p []uint16)
	weights(p []int32)
}

func (p *params) walk(w walker, base bool) {
	for i := range p.static {
		w.int16s(p.static[i][:])
	}
	for i := range p.local {
		w.int16s(p.local[i][:])
	}
	for i := range p.match {
		w.int16s(p.match[i][:])
	}
	for i := range p.first {
		w.weights(p.first[i][:mixUsed])
	}
	for i := range p.second {
		for j := range p.second[i] {
			w.weights(p.second[i][j][:mixRows])
		}
	}
	if !base {
		return
	}
	for i := range p.apm {
		for j := range p.apm[i] {
			w.uint16s(p.apm[i][j][:])
		}
	}
	w.uint16s(p.ends[:])
	w.weights(p.rate[:])
}

func (r *router) walk(w walker) {
	w.int16s(r.prior[:])
	for i := range r.weight {
		w.int16s(r.weight[i][:])
	}
}

type reader struct {
	data   string
	failed bool
}

func (r *reader) take(n int) string {
	if n < 0 || n > len(r.data) {
		r.failed, r.data = true, ""
		return ""
	}
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}

func (r *reader) uint32() uint32 {
	s := r.take(4)
	if s == "" {
		return 0
	}
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func (r *reader) int16s(p []int16) {
	s := r.take(2 * len(p))
	for i := 0; i < len(p) && len(s) > 0; i++ {
		p[i] = int16(uint16(s[2*i]) | uint16(s[2*i+1])<<8)
	}
}

func (r *reader) uint16s(p []uint16) {
	s := r.take(2 * len(p))
	for i := 0; i < len(p) && len(s) > 0; i++ {
		p[i] = uint16(s[2*i]) | uint16(s[2*i+1])<<8
	}
}

func (r *reader) weights(p []int32) {
	s := r.take(2 * len(p))
	for i := 0; i < len(p) && len(s) > 0; i++ {
		p[i] = int32(int16(uint16(s[2*i])|uint16(s[2*i+1])<<8)) << weightShift
	}
}

type writer struct{ data []byte }

func (w *writer) uint32(x uint32) { w.data = binary.LittleEndian.AppendUint32(w.data, x) }

func (w *writer) int16s(p []int16) {
	for _, x := range p {
		w.data = binary.LittleEndian.AppendUint16(w.data, uint16(x))
	}
}

func (w *writer) uint16s(p []uint16) {
	for _, x := range p {
		w.data = binary.LittleEndian.AppendUint16(w.data, x)
	}
}

func (w *writer) weights(p []int32) {
	for _, x := range p {
		x = min(max((x+1<<(weightShift-1))>>weightShift, -1<<15), 1<<15-1)
		w.data = binary.LittleEndian.AppendUint16(w.data, uint16(x))
	}
}
