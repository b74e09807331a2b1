package codec

import (
	"os"
	"testing"
)

// The figures of `gatewayd codec bench` are the ones that count; these tell what
// a change does. Bytes are primed and coded ones.

func benchTexts(b *testing.B) (prompt, text []byte) {
	b.Helper()
	all, err := os.ReadFile("../docs/codec.md")
	if err != nil {
		b.Fatal(err)
	}
	return all[:500], all[500:3500]
}

func BenchmarkEncode(b *testing.B) {
	prompt, text := benchTexts(b)
	b.SetBytes(int64(len(prompt) + len(text)))
	for b.Loop() {
		Pack(Default(), text, prompt)
	}
}

func BenchmarkDecode(b *testing.B) {
	prompt, text := benchTexts(b)
	packed := Pack(Default(), text, prompt)
	b.SetBytes(int64(len(prompt) + len(text)))
	for b.Loop() {
		if _, err := Unpack(Default(), packed, len(text), prompt); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrime(b *testing.B) {
	_, text := benchTexts(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Default().Predictor(text)
	}
}
