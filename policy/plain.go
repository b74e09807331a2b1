package policy

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"tenbit"
	"tenbit/codec"
)

// lengthBits bounds the length of a plain payload: 2^24-1 bytes.
const lengthBits = 24

// codePlain walks over a message as zstd: its form and end, the length as a
// count of bits and the bits, the bytes. Each byte is charged 8 bits.
func (s *scene) codePlain(c coder, r tenbit.Reply) (tenbit.Reply, error) {
	i, err := c.symbol(int(formOf(r.Message)), s.formOdds())
	if err != nil {
		return r, err
	}
	f := form(i)
	if r, err = s.codeFinish(c, f, r); err != nil {
		return r, err
	}
	if r.Cut {
		return r, errors.New("a plain reply is never cut")
	}
	most := s.maxText() + 3*binary.MaxVarintLen32
	var packed []byte
	if _, writes := c.(writer); writes {
		raw := join(f, r.Message)
		if len(raw) > most {
			return r, ErrOverLimit
		}
		packed = codec.ZstdCompress(raw)
	}
	n, err := codeLength(c, len(packed))
	if err != nil {
		return r, err
	}
	for i := range n {
		var b byte
		if i < len(packed) {
			b = packed[i]
		}
		if b, err = c.byte(b); err != nil {
			return r, err
		}
		if i >= len(packed) {
			packed = append(packed, b)
		}
	}
	raw, err := codec.ZstdDecompress(packed, most)
	if err != nil {
		return r, err
	}
	fields, err := split(f, raw)
	if err != nil {
		return r, err
	}
	return r, setFields(&r.Message, f, fields)
}

// codeLength walks over a length in Elias's gamma code: how many bits, then
// the bits below the highest.
func codeLength(c coder, n int) (int, error) {
	width, err := c.symbol(bits.Len(uint(n)), uniform(lengthBits+1))
	if err != nil || width == 0 {
		return 0, err
	}
	v := 1
	for i := width - 2; i >= 0; i-- {
		b, err := c.symbol(n>>i&1, uniform(2))
		if err != nil {
			return 0, err
		}
		v = v<<1 | b
	}
	return v, nil
}

func uniform(n int) []uint32 {
	freqs := make([]uint32, n)
	for i := range freqs {
		freqs[i] = 1
	}
	return freqs
}

// join is the content, or the three fields with the lengths of the first two.
func join(f form, m tenbit.Message) []byte {
	if f == formText {
		return []byte(m.Content)
	}
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(m.Content)))
	b = append(b, m.Content...)
	b = binary.AppendUvarint(b, uint64(len(m.ToolCalls)))
	b = append(b, m.ToolCalls...)
	return append(b, m.Refusal...)
}

func split(f form, b []byte) ([]string, error) {
	if f == formText {
		return []string{string(b)}, nil
	}
	var fields []string
	for range 2 {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return nil, errors.New("field ends early")
		}
		fields = append(fields, string(b[w:w+int(n)]))
		b = b[w+int(n):]
	}
	return append(fields, string(b)), nil
}
