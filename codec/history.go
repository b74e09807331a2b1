package codec

import (
	"crypto/sha256"
	"encoding/binary"
)

// maxHistory is how much a [History] learns before it begins anew, in bytes.
const maxHistory = 1 << 20

// History is a model that goes on learning from the texts that crossed a link.
// Both ends add the same texts in the same order; its fingerprint tells them
// whether they did. When it has learnt 1 MiB it forgets everything. A History
// belongs to one goroutine; the predictors it makes do not change any more when
// texts are added.
type History struct {
	model *prior
	state *priorState // what was learnt, nil at first
	size  int         // bytes learnt
	print [sha256.Size]byte
}

// NewHistory starts from the default model.
func NewHistory() *History { return &History{model: embedded()} }

// Name implements [Model].
func (h *History) Name() string { return h.model.Name() }

// Fingerprint implements [Model]: it changes with every text added.
func (h *History) Fingerprint() uint64 {
	return h.model.Fingerprint() ^ binary.BigEndian.Uint64(h.print[:8])
}

// Predictor implements [Model].
func (h *History) Predictor(context ...[]byte) Predictor {
	return h.adapted(h.adapter(nil, context), context)
}

// Add learns texts: a prompt and what was answered.
func (h *History) Add(prompt []byte, texts ...[]byte) {
	n := len(prompt)
	for _, t := range texts {
		n += len(t)
	}
	if h.size+n > maxHistory {
		h.Reset()
	}
	if n > maxHistory {
		return
	}
	if h.state == nil {
		h.state = &priorState{}
		h.state.learnt(nil, 0)
	}
	h.size += n
	h.state.read(promptText, prompt)
	sum := sha256.New()
	sum.Write(h.print[:])
	digestPart(sum, prompt)
	for _, t := range texts {
		h.state.read(answerText, t)
		digestPart(sum, t)
	}
	sum.Sum(h.print[:0])
}

// Reset forgets everything, as after a mismatch.
func (h *History) Reset() { *h = History{model: h.model} }

func (h *History) adapter(text []byte, context [][]byte) int { return h.model.adapter(text, context) }

func (h *History) adapted(adapter int, context [][]byte) Predictor {
	return newPriorState(h.model, h.model.params[adapter], h.state, context)
}
