package link

import (
	"encoding/binary"
	"errors"
)

// Errors of reading a frame's fields.
var (
	errShort   = errors.New("cut short")
	errVarint  = errors.New("varint is not the shortest or over 64 bits")
	errTooLong = errors.New("field is longer than allowed")
	errRange   = errors.New("field is out of range")
	errExtra   = errors.New("bytes after the last field")
)

// fields reads the fields of one frame. The first error stays; every read after
// it gives zeros, so that a frame checks once, at its end.
type fields struct {
	p   []byte
	err error
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err, f.p = err, nil
	}
}

// uint reads a LEB128 number of at most limit. Only the shortest form is valid:
// each frame has one encoding.
func (f *fields) uint(limit uint64) uint64 {
	if f.err != nil {
		return 0
	}
	v, n := binary.Uvarint(f.p)
	switch {
	case n == 0:
		f.fail(errShort)
	case n < 0 || n > 1 && f.p[n-1] == 0:
		f.fail(errVarint)
	case v > limit:
		f.fail(errRange)
	default:
		f.p = f.p[n:]
		return v
	}
	return 0
}

// bytes reads n bytes. The result shares the frame's memory.
func (f *fields) bytes(n int) []byte {
	if n > len(f.p) {
		f.fail(errShort)
	}
	if f.err != nil {
		return nil
	}
	b := f.p[:n:n]
	f.p = f.p[n:]
	return b
}

func (f *fields) byte() byte {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// string reads a length and that many bytes, at most limit.
func (f *fields) string(limit int) string {
	n := f.uint(1 << 32)
	if n > uint64(limit) {
		f.fail(errTooLong)
	}
	return string(f.bytes(int(n)))
}

// rest takes what is left, at most limit bytes.
func (f *fields) rest(limit int) []byte {
	if len(f.p) > limit {
		f.fail(errTooLong)
	}
	return f.bytes(len(f.p))
}

func (f *fields) end() error {
	if len(f.p) > 0 {
		f.fail(errExtra)
	}
	return f.err
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
