package embedded

import (
	"fmt"
	"unicode/utf8"
)

// tokenizer is GPT-2's byte-level byte pair encoding. Safe for concurrent use.
type tokenizer struct {
	bytes   [256]int32       // the token of each byte
	pieces  []string         // the bytes of each token, "" for control tokens
	rank    map[[2]int32]int // which pairs merge, best first
	merged  []int32          // by rank: what the pair becomes
	longest int              // bytes of the longest token

	end, question, answer int32 // control tokens
}

// Token types of tokenizer.ggml.token_type.
const (
	tokenNormal  = 1
	tokenControl = 3
)

func newTokenizer(g *gguf) (*tokenizer, error) {
	if m, pre := g.meta["tokenizer.ggml.model"], g.meta["tokenizer.ggml.pre"]; m != "gpt2" || pre != "gpt-2" {
		return nil, fmt.Errorf("%w: tokenizer: want model gpt2 and pre gpt-2", ErrFormat)
	}
	names, _ := g.meta["tokenizer.ggml.tokens"].([]string)
	kinds, _ := g.meta["tokenizer.ggml.token_type"].([]int64)
	if len(names) < 259 || len(names) > 1<<16 || len(kinds) != len(names) {
		return nil, fmt.Errorf("%w: tokenizer: %d tokens and %d types", ErrFormat, len(names), len(kinds))
	}
	t := &tokenizer{pieces: make([]string, len(names)), rank: map[[2]int32]int{}}
	ids := make(map[string]int32, len(names))
	for i, name := range names {
		if _, twice := ids[name]; twice {
			return nil, fmt.Errorf("%w: tokenizer: token %d is given twice", ErrFormat, i)
		}
		ids[name] = int32(i)
		if kinds[i] != tokenNormal {
			continue
		}
		piece, ok := fromAlphabet(name)
		if !ok || piece == "" {
			return nil, fmt.Errorf("%w: tokenizer: token %d is not in the byte alphabet", ErrFormat, i)
		}
		t.pieces[i] = piece
		t.longest = max(t.longest, len(piece))
	}
	for b := range 256 {
		id, ok := ids[string(toAlphabet[b])]
		if !ok {
			return nil, fmt.Errorf("%w: tokenizer: byte %d has no token", ErrFormat, b)
		}
		t.bytes[b] = id
	}
	for name, at := range map[string]*int32{"<|end|>": &t.end, "<|q|>": &t.question, "<|a|>": &t.answer} {
		id, ok := ids[name]
		if !ok || kinds[id] != tokenControl {
			return nil, fmt.Errorf("%w: tokenizer: no control token %s", ErrFormat, name)
		}
		*at = id
	}
	return t, t.readMerges(g, ids)
}

func (t *tokenizer) readMerges(g *gguf, ids map[string]int32) error {
	merges, _ := g.meta["tokenizer.ggml.merges"].([]string)
	for i, m := range merges {
		left, right, ok := cutSpace(m)
		a, ok1 := ids[left]
		b, ok2 := ids[right]
		c, ok3 := ids[left+right]
		if !ok || !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("%w: tokenizer: merge %d joins no two tokens to a third", ErrFormat, i)
		}
		if _, twice := t.rank[[2]int32{a, b}]; twice {
			return fmt.Errorf("%w: tokenizer: merge %d is given twice", ErrFormat, i)
		}
		t.rank[[2]int32{a, b}] = i
		t.merged = append(t.merged, c)
	}
	return nil
}

func cutSpace(s string) (left, right string, ok bool) {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i], s[i+1:], i > 0 && i+1 < len(s)
		}
	}
	return "", "", false
}

// encode appends the tokens of text, which is never read as control tokens.
func (t *tokenizer) encode(dst []int32, text string) []int32 {
	for text != "" {
		n := pieceLen(text)
		dst = t.merge(dst, text[:n])
		text = text[n:]
	}
	return dst
}

// prompt is what the model reads before it answers: the question between its
// control tokens, cut at its front to at most room tokens in all.
func (t *tokenizer) prompt(question string, room int) []int32 {
	// The cut text still covers more tokens than fit, and keeps the work bounded.
	if most := (room + 1) * t.longest; len(question) > most {
		question = question[len(question)-most:]
		for len(question) > 0 && !utf8.RuneStart(question[0]) {
			question = question[1:]
		}
	}
	ids := t.encode(nil, question)
	if most := max(0, room-2); len(ids) > most {
		ids = ids[len(ids)-most:]
	}
	out := make([]int32, 0, len(ids)+2)
	out = append(out, t.question)
	out = append(out, ids...)
	return append(out, t.answer)
}

// toAlphabet is GPT-2's map from bytes to printable characters: printable
// Latin-1 stands for itself, the others follow from U+0100.
var toAlphabet = func() (m [256]rune) {
	next := rune(256)
	for b := range rune(256) {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			m[b] = b
			continue
		}
		m[b] = next
		next++
	}
	return m
}()

var inAlphabet = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for b, r := range toAlphabet {
		m[r] = byte(b)
	}
	return m
}()

func fromAlphabet(name string) (string, bool) {
	out := make([]byte, 0, len(name))
	for _, r := range name {
		b, ok := inAlphabet[r]
		if !ok {
			return "", false
		}
		out = append(out, b)
	}
	return string(out), true
}
