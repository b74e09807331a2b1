// Package ollama asks a local model through Ollama's native API, which honours
// what Ollama's own OpenAI API ignores: limits on tokens, seeds, the end of an
// answer. It is the only package that imports Ollama's module.
package ollama
