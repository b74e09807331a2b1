package embedded

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// number reads an integer of the metadata within bounds.
func (g *gguf) number(key string, low, high int64) (int, error) {
	v, ok := g.meta[key].(int64)
	if !ok {
		return 0, fmt.Errorf("%w: metadata %s: want an integer", ErrFormat, key)
	}
	if v < low || v > high {
		return 0, fmt.Errorf("%w: metadata %s is %d: want %d to %d", ErrFormat, key, v, low, high)
	}
	return int(v), nil
}

// float reads a positive, finite number of the metadata.
func (g *gguf) float(key string) (float32, error) {
	v, ok := g.meta[key].(float64)
	if !ok || !(v > 0) || v > 1e12 {
		return 0, fmt.Errorf("%w: metadata %s: want a positive number", ErrFormat, key)
	}
	return float32(v), nil
}

// tensor finds a tensor and checks its type and dimensions.
func (g *gguf) tensor(name string, kinds []uint32, dims ...int) (tensor, error) {
	t, ok := g.tensors[name]
	switch {
	case !ok:
		return t, fmt.Errorf("%w: tensor %s is missing", ErrFormat, name)
	case !slices.Contains(kinds, t.kind):
		return t, fmt.Errorf("%w: tensor %s has type %d: want one of %v", ErrFormat, name, t.kind, kinds)
	case !slices.Equal(t.dims, dims):
		return t, fmt.Errorf("%w: tensor %s has shape %v: want %v", ErrFormat, name, t.dims, dims)
	}
	return t, nil
}

// integers reads an I32 vector.
func (g *gguf) integers(name string, n int) ([]int32, error) {
	t, err := g.tensor(name, []uint32{typeI32}, n)
	if err != nil {
		return nil, err
	}
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(binary.LittleEndian.Uint32(t.data[4*i:]))
	}
	return v, nil
}

// shorts reads an I16 table of rows of length n.
func (g *gguf) shorts(name string, n, rows int) ([]int16, error) {
	t, err := g.tensor(name, []uint32{typeI16}, n, rows)
	if err != nil {
		return nil, err
	}
	v := make([]int16, n*rows)
	for i := range v {
		v[i] = int16(binary.LittleEndian.Uint16(t.data[2*i:]))
	}
	return v, nil
}

// floats reads an F32 vector.
func (g *gguf) floats(name string, n int) ([]float32, error) {
	t, err := g.tensor(name, []uint32{typeF32}, n)
	if err != nil {
		return nil, err
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
	}
	return v, nil
}
