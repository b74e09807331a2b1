package openai

import (
	"encoding/json"

	"tenbit"
)

type logProb struct {
	Content []tenbit.TokenProb `json:"content"`
	Refusal []tenbit.TokenProb `json:"refusal"`
}

// UnmarshalJSON never fails: what is not as OpenAI has it is as if it were not
// there.
func (l *logProb) UnmarshalJSON(b []byte) error {
	type plain logProb
	var v plain
	if json.Unmarshal(b, &v) == nil {
		*l = logProb(v)
	}
	return nil
}

// mean is the running mean of log-probabilities, and the content's tokens where
// they are wanted.
type mean struct {
	sum  float64
	n    int
	keep bool
	all  []tenbit.TokenProb
}

func (m *mean) add(l *logProb) {
	if l == nil {
		return
	}
	if m.keep {
		m.all = append(m.all, l.Content...)
	}
	for _, list := range [][]tenbit.TokenProb{l.Content, l.Refusal} {
		for _, t := range list {
			m.sum += t.LogProb
			m.n++
		}
	}
}

func (m *mean) value() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / float64(m.n)
}
