package codec

import (
	"bytes"
	"testing"
)

// FuzzRoundTrip: decode(encode(x)) = x for any bytes and any contexts.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(sample), []byte("What is 6 * 7?"), []byte("42"))
	f.Add([]byte{}, []byte{}, []byte{})
	f.Add([]byte{0, 255, 0, 255, 128}, []byte{0}, []byte(sample))
	f.Fuzz(func(t *testing.T, data, prompt, draft []byte) {
		for _, m := range models() {
			packed := Pack(m, data, prompt, draft)
			got, err := Unpack(m, packed, len(data), prompt, draft)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%s: %q given %q, %q: got %q, %v", m.Name(), data, prompt, draft, got, err)
			}
		}
	})
}

// FuzzDecode: any bytes decode to an error or to a text within the limit; what
// decodes encodes to the same bytes again.
func FuzzDecode(f *testing.F) {
	f.Add(Pack(order2{}, []byte(sample)))
	f.Add(Pack(Default(), []byte(sample)))
	f.Add([]byte{modelOrder2, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, packed []byte) {
		for _, m := range models() {
			const limit = 2000
			out, err := Unpack(m, packed, limit)
			if len(out) > limit {
				t.Fatalf("%s: %d bytes out", m.Name(), len(out))
			}
			if err != nil || packed[0] == modelPlain {
				continue
			}
			e, p := NewEncoder(), predictor(m, packed[0], nil)
			e.Write(p, out)
			e.EndText(p)
			if code := e.Finish(); !bytes.Equal(code, packed[1+digestSize:]) {
				t.Fatalf("%s: %x decodes to %q, which codes to %x", m.Name(), packed, out, code)
			}
		}
	})
}
