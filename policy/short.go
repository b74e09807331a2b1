package policy

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"tenbit/codec"
)

// shortFile is what short answers are coded with: counts of recorded answers,
// then the weights of the predictors. train/answers makes it.
//
//go:embed short.bin
var shortFile []byte

// trained is what shortFile holds.
type trained struct {
	fields [fieldsOfAnswers]learnt
}

// learnt is what was learnt of the answers of one field.
type learnt struct {
	counts  counts
	numbers codec.Weights
	sorts   [sortsOfTerms]codec.Weights
}

func newLearnt(cs counts) learnt {
	l := learnt{counts: cs, numbers: newWeights(numberExperts)}
	for i := range l.sorts {
		l.sorts[i] = newWeights(termExperts)
	}
	return l
}

func (f learnt) sets() []codec.Weights { return append([]codec.Weights{f.numbers}, f.sorts[:]...) }

// Code and everything else write their answers differently.
const fieldsOfAnswers = 2

// fieldOf is the field of a question.
func fieldOf(question string) int { return b2i(wantsLiteral.MatchString(question)) }

// numberExperts and termExperts count the predictors of [guess].
const (
	numberExperts = 7
	termExperts   = 9
)

// shortAnswers reads shortFile once.
var shortAnswers = sync.OnceValue(func() trained {
	t, err := readTrained(shortFile)
	if err != nil {
		panic(fmt.Sprintf("policy: embedded short.bin: %v", err)) // built wrong
	}
	return t
})

// counts are how often which character followed which in short final answers,
// behind contexts of up to shortOrder characters. An answer begins behind a newline.
type counts map[string][]shortCount

type shortCount struct {
	sym int // a byte, or termEnd
	n   uint64
}

// shortOrder is the longest context in characters.
const shortOrder = 4

// odds mixes base, the odds of the next symbol without a context, with the counts
// behind the end of so, from the shortest context to the longest (Witten and Bell
// 1991). All are in 2^-termBits.
func (cs counts) odds(so []byte, base []uint64) []uint64 {
	p := slices.Clone(base)
	for order := 0; order <= min(shortOrder, len(so)); order++ {
		next, ok := cs[string(so[len(so)-order:])]
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

// append writes, for each field: the number of contexts; each context's length, its bytes, how many
// characters follow and each of those with its count; then the weights in 2^-10.
func (t trained) append(b []byte) []byte {
	for _, f := range t.fields {
		b = f.append(b)
	}
	return b
}

func (f learnt) append(b []byte) []byte {
	contexts := slices.Sorted(maps.Keys(f.counts))
	b = binary.AppendUvarint(b, uint64(len(contexts)))
	for _, c := range contexts {
		b = append(append(b, byte(len(c))), c...)
		b = binary.AppendUvarint(b, uint64(len(f.counts[c])))
		for _, next := range f.counts[c] {
			sym := byte(next.sym)
			if next.sym == termEnd {
				sym = '\n'
			}
			b = binary.AppendUvarint(append(b, sym), next.n)
		}
	}
	for _, w := range f.sets() {
		for _, row := range w {
			for _, v := range row {
				b = binary.AppendVarint(b, int64(v)>>weightShift)
			}
		}
	}
	return b
}

const weightShift = 6

// readTrained is the inverse of append.
func readTrained(b []byte) (t trained, err error) {
	r := &shortReader{b: b}
	for i := range t.fields {
		t.fields[i] = r.learnt()
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = errors.New("too long")
	}
	return t, r.err
}

// shortReader reads a file of [trained]; err is sticky.
type shortReader struct {
	b   []byte
	err error
}

func (r *shortReader) learnt() learnt {
	f := newLearnt(counts{})
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		context := string(r.bytes(int(r.byte())))
		var next []shortCount
		for k := r.uint(); k > 0 && r.err == nil; k-- {
			c := shortCount{int(r.byte()), r.uint()}
			if c.sym == '\n' {
				c.sym = termEnd
			}
			next = append(next, c)
		}
		f.counts[context] = next
	}
	for _, w := range f.sets() {
		for _, row := range w {
			for i := range row {
				row[i] = int32(r.int()) << weightShift
			}
		}
	}
	return f
}

func (r *shortReader) bytes(n int) []byte {
	if n > len(r.b) {
		r.b, r.err = nil, io.ErrUnexpectedEOF
		return make([]byte, n)
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *shortReader) byte() byte { return r.bytes(1)[0] }

func (r *shortReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.bytes(r.width(n))
	return v
}

func (r *shortReader) int() int64 {
	v, n := binary.Varint(r.b)
	r.bytes(r.width(n))
	return v
}

// width is n of a number, or more than there is.
func (r *shortReader) width(n int) int {
	if n <= 0 {
		return len(r.b) + 1
	}
	return n
}

// newWeights are those of experts that nothing is known of.
func newWeights(experts int) codec.Weights {
	w := make(codec.Weights, codec.BlendRows)
	for i := range w {
		w[i] = slices.Repeat([]int32{1 << 16 / 4}, experts)
	}
	return w
}
