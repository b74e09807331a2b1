package codec

import (
	"math/bits"
	"slices"
)

// matcher follows the last place where the text went as it goes now. Prompt,
// draft and text lie behind each other in one buffer.
type matcher struct {
	minLen int      // bytes that must agree to begin
	heads  []uint32 // by hash of the last minLen bytes: where they ended
	at     int      // where the expected byte lies, 0: no match
	length int      // bytes that agree
	missed int      // matches broken since one lasted, capped
}

const (
	matchMinBits = 10
	matchMaxBits = 18
	maxMatch     = 400
)

type matches [matchers]matcher

func (m matches) clone() matches {
	for i := range m {
		m[i].heads = slices.Clone(m[i].heads)
	}
	return m
}

func newMatcher(minLen int) matcher {
	return matcher{minLen: minLen, heads: make([]uint32, 1<<matchMinBits)}
}

func (m *matcher) hash(buf []byte, end int) uint32 {
	h := uint32(0)
	for _, b := range buf[end-m.minLen : end] {
		h = (h + uint32(b) + 1) * 0x2f0b4c47
		h ^= h >> 15
	}
	return h * 0x9e3779b1 >> (32 - uint(bits.TrailingZeros(uint(len(m.heads)))))
}

// push follows the byte just appended to buf.
func (m *matcher) push(buf []byte) {
	n := len(buf)
	if m.at > 0 {
		if buf[m.at] == buf[n-1] {
			m.at++
			m.length = min(m.length+1, maxMatch)
		} else {
			m.at, m.length = 0, 0
			m.missed = min(m.missed+1, 3)
		}
	}
	if n < m.minLen {
		return
	}
	if n > len(m.heads) && len(m.heads) < 1<<matchMaxBits {
		m.grow(buf[:n-1])
	}
	head := &m.heads[m.hash(buf, n)]
	if m.at == 0 && *head > 0 {
		m.at = int(*head)
		m.length = common(buf, m.at, n)
		if m.length < m.minLen {
			m.at, m.length = 0, 0
		}
	}
	if m.length >= 16 {
		m.missed = 0
	}
	*head = uint32(n)
}

// common counts the bytes before a and before b that agree.
func common(buf []byte, a, b int) int {
	k := 0
	for k < a && k < maxMatch && buf[a-1-k] == buf[b-1-k] {
		k++
	}
	return k
}

func (m *matcher) grow(buf []byte) {
	m.heads = make([]uint32, 4*len(m.heads))
	for end := m.minLen; end <= len(buf); end++ {
		m.heads[m.hash(buf, end)] = uint32(end)
	}
}

// bucket is how long the match is, in 15 steps from 1, and 0 without one.
func (m *matcher) bucket() int {
	if m.at == 0 {
		return 0
	}
	switch l := m.length; {
	case l < 16:
		return 1 + l/2
	case l < 32:
		return 9 + (l-16)/8
	case l < 64:
		return 11 + (l-32)/16
	case l < maxMatch:
		return 13
	}
	return 14
}
