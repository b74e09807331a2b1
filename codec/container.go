package codec

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// A container is a header byte, a 32-bit digest (big-endian) and a codeword; or
// the header byte 0 and a plain payload. The header's low three bits name the
// model, the next three the adapter; the rest is zero.
const (
	modelPlain  = 0
	modelOrder2 = 1
	modelPrior  = 2

	modelMask    = 7
	adapterShift = 3
	digestSize   = 4
)

// ErrModel says that a container was packed with a model other than the one at hand.
var ErrModel = errors.New("codec: packed with another model")

// Digest is the 32-bit digest that closes each message: the first four bytes of
// SHA-256 over the parts, each preceded by its length in eight bytes, big-endian.
func Digest(parts ...[]byte) uint32 {
	h := sha256.New()
	for _, p := range parts {
		digestPart(h, p)
	}
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func digestPart(h hash.Hash, p []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(p)))
	h.Write(n[:])
	h.Write(p)
}

// Pack stores data so that [Unpack] with the same model and contexts restores
// it. Where zstd is smaller it is taken instead: the result is never longer
// than [ZstdCompress] plus one byte.
func Pack(m Model, data []byte, context ...[]byte) []byte {
	packed := PackOwn(m, data, context...)
	if plain := PackPlain(data); len(plain) <= len(packed) {
		return plain
	}
	return packed
}

// PackOwn is [Pack] for the writer's own use: by the model, whatever zstd would
// make of it, whose tables take 34 MiB. [UnpackOwn] restores it.
func PackOwn(m Model, data []byte, context ...[]byte) []byte {
	header := headerOf(m, data, context)
	e, t := NewEncoder(), predictor(m, header, context)
	e.Write(t, data)
	e.EndText(t)
	packed := binary.BigEndian.AppendUint32([]byte{header}, Digest(data))
	return append(packed, e.Finish()...)
}

// PackPlain stores data without a model; [Unpack] restores it with any.
func PackPlain(data []byte) []byte {
	return append([]byte{modelPlain}, ZstdCompress(data)...)
}

// Unpack restores what [Pack] stored. Anything else is an error that wraps
// [ErrCorrupt], [ErrTooLong] (more than maxLen bytes) or [ErrModel].
func Unpack(m Model, packed []byte, maxLen int, context ...[]byte) ([]byte, error) {
	if len(packed) == 0 {
		return nil, fmt.Errorf("container is empty: %w", ErrCorrupt)
	}
	if packed[0] == modelPlain {
		return ZstdDecompress(packed[1:], maxLen)
	}
	data, err := UnpackOwn(m, packed, maxLen, context...)
	if err != nil {
		return nil, err
	}
	if headerOf(m, data, context) != packed[0] || len(packed) >= 1+len(ZstdCompress(data)) {
		return nil, fmt.Errorf("not as a writer would pack it: %w", ErrCorrupt)
	}
	return data, nil
}

// UnpackOwn restores what [PackOwn] stored, with the errors of [Unpack]. It
// doesn't ask whether that was the best way to store it.
func UnpackOwn(m Model, packed []byte, maxLen int, context ...[]byte) ([]byte, error) {
	if len(packed) < 1+digestSize {
		return nil, fmt.Errorf("container of %d bytes: %w", len(packed), ErrCorrupt)
	}
	header := packed[0]
	if header&modelMask != modelID(m) || int(header>>adapterShift) >= adapters {
		return nil, fmt.Errorf("header %#02x: %w", header, ErrModel)
	}
	d, t := NewDecoder(), predictor(m, header, context)
	d.Feed(packed[1+digestSize:])
	d.End()
	data, _, err := d.Text(t, nil, maxLen)
	if err != nil {
		return nil, err
	}
	if err := d.Finish(); err != nil {
		return nil, err
	}
	if Digest(data) != binary.BigEndian.Uint32(packed[1:]) {
		return nil, fmt.Errorf("digest differs: %w", ErrCorrupt)
	}
	return data, nil
}

// headerOf names the model and the adapter that fits.
func headerOf(m Model, data []byte, context [][]byte) byte {
	h := modelID(m)
	if a, ok := m.(adaptive); ok {
		h |= byte(a.adapter(data, context)) << adapterShift
	}
	return h
}

func predictor(m Model, header byte, context [][]byte) Predictor {
	if a, ok := m.(adaptive); ok {
		return a.adapted(int(header>>adapterShift), context)
	}
	return m.Predictor(context...)
}

func modelID(m Model) byte {
	switch m.Name() {
	case "order2":
		return modelOrder2
	case "prior":
		return modelPrior
	}
	panic("codec: model " + m.Name() + " has no number")
}
