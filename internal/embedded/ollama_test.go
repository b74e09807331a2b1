package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"tenbit/internal/embedded/tasks"
	"tenbit/internal/ollamatest"
)

// generate asks Ollama for the greedy answer to a raw prompt.
func generate(t *testing.T, s *ollamatest.Server, model, prompt string, most int) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"model": model, "prompt": prompt, "raw": true, "stream": false,
		"options": map[string]any{
			"temperature": 0, "num_predict": most, "num_thread": 1, "repeat_penalty": 1, "top_k": 1,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/generate", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct{ Response, Error string }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Error != "" {
		t.Fatalf("ollama: %s %v %s", resp.Status, err, got.Error)
	}
	return got.Response
}

// TestOllamaAgrees: a model of random weights, where logits lie close together,
// says the same as Ollama, token for token.
func TestOllamaAgrees(t *testing.T) {
	s := ollamatest.Start(t)
	dir := t.TempDir()
	for _, sz := range []size{
		{dim: 64, layers: 2, ff: 96, heads: 4, kv: 2, context: 512, vocab: 264},
		{dim: 128, layers: 4, ff: 352, heads: 4, kv: 4, context: 512, vocab: 300},
	} {
		name := fmt.Sprintf("random%d", sz.dim)
		data := randomLarge(sz, 7)
		path := filepath.Join(dir, name+".gguf")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s.Create(t, name, path, "<|q|>{{ .Prompt }}<|a|>")
		m := open(t, data, Options{})
		// Ollama stops an answer that repeats a token thirty times, which random
		// weights like to do: ask for less.
		for i := range 25 {
			q := fmt.Sprintf("In the inn, %d of the %d guests' dogs ate %d bones each -- at a cost of $%d.50?\n  What then?", i, 10*i+3, 7*i, i*i*311)
			got := answer(t, m, ask(q, `,"max_tokens":28`), sampled(0, 0)).Message.Content
			if want := generate(t, s, name, "<|q|>"+q+"<|a|>", 28); got != want {
				t.Errorf("%s, question %d:\n got %q\nwant %q", name, i, got, want)
			}
		}
	}
}

// TestOllamaAgreesOnTheLargeModel: on 50 questions that its training never saw
// the shipped large model says the same as Ollama, token for token.
func TestOllamaAgreesOnTheLargeModel(t *testing.T) {
	s := ollamatest.Start(t)
	path := filepath.Join(t.TempDir(), "large.gguf")
	if err := os.WriteFile(path, largeData, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Create(t, "large", path, "<|q|>{{ .Prompt }}<|a|>")
	m := open(t, largeData, Options{})
	for i := range uint64(50) {
		q := tasks.Generate(tasks.Test, 11, i).Text
		got := answer(t, m, ask(q, `,"max_tokens":200`), sampled(0, 0)).Message.Content
		if want := generate(t, s, "large", "<|q|>"+q+"<|a|>", 200); got != want {
			t.Errorf("question %d:\n got %q\nwant %q", i, got, want)
		}
	}
}
