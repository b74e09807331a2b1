package ollamatest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Model describes a tiny model: a Llama with one small random layer that says
// one of its lines and stops. Each byte is a token; what follows a token
// depends on that token alone (the layer adds a little noise), so lines should
// part ways only where they share their last byte: "Answer: 3" and "Answer: 4"
// are drawn with exactly their weights, and "banana" may loop.
type Model struct {
	Seed  uint64 // of the random layer
	Lines []Line
}

// Line is a text the model says, drawn with odds Weight among the lines.
type Line struct {
	Text   string
	Weight float64
}

// Template is the chat template the model's special tokens are made for.
const Template = `{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}<|end|>{{ end }}<|assistant|>`

// The sizes of the model. Every token has its own place in the embedding, so
// that the output matrix is the table of what follows what.
const (
	width         = 320
	heads         = 4
	hidden        = 64
	contextLength = 8192 // tokens
	vocab         = 256 + 6
)

// The tokens after the 256 bytes.
const (
	tokenBegin = 256 + iota
	tokenEnd
	tokenSystem
	tokenUser
	tokenAssistant
	tokenTool
)

var special = [...]string{"<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"}

// GGUF gives the model as a file that Ollama loads: architecture llama,
// matrices in 16 bits, a byte-level BPE tokenizer.
func (m Model) GGUF() []byte {
	f := new(file)
	f.set("general.architecture", "llama")
	f.set("general.name", "tiny")
	f.set("general.file_type", uint32(1)) // mostly F16
	f.set("llama.block_count", uint32(1))
	f.set("llama.context_length", uint32(contextLength))
	f.set("llama.embedding_length", uint32(width))
	f.set("llama.feed_forward_length", uint32(hidden))
	f.set("llama.attention.head_count", uint32(heads))
	f.set("llama.attention.head_count_kv", uint32(heads))
	f.set("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
	f.set("llama.rope.dimension_count", uint32(width/heads))
	f.set("llama.rope.freq_base", float32(10000))
	f.set("llama.vocab_size", uint32(vocab))
	setTokenizer(f)

	rng := rand.New(rand.NewPCG(m.Seed, 1))
	// Small enough that what the layer adds stays far under the one below.
	noise := func(int, int) float32 { return float32(rng.NormFloat64() * 0.005) }
	// A one in each token's own place; the norm turns it into sqrt(width).
	f.matrix("token_embd.weight", vocab, width, func(token, place int) float32 {
		if token == place {
			return 1
		}
		return 0
	})
	f.norm("blk.0.attn_norm.weight", width)
	for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
		f.matrix("blk.0."+name+".weight", width, width, noise)
	}
	f.norm("blk.0.ffn_norm.weight", width)
	f.matrix("blk.0.ffn_gate.weight", hidden, width, noise)
	f.matrix("blk.0.ffn_up.weight", hidden, width, noise)
	f.matrix("blk.0.ffn_down.weight", width, hidden, noise)
	f.norm("output_norm.weight", width)
	next := m.next()
	f.matrix("output.weight", vocab, width, func(token, place int) float32 {
		if place >= vocab {
			return 0
		}
		return float32(next[place][token] / math.Sqrt(width))
	})
	return f.bytes()
}

// unsaid is the logarithm of the odds of a token that no line has in this
// place, against those the lines have together.
const unsaid = -16

// next is the table of log odds: what follows each token.
func (m Model) next() [vocab][vocab]float64 {
	var odds [vocab][vocab]float64
	for _, l := range m.Lines {
		last := tokenAssistant
		for _, b := range []byte(l.Text) {
			odds[last][b] += l.Weight
			last = int(b)
		}
		odds[last][tokenEnd] += l.Weight
	}
	for t := range odds {
		sum := 0.0
		for _, o := range odds[t] {
			sum += o
		}
		if sum == 0 { // no line comes here: stop
			odds[t][tokenEnd], sum = 1, 1
		}
		for i, o := range odds[t] {
			// Counted from the floor, since a place without its own entry is 0.
			odds[t][i] = math.Max(0, math.Log(o/sum)-unsaid)
		}
	}
	return odds
}

func setTokenizer(f *file) {
	var tokens []string
	var types []int32
	for b := range 256 {
		tokens = append(tokens, string(printable(byte(b))))
		types = append(types, 1) // normal
	}
	for _, s := range special {
		tokens = append(tokens, s)
		types = append(types, 3) // control
	}
	f.set("tokenizer.ggml.model", "gpt2")
	f.set("tokenizer.ggml.pre", "default")
	f.set("tokenizer.ggml.tokens", tokens)
	f.set("tokenizer.ggml.token_type", types)
	// The loader wants a list of merges; this one can never apply, since
	// neither part is a token.
	f.set("tokenizer.ggml.merges", []string{"\u2603\u2603 \u2603\u2603"})
	f.set("tokenizer.ggml.bos_token_id", uint32(tokenBegin))
	f.set("tokenizer.ggml.eos_token_id", uint32(tokenEnd))
	f.set("tokenizer.ggml.add_bos_token", false)
}

// printable is GPT-2's name for a byte: itself where it is a visible character
// of Latin-1, else the next free rune from 256 on.
func printable(b byte) rune {
	visible := func(c int) bool { return c > ' ' && c < 0x7f || c > 0xa0 && c != 0xad && c < 256 }
	if visible(int(b)) {
		return rune(b)
	}
	n := rune(256)
	for c := range int(b) {
		if !visible(c) {
			n++
		}
	}
	return n
}

// String names the model by what it says, for test output.
func (m Model) String() string {
	var said []string
	for _, l := range m.Lines {
		said = append(said, fmt.Sprintf("%q x%v", l.Text, l.Weight))
	}
	return strings.Join(said, ", ")
}
