package codec

import "unicode/utf8"

// MaxEndMillibits is an upper bound on the price of [Encoder.EndText] in any
// state: a probability is at least 1/65536, and the meter rounds up once.
const MaxEndMillibits int64 = probBits*1000 + 1

// Write codes p, each byte preceded by a coded "goes on". The text may be
// written in pieces; [Encoder.EndText] closes it.
func (e *Encoder) Write(t Predictor, p []byte) {
	for _, b := range p {
		e.bit(0, t.end())
		t.ended(false)
		for i := 7; i >= 0; i-- {
			bit := int(b>>i) & 1
			e.bit(bit, t.P())
			t.Update(bit)
		}
	}
}

// EndText codes the end mark of the text.
func (e *Encoder) EndText(t Predictor) {
	e.bit(1, t.end())
	t.ended(true)
}

// partialText is where a decoder stands in a text when bytes run out.
type partialText struct {
	n    int    // whole bytes decoded
	node uint32 // 0: before "goes on"; else 1 followed by the bits of the byte so far
}

// Text decodes what [Encoder.Write] and [Encoder.EndText] coded with an equal
// predictor and appends it to dst. It returns done when the end mark is seen and
// [ErrMore] when the bytes ran out; then feed more and call again with the
// returned slice. A text longer than maxLen bytes in all is [ErrTooLong].
func (d *Decoder) Text(t Predictor, dst []byte, maxLen int) (out []byte, done bool, err error) {
	s := &d.text
	for {
		if s.node == 0 {
			end, err := d.bit(t.end())
			if err != nil {
				return dst, false, err
			}
			t.ended(end == 1)
			if end == 1 {
				*s = partialText{}
				return dst, true, nil
			}
			if s.n >= maxLen {
				return dst, false, ErrTooLong
			}
			s.node = 1
		}
		for s.node < 256 {
			bit, err := d.bit(t.P())
			if err != nil {
				return dst, false, err
			}
			t.Update(bit)
			s.node = s.node<<1 | uint32(bit)
		}
		dst = append(dst, byte(s.node))
		s.node = 0
		s.n++
	}
}

// WholeRunes is the length of the longest prefix of p that does not end inside
// a UTF-8 sequence: what a streaming decoder may show. Bytes that are not UTF-8
// are not held back.
func WholeRunes(p []byte) int {
	for back := 1; back <= min(utf8.UTFMax, len(p)); back++ {
		if i := len(p) - back; utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				return i
			}
			break
		}
	}
	return len(p)
}
