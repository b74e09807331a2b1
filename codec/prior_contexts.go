package codec

// What a prediction may depend on: the text so far, its words and its lines.

// staticContexts is the number of contexts that the trained table knows. They
// are numbered by how specific they are: see [past.contexts].
const staticContexts = 11

// localContexts is the number of contexts that a message learns for itself.
const localContexts = 5

// wordStart is the hash of an empty word.
const wordStart = 0x2f0b4c47

// past is what came before of a text as far as contexts need it.
type past struct {
	last  uint64    // the last eight bytes, the newest lowest
	word  uint32    // hash of the current word, wordStart between words
	words [2]uint32 // hashes of the words before, the newest first
	punct uint32    // the last four bytes that belong to no word
}

// Kinds of text. They differ in how they begin.
const (
	promptText = 1
	answerText = 2
)

// reset begins a text. A context read before stays in the matchers and in what
// was learnt, but the first bytes of an answer are predicted as such.
func (h *past) reset(kind byte) {
	*h = past{last: uint64(kind) * 0x0101010101010101, word: wordStart}
	h.words = [2]uint32{uint32(kind), uint32(kind)}
}

// push appends a byte.
func (h *past) push(b byte) {
	h.last = h.last<<8 | uint64(b)
	if wordByte[b] {
		h.word = (h.word + uint32(lower(b)) + 1) * 0x2c9277b5
		h.word ^= h.word >> 15
	} else {
		if h.word != wordStart {
			h.words = [2]uint32{h.word, h.words[0]}
			h.word = wordStart
		}
		h.punct = h.punct<<8 | uint32(b)
	}
}

// contexts sets c to the static contexts of the next byte, least specific first.
func (h *past) contexts(c *[staticContexts]uint64) {
	l, w := h.last, uint64(h.word)
	w0, w1 := uint64(h.words[0]), uint64(h.words[1])
	c[0] = l & 0xff
	c[1] = l & 0xffff
	c[2] = w<<8 | l&0xff&^-b2u(wordByte[byte(l)]) // between words, which sign
	c[3] = l & 0xffffff
	c[4] = l & 0xffffffff
	c[5] = w1*0x9e3779b97f4a7c15 + w // skips a word
	c[6] = uint64(h.punct)<<32 | w
	c[7] = l & 0xffffffffff
	c[8] = w0<<32 + w*0x85ebca6b
	c[9] = l & 0xffffffffffff
	c[10] = (w1*0xff51afd7ed558ccd+w0)*0x9e3779b97f4a7c15 + w
	for i := range c {
		c[i] = mix(c[i] + uint64(i+1)*0xd6e8feb86659fd93)
	}
}

// local picks the contexts that a message learns for itself.
func (h *past) local(c *[staticContexts]uint64) [localContexts]uint64 {
	return [localContexts]uint64{c[0], c[1], c[3], c[4], c[9]}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// mix spreads the bits of a context (the finaliser of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return x
}

// nibble is the hash of a context and the first half of the byte, 0 before it.
// Both halves of a byte share the top bits and so a page of the table, which
// spares address translation.
func nibble(c uint64, half uint32) uint64 {
	x := (c + uint64(half)*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	return c&^(1<<(64-pageBits)-1) | (x^x>>32)>>pageBits
}

var (
	wordByte [256]bool // letters, digits and everything above ASCII
	classOf  [256]byte // eight classes of bytes
)

func init() {
	for i := range 256 {
		b := byte(i)
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		digit := b >= '0' && b <= '9'
		wordByte[i] = letter || digit || b >= 0x80
		switch {
		case b >= 'A' && b <= 'Z':
			classOf[i] = 1
		case letter || b >= 0x80:
			classOf[i] = 0
		case digit:
			classOf[i] = 2
		case b == ' ':
			classOf[i] = 3
		case b == '\n':
			classOf[i] = 4
		case b == '.' || b == ',' || b == ':' || b == ';' || b == '!' || b == '?':
			classOf[i] = 5
		case b == '(' || b == '[' || b == '{' || b == '$' || b == '\\' || b == '"':
			classOf[i] = 6
		default:
			classOf[i] = 7
		}
	}
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}
