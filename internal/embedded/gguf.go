package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrFormat says that a file is no GGUF file, or one that breaks its own rules.
var ErrFormat = errors.New("bad GGUF file")

// Limits on what a file may declare. Real files of this size stay far below
// them; a hostile one cannot make us allocate more than a small multiple of its
// own length.
const (
	maxEntries = 1 << 12 // metadata entries, tensors
	maxArray   = 1 << 20 // elements of one metadata array
	maxDims    = 4
)

// The tensor types that we read, by ggml's numbers, with the size of a block
// and the elements in it.
const (
	typeF32  = 0
	typeF16  = 1
	typeQ8_0 = 8
	typeI8   = 24
	typeI16  = 25
	typeI32  = 26
)

var blocks = map[uint32]struct{ bytes, elements uint64 }{
	typeF32: {4, 1}, typeF16: {2, 1}, typeQ8_0: {34, 32}, typeI8: {1, 1}, typeI16: {2, 1}, typeI32: {4, 1},
}

// tensor is a view into the file.
type tensor struct {
	name string
	kind uint32
	dims []int // innermost first, as GGUF has them
	data []byte
}

// gguf is a parsed file. It keeps the bytes it was read from.
type gguf struct {
	// meta holds int64, float64, bool, string, []int64, []float64 or []string.
	meta    map[string]any
	tensors map[string]tensor
}

// parseGGUF reads a GGUF file of version 2 or 3, little endian. Errors wrap
// [ErrFormat]; nothing is allocated beyond a small multiple of len(data).
func parseGGUF(data []byte) (*gguf, error) {
	r := &ggufReader{data: data, rest: data}
	g, err := r.file()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return g, nil
}

// ggufReader reads forward. The first error sticks: reads after it return zero.
type ggufReader struct {
	data, rest []byte
	err        error
}

func (r *ggufReader) file() (*gguf, error) {
	if string(r.take(4)) != "GGUF" {
		return nil, errors.New("no GGUF magic")
	}
	if v := r.u32(); v != 2 && v != 3 {
		return nil, fmt.Errorf("version %d: want 2 or 3", v)
	}
	tensors, entries := r.u64(), r.u64()
	if tensors > maxEntries || entries > maxEntries {
		return nil, fmt.Errorf("%d tensors and %d entries: at most %d of each", tensors, entries, maxEntries)
	}
	g := &gguf{meta: map[string]any{}, tensors: map[string]tensor{}}
	for range entries {
		k := r.str()
		v := r.value(r.u32())
		if r.err != nil {
			return nil, fmt.Errorf("metadata %.64q: %w", k, r.err)
		}
		if _, twice := g.meta[k]; twice {
			return nil, fmt.Errorf("metadata %.64q is given twice", k)
		}
		g.meta[k] = v
	}
	return g, r.tensors(g, int(tensors))
}

// extent is where a tensor's data lies, relative to the data section.
type extent struct {
	t        tensor
	off, end uint64
}

func (r *ggufReader) tensors(g *gguf, n int) error {
	align := uint64(32)
	if v, ok := g.meta["general.alignment"]; ok {
		a, ok := v.(int64)
		if !ok || a < 1 || a > 1<<16 || a&(a-1) != 0 {
			return errors.New("general.alignment: want a power of two up to 65536")
		}
		align = uint64(a)
	}
	var all []extent
	for range n {
		e, err := r.info()
		if err != nil {
			return fmt.Errorf("tensor %.64q: %w", e.t.name, err)
		}
		if e.off%align != 0 {
			return fmt.Errorf("tensor %.64q: offset %d is not a multiple of %d", e.t.name, e.off, align)
		}
		all = append(all, e)
	}
	start := uint64(len(r.data)-len(r.rest)) + align - 1
	start -= start % align
	slices.SortStableFunc(all, func(a, b extent) int {
		if a.off < b.off {
			return -1
		}
		return min(1, int(a.off-b.off)) // both offsets are under 2^62
	})
	var end uint64
	for _, e := range all {
		if e.off < end {
			return fmt.Errorf("tensor %.64q overlaps another", e.t.name)
		}
		end = e.end
		if start > uint64(len(r.data)) || e.end > uint64(len(r.data))-start {
			return fmt.Errorf("tensor %.64q: ends beyond the file", e.t.name)
		}
		if _, twice := g.tensors[e.t.name]; twice {
			return fmt.Errorf("tensor %.64q is given twice", e.t.name)
		}
		e.t.data = r.data[start+e.off : start+e.end : start+e.end]
		g.tensors[e.t.name] = e.t
	}
	return nil
}

