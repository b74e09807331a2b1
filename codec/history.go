package codec

import (
	"crypto/sha256"
	"encoding/binary"
)

// maxHistory is how much a [History] learns before it begins anew, in bytes.
const maxHistory = 1 << 20

// History is a model that knows the texts that crossed a link before: it finds
// again what they said, and its mixers have learnt how far that can be trusted.
// What a text's own table learns stays out: it takes old texts for this one's
// style and loses more than it finds.
//
// A History doesn't change: [History.After] makes the next one. Two ends that
// learnt the same texts in the same order have the same fingerprint. It may be
// used concurrently.
type History struct {
	model *prior
	texts *recollection     // nil at first
	mixed [adapters]*mixers // nil: as trained
	size  int               // bytes learnt
	print [sha256.Size]byte
}

// recollection is where texts went on before, all of them behind each other.
type recollection struct {
	buf   []byte
	match matches
}

// NewHistory starts from m, without texts. Nil: m is no model that can learn.
func NewHistory(m Model) *History {
	p, ok := m.(*prior)
	if !ok {
		return nil
	}
	return &History{model: p}
}

// Name implements [Model].
func (h *History) Name() string { return h.model.Name() }

// Fingerprint implements [Model]: it changes with every text learnt.
func (h *History) Fingerprint() uint64 {
	return h.model.Fingerprint() ^ binary.BigEndian.Uint64(h.print[:8])
}

// Predictor implements [Model].
func (h *History) Predictor(context ...[]byte) Predictor {
	return h.adapted(h.adapter(nil, context), context)
}

// After is the history that has learnt a prompt and what was answered, too. It
// takes as long as coding them and copies up to 4 MiB. Where there would be more
// than 1 MiB to remember, it remembers these texts alone.
func (h *History) After(prompt []byte, texts ...[]byte) *History {
	next := h.named(prompt, texts)
	base := h.texts
	if next.size == textSize(prompt, texts) {
		base = nil
	} else {
		next.mixed = h.mixed
	}
	a := h.model.adapter(nil, [][]byte{prompt})
	s := newPriorState(h.model, h.model.params[a], base, next.mixed[a], nil)
	s.code(promptText, prompt)
	for _, t := range texts {
		s.code(answerText, t)
	}
	next.mixed[a] = &mixers{s.first, s.second}
	next.texts = &recollection{s.buf, s.match}
	return next
}

// NextFingerprint is the fingerprint of [History.After], without learning.
func (h *History) NextFingerprint(prompt []byte, texts ...[]byte) uint64 {
	return h.named(prompt, texts).Fingerprint()
}

// named is the next history without what it knows.
func (h *History) named(prompt []byte, texts [][]byte) *History {
	next := &History{model: h.model, size: textSize(prompt, texts)}
	sum := sha256.New()
	if h.size+next.size <= maxHistory {
		next.size += h.size
		sum.Write(h.print[:])
	}
	digestPart(sum, prompt)
	for _, t := range texts {
		digestPart(sum, t)
	}
	sum.Sum(next.print[:0])
	return next
}

func textSize(prompt []byte, texts [][]byte) int {
	n := len(prompt)
	for _, t := range texts {
		n += len(t)
	}
	return n
}

func (h *History) adapter(text []byte, context [][]byte) int { return h.model.adapter(text, context) }

func (h *History) adapted(adapter int, context [][]byte) Predictor {
	return newPriorState(h.model, h.model.params[adapter], h.texts, h.mixed[adapter], context)
}
