package fake

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"math"
	"strings"
	"unicode"
)

// Embedder makes vectors of texts by hashing their words and pieces of words: a
// declared stand-in for a model. Texts that share words are similar, whatever
// they mean, which is the hard case for what judges by similarity.
type Embedder struct {
	Err error // of every call; nil: none
}

// embedLength is how long its vectors are.
const embedLength = 256

// Embed satisfies what the gateway and the cache ask of a model.
func (e Embedder) Embed(ctx context.Context, texts []string, _ int) (vectors [][]float32, tokens int, err error) {
	if e.Err != nil {
		return nil, 0, e.Err
	}
	for _, t := range texts {
		vectors = append(vectors, Vector(t))
		tokens += len(strings.Fields(t))
	}
	return vectors, tokens, ctx.Err()
}

// Vector is a text's vector, of length one: whole words count twice as much as
// their pieces of four letters. A text without words has the first axis.
func Vector(text string) []float32 {
	v := make([]float32, embedLength)
	add := func(s string, weight float32) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(s)) // never fails
		n := h.Sum64()
		if n&(1<<40) != 0 {
			weight = -weight
		}
		v[n%embedLength] += weight
	}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		add(w, 2)
		rs := []rune("^" + w + "$")
		for i := 0; i+4 <= len(rs); i++ {
			add(string(rs[i:i+4]), 1)
		}
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		v[0], sum = 1, 1
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

// Embeds is the answer of an [Upstream] to POST /v1/embeddings.
func Embeds(r Received) Behaviour {
	var in struct{ Input []string }
	_ = json.Unmarshal(r.Body, &in) // no input: no vectors
	type datum struct {
		Object    string    `json:"object"`
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	}
	out := map[string]any{"object": "list", "usage": map[string]int{"prompt_tokens": 1, "total_tokens": 1}}
	var data []datum
	for i, t := range in.Input {
		data = append(data, datum{"embedding", i, Vector(t)})
	}
	out["data"] = data
	raw, _ := json.Marshal(out) // numbers and strings only
	return Behaviour{Raw: raw}
}
