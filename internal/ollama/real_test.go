package ollama_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/ollama"
	"tenbit/internal/ollamatest"
)

// TestRealOllama runs against an Ollama of its own with a generated model.
func TestRealOllama(t *testing.T) {
	s := ollamatest.Start(t)
	s.CreateTiny(t, "fixed", ollamatest.Model{Seed: 1, Lines: []ollamatest.Line{{Text: "Answer: 42", Weight: 1}}})
	s.CreateTiny(t, "torn", ollamatest.Model{Seed: 2, Lines: []ollamatest.Line{{Text: "Answer: 3", Weight: 5}, {Text: "Answer: 4", Weight: 3}}})
	ask := func(cfg ollama.Config, body string, s2 tenbit.Sampling) (tenbit.Completion, error) {
		cfg.BaseURL, cfg.NumThread = s.URL, 1
		return client(t, cfg).Complete(t.Context(), request(t, body), s2)
	}

	t.Run("probe", func(t *testing.T) {
		if v, err := ollama.Probe(t.Context(), s.URL); err != nil || v == "" {
			t.Errorf("got %q, %v", v, err)
		}
	})
	t.Run("whole", func(t *testing.T) {
		got, err := ask(ollama.Config{Model: "fixed"}, hello, tenbit.Sampling{LogProbs: true})
		if err != nil || got.Message.Content != "Answer: 42" || got.Finish != tenbit.FinishStop || got.Usage.Prompt == 0 || got.Usage.Completion < 10 {
			t.Errorf("got %+v, %v; want Answer: 42, stop and usage", got, err)
		}
		if got.LogProb > 0 || got.LogProb < -1 {
			t.Errorf("mean log-probability: got %v, want nearly 0", got.LogProb)
		}
	})
	t.Run("stream", func(t *testing.T) {
		var parts []string
		got, err := ask(ollama.Config{Model: "fixed"}, hello, tenbit.Sampling{Sink: func(s string) error { parts = append(parts, s); return nil }})
		if err != nil || got.Message.Content != "Answer: 42" || len(parts) < 5 || strings.Join(parts, "") != "Answer: 42" {
			t.Errorf("got %+v, parts %q, %v", got, parts, err)
		}
	})
	t.Run("limit on tokens by the newer name", func(t *testing.T) {
		got, err := ask(ollama.Config{Model: "fixed"}, strings.TrimSuffix(hello, "}")+`,"max_completion_tokens":3}`, tenbit.Sampling{})
		if err != nil || got.Finish != tenbit.FinishLength || got.Usage.Completion != 3 || got.Message.Content != "Ans" {
			t.Errorf("got %+v, %v; want Ans and length", got, err)
		}
	})
	t.Run("seeds", func(t *testing.T) {
		seen := map[string]bool{}
		hot := 1.0
		for seed := range int64(12) {
			var answers [2]string
			for i := range answers {
				got, err := ask(ollama.Config{Model: "torn"}, hello, tenbit.Sampling{Seed: &seed, Temperature: &hot})
				if err != nil {
					t.Fatal(err)
				}
				answers[i] = got.Message.Content
				seen[answers[i]] = true
			}
			if answers[0] != answers[1] {
				t.Errorf("seed %d: got %q, want the same twice", seed, answers)
			}
		}
		if len(seen) != 2 || !seen["Answer: 3"] || !seen["Answer: 4"] {
			t.Errorf("12 seeds: got %v, want both answers", seen)
		}
	})
	t.Run("no such model", func(t *testing.T) {
		if _, err := ask(ollama.Config{Model: "missing"}, hello, tenbit.Sampling{}); !errors.Is(err, ollama.ErrNoModel) {
			t.Errorf("got %v, want ErrNoModel", err)
		}
	})
	t.Run("prompt longer than the context", func(t *testing.T) {
		long := strings.Replace(hello, "dawn", strings.Repeat("dawn ", 2000), 1)
		_, err := ask(ollama.Config{Model: "fixed", NumCtx: 2048}, long, tenbit.Sampling{})
		var e *ollama.Error
		if !errors.As(err, &e) || e.Status != 400 || !errors.Is(err, tenbit.ErrTooLong) {
			t.Errorf("got %v, want status 400 and ErrTooLong rather than a shorter prompt", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := client(t, ollama.Config{BaseURL: s.URL, Model: "fixed", NumThread: 1})
		_, err := c.Complete(ctx, request(t, hello), tenbit.Sampling{Sink: func(string) error {
			cancel()
			return nil
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want it cancelled", err)
		}
	})
}
