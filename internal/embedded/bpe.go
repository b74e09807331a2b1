package embedded

import (
	"container/heap"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pieceLen is the length in bytes of the first piece of text as GPT-2 splits it:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func pieceLen(text string) int {
	for _, s := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(text, s) {
			return len(s)
		}
	}
	from := 0
	if text[0] == ' ' {
		from = 1
	}
	if c := classAt(text, from); from < len(text) && c != space {
		return from + run(text[from:], c)
	}
	n := run(text, space)
	if n == len(text) {
		return n
	}
	// The last blank belongs to what follows, unless it is the only one.
	_, last := utf8.DecodeLastRuneInString(text[:n])
	if n > last {
		return n - last
	}
	return n
}

type class uint8

const (
	other class = iota
	letter
	digit
	space
)

func classAt(text string, at int) class {
	r, _ := utf8.DecodeRuneInString(text[at:])
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return digit
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// run is the length of the longest prefix of one class.
func run(text string, c class) int {
	n := 0
	for n < len(text) && classAt(text, n) == c {
		_, size := utf8.DecodeRuneInString(text[n:])
		n += size
	}
	return n
}

// symbol is one token of a piece while it is merged, in a doubly linked list.
type symbol struct {
	id         int32
	prev, next int // -1 at the ends; next is -2 when the symbol was merged away
}

// pair is a merge that was possible when it was found.
type pair struct {
	rank, left  int
	first, with int32
}

// pairs is a heap: lowest rank first, leftmost on ties.
type pairs []pair

func (p pairs) Len() int { return len(p) }
func (p pairs) Less(i, j int) bool {
	return p[i].rank < p[j].rank || p[i].rank == p[j].rank && p[i].left < p[j].left
}
func (p pairs) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pairs) Push(x any)   { *p = append(*p, x.(pair)) }
func (p *pairs) Pop() any {
	x := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return x
}

// merge appends the tokens of one piece, in time n log n.
func (t *tokenizer) merge(dst []int32, piece string) []int32 {
	list := make([]symbol, len(piece))
	for i := range list {
		list[i] = symbol{t.bytes[piece[i]], i - 1, i + 1}
	}
	list[len(list)-1].next = -1
	var queue pairs
	look := func(i int) {
		if i < 0 || list[i].next < 0 {
			return
		}
		a, b := list[i].id, list[list[i].next].id
		if rank, ok := t.rank[[2]int32{a, b}]; ok {
			heap.Push(&queue, pair{rank, i, a, b})
		}
	}
	for i := range list {
		look(i)
	}
	for len(queue) > 0 {
		p := heap.Pop(&queue).(pair)
		l := &list[p.left]
		if l.next < 0 || l.id != p.first || list[l.next].id != p.with {
			continue // one of the two is gone
		}
		gone := l.next
		l.id = t.merged[p.rank]
		l.next = list[gone].next
		list[gone].next = -2
		if l.next >= 0 {
			list[l.next].prev = p.left
		}
		look(l.prev)
		look(p.left)
	}
	for i := 0; i >= 0; i = list[i].next {
		dst = append(dst, list[i].id)
	}
	return dst
}
