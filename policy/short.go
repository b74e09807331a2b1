package policy

import (
	_ "embed"
	"encoding/binary"
	"sync"
)

// shortFile counts which characters follow which in short final answers of
// recorded models; train/answers makes it.
//
//go:embed short.bin
var shortFile []byte

// shortOrder is the longest context in characters.
const shortOrder = 4

type shortCount struct {
	sym int // a byte, or termEnd
	n   uint64
}

// shortCounts are the counts behind each context. An answer begins behind a newline.
var shortCounts = sync.OnceValue(func() map[string][]shortCount {
	counts := map[string][]shortCount{}
	for b := shortFile; len(b) > 0; {
		n := int(b[0])
		context := string(b[1 : 1+n])
		b = b[1+n:]
		syms, w := binary.Uvarint(b)
		b = b[w:]
		next := make([]shortCount, syms)
		for i := range next {
			v, w := binary.Uvarint(b[1:])
			next[i] = shortCount{int(b[0]), v}
			if b[0] == '\n' {
				next[i].sym = termEnd
			}
			b = b[1+w:]
		}
		counts[context] = next
	}
	return counts
})

// shortOdds mixes base, the odds of the next symbol without a context, with the
// counts behind the end of so, from the shortest context to the longest (Witten
// and Bell 1991). All are in 2^-termBits.
func shortOdds(so []byte, base []uint64) []uint64 {
	p := append([]uint64(nil), base...)
	for order := 0; order <= min(shortOrder, len(so)); order++ {
		next, ok := shortCounts()[string(so[len(so)-order:])]
		if !ok {
			break
		}
		var n uint64
		for _, c := range next {
			n += c.n
		}
		distinct := uint64(len(next))
		for i := range p {
			p[i] = distinct * p[i] / (n + distinct)
		}
		for _, c := range next {
			p[c.sym] += c.n << termBits / (n + distinct)
		}
	}
	return p
}
