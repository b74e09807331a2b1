package codec

import (
	"fmt"
	"slices"
)

// prior is the trained model: context mixing over bytes (Mahoney, "Adaptive
// weighing of context models for lossless data compression", 2005) that starts
// from a table and weights trained on recorded answers. All of it is integers,
// so that every CPU gives the same codeword. It is read-only and shared; what a
// message learns lies in its predictor.
type prior struct {
	table  string // embedded, not copied
	pages  uint64
	params [adapters]*params // 0: the base
	route  *router
	print  func() uint64
}

// adapters counts the base and the domains.
const adapters = 5

// Name implements [Model].
func (m *prior) Name() string { return "prior" }

// Fingerprint implements [Model]. It is computed at the first call, in some ten
// milliseconds.
func (m *prior) Fingerprint() uint64 { return m.print() }

// Predictor implements [Model]. The prompt, the first context, chooses the
// adapter.
func (m *prior) Predictor(context ...[]byte) Predictor {
	return m.adapted(m.adapter(nil, context), context)
}

// adapter chooses by the prompt, or by the text itself where there is none.
func (m *prior) adapter(text []byte, context [][]byte) int {
	if len(context) > 0 {
		return m.route.pick(context[0])
	}
	return m.route.pick(text)
}

func (m *prior) adapted(adapter int, context [][]byte) Predictor {
	return newPriorState(m, m.params[adapter], nil, nil, context)
}

// Order2 is a small adaptive model that needs no training: what the prior is
// measured against.
func Order2() Model { return order2{} }

// WithAdapter is the default model with one adapter whatever the prompt: chat,
// math, science, code, or "" for none. It is there to measure adapters; two ends
// of a link let the prompt choose.
func WithAdapter(name string) (Model, error) {
	a := slices.Index(domains[:], name)
	if a < 0 {
		return nil, fmt.Errorf("codec: no adapter %.20q", name)
	}
	return fixedAdapter{embedded(), a}, nil
}

type fixedAdapter struct {
	*prior
	a int
}

func (f fixedAdapter) adapter([]byte, [][]byte) int { return f.a }

// Predictor implements [Model].
func (f fixedAdapter) Predictor(context ...[]byte) Predictor { return f.adapted(f.a, context) }