// info reads one tensor's description.
func (r *ggufReader) info() (extent, error) {
	e := extent{t: tensor{name: r.str()}}
	n := r.u32()
	if r.err != nil || n < 1 || n > maxDims {
		return e, errors.Join(r.err, fmt.Errorf("%d dimensions: want 1 to %d", n, maxDims))
	}
	count := uint64(1)
	for range n {
		d := r.u64()
		if d < 1 || d > 1<<31 || count > 1<<40/d {
			return e, fmt.Errorf("dimension %d: empty or too large", d)
		}
		count *= d
		e.t.dims = append(e.t.dims, int(d))
	}
	e.t.kind, e.off = r.u32(), r.u64()
	if r.err != nil {
		return e, r.err
	}
	b, ok := blocks[e.t.kind]
	if !ok {
		return e, fmt.Errorf("type %d: want F32, F16, Q8_0, I8, I16 or I32", e.t.kind)
	}
	if uint64(e.t.dims[0])%b.elements != 0 {
		return e, fmt.Errorf("rows of %d: not a multiple of %d", e.t.dims[0], b.elements)
	}
	if e.off > 1<<62 {
		return e, fmt.Errorf("offset %d: beyond the file", e.off)
	}
	e.end = e.off + count/b.elements*b.bytes
	return e, nil
}

var errShort = errors.New("ends early")

func (r *ggufReader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.rest)) {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *ggufReader) uint(size uint64) uint64 {
	var b [8]byte
	copy(b[:], r.take(size))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *ggufReader) u32() uint32 { return uint32(r.uint(4)) }
func (r *ggufReader) u64() uint64 { return r.uint(8) }
func (r *ggufReader) str() string { return string(r.take(r.u64())) }

// GGUF's value types.
const (
	valueF32    = 6
	valueBool   = 7
	valueString = 8
	valueArray  = 9
	valueF64    = 12
)

// valueSize is the size of a scalar of each type, 0 for the others.
var valueSize = [13]uint64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

func (r *ggufReader) value(kind uint32) any {
	switch {
	case r.err != nil:
		return nil
	case kind == valueString:
		return r.str()
	case kind == valueArray:
		return r.array()
	case kind >= uint32(len(valueSize)):
		r.err = fmt.Errorf("value type %d is unknown", kind)
		return nil
	case kind == valueF32 || kind == valueF64:
		return r.float(kind)
	case kind == valueBool:
		return r.uint(1) != 0
	default:
		return r.integer(kind)
	}
}

func (r *ggufReader) float(kind uint32) float64 {
	if kind == valueF64 {
		return math.Float64frombits(r.u64())
	}
	return float64(math.Float32frombits(r.u32()))
}

// integer sign-extends; a uint64 beyond int64 becomes negative, which no key allows.
func (r *ggufReader) integer(kind uint32) int64 {
	u := r.uint(valueSize[kind])
	switch kind {
	case 1:
		return int64(int8(u))
	case 3:
		return int64(int16(u))
	case 5:
		return int64(int32(u))
	}
	return int64(u)
}

func (r *ggufReader) array() any {
	kind, n := r.u32(), r.u64()
	if r.err != nil {
		return nil
	}
	least := uint64(8) // a string's length
	switch {
	case kind == valueArray || kind >= uint32(len(valueSize)):
		r.err = fmt.Errorf("arrays of type %d are not supported", kind)
		return nil
	case kind != valueString:
		least = valueSize[kind]
	}
	if n > maxArray || n > uint64(len(r.rest))/least {
		r.err = fmt.Errorf("an array of %d: too long", n)
		return nil
	}
	switch kind {
	case valueString:
		return many(int(n), r.str)
	case valueF32, valueF64:
		return many(int(n), func() float64 { return r.float(kind) })
	default:
		return many(int(n), func() int64 { return r.integer(kind) })
	}
}

func many[T any](n int, read func() T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = read()
	}
	return s
}
