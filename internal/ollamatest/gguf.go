package ollamatest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// ggufAlign is the alignment of the tensor data, GGUF's default, in bytes.
const ggufAlign = 32

// file builds a GGUF file, version 3, little-endian: a header, key-value pairs,
// tensor descriptions, then the tensors' data. The format is specified in
// ggml's docs/gguf.md.
type file struct {
	kv      bytes.Buffer
	kvs     uint64
	infos   bytes.Buffer
	tensors uint64
	data    bytes.Buffer
}

// Types of values, by GGUF's numbers.
const (
	typeUint32  uint32 = 4
	typeInt32   uint32 = 5
	typeFloat32 uint32 = 6
	typeBool    uint32 = 7
	typeString  uint32 = 8
	typeArray   uint32 = 9
)

// Types of tensors, by ggml's numbers.
const (
	tensorF32 uint32 = 0
	tensorF16 uint32 = 1
)

// set adds a key. It takes uint32, float32, bool, string, []string and []int32,
// and panics on anything else: only this package calls it.
func (f *file) set(key string, value any) {
	f.kvs++
	putString(&f.kv, key)
	switch v := value.(type) {
	case uint32:
		put(&f.kv, typeUint32, v)
	case float32:
		put(&f.kv, typeFloat32, v)
	case bool:
		put(&f.kv, typeBool, v)
	case string:
		put(&f.kv, typeString)
		putString(&f.kv, v)
	case []string:
		put(&f.kv, typeArray, typeString, uint64(len(v)))
		for _, s := range v {
			putString(&f.kv, s)
		}
	case []int32:
		put(&f.kv, typeArray, typeInt32, uint64(len(v)), v)
	default:
		panic(fmt.Sprintf("gguf: key %s: no type for %T", key, value))
	}
}

// norm adds a vector of n ones, as 32-bit floats.
func (f *file) norm(name string, n int) {
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	f.describe(name, tensorF32, n)
	put(&f.data, ones)
	pad(&f.data)
}

// matrix adds rows x cols values, row after row, as 16-bit floats.
func (f *file) matrix(name string, rows, cols int, at func(row, col int) float32) {
	f.describe(name, tensorF16, cols, rows)
	for r := range rows {
		for c := range cols {
			put(&f.data, half(at(r, c)))
		}
	}
	pad(&f.data)
}

// describe adds a tensor's description; dims are in ggml's order, the
// contiguous one first.
func (f *file) describe(name string, kind uint32, dims ...int) {
	f.tensors++
	putString(&f.infos, name)
	put(&f.infos, uint32(len(dims)))
	for _, d := range dims {
		put(&f.infos, uint64(d))
	}
	put(&f.infos, kind, uint64(f.data.Len()))
}

// bytes puts the file together.
func (f *file) bytes() []byte {
	var out bytes.Buffer
	out.WriteString("GGUF")
	put(&out, uint32(3), f.tensors, f.kvs)
	out.Write(f.kv.Bytes())
	out.Write(f.infos.Bytes())
	pad(&out)
	out.Write(f.data.Bytes())
	return out.Bytes()
}

func put(w *bytes.Buffer, values ...any) {
	for _, v := range values {
		if err := binary.Write(w, binary.LittleEndian, v); err != nil {
			panic(err) // a value without a fixed size: a bug here
		}
	}
}

func putString(w *bytes.Buffer, s string) {
	put(w, uint64(len(s)))
	w.WriteString(s)
}

func pad(w *bytes.Buffer) {
	w.Write(make([]byte, -w.Len()&(ggufAlign-1)))
}

// half rounds to the nearest IEEE 754 binary16. Values too small for a normal
// number become zero, values too large saturate.
func half(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b = b&0x7fffffff + 0x1000 // half of the last kept place
	exp := int(b>>23) - 127 + 15
	switch {
	case exp <= 0:
		return sign
	case exp >= 31:
		return sign | 0x7bff
	}
	return sign | uint16(exp<<10) | uint16(b>>13&0x3ff)
}
