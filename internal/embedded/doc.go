// Package embedded runs the two small language models that are to ship in the binary,
// in pure Go: a ternary one computed in integers alone, which gives the same
// bits on every machine, and a Llama in half precision whose arithmetic follows
// ggml's, so that its greedy answers equal Ollama's on the same file.
//
// The formats and the arithmetic are described to the bit in docs/models.md.
package embedded
