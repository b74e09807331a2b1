package codec

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The first byte of a plain payload says how the rest is stored.
const (
	plainRaw  = 0
	plainZstd = 1
)

// unsized bounds what the writer packs without naming its size, in bytes.
const unsized = 255

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

// ZstdCompress packs p without a model: a byte that names the form, then a zstd
// frame (RFC 8878) or, where that is not smaller, p itself. It never returns
// more than len(p)+1 bytes.
func ZstdCompress(p []byte) []byte {
	z := zstdEncoder().EncodeAll(p, []byte{plainZstd})
	if len(z) > len(p) {
		return append([]byte{plainRaw}, p...)
	}
	return z
}

// ZstdDecompress is the inverse of [ZstdCompress]. It returns [ErrTooLong] when
// the result would exceed maxLen bytes, before it allocates them, and
// [ErrCorrupt] for what is no zstd, or holds more than its header says.
func ZstdDecompress(p []byte, maxLen int) ([]byte, error) {
	if len(p) == 0 {
		return nil, fmt.Errorf("plain payload is empty: %w", ErrCorrupt)
	}
	switch form, body := p[0], p[1:]; form {
	case plainRaw:
		if len(body) > maxLen {
			return nil, ErrTooLong
		}
		return append([]byte(nil), body...), nil
	case plainZstd:
		return unzstd(body, maxLen)
	default:
		return nil, fmt.Errorf("plain payload of form %d: %w", form, ErrCorrupt)
	}
}

// unzstd takes no more memory than the frame's header names, since a few bytes
// can hold gigabytes.
func unzstd(frame []byte, maxLen int) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	size := uint64(unsized)
	if h.HasFCS {
		size = h.FrameContentSize
		if size > uint64(maxLen) {
			return nil, ErrTooLong
		}
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, fmt.Errorf("open zstd: %w", err)
	}
	defer d.Close()
	out, err := d.DecodeAll(frame, make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if len(out) > maxLen {
		return nil, ErrTooLong
	}
	return out, nil
}
