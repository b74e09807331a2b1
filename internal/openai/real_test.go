package openai_test

import (
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/ollamatest"
	"tenbit/internal/openai"
)

// TestRealServer runs against the OpenAI API of a real Ollama.
func TestRealServer(t *testing.T) {
	s := ollamatest.Start(t)
	s.CreateTiny(t, "fixed", ollamatest.Model{Seed: 1, Lines: []ollamatest.Line{{Text: "Answer: 42", Weight: 1}}})
	c := client(t, openai.Config{BaseURL: s.URL + "/v1", Key: "any", Model: "fixed", LegacyMaxTokens: true})
	for name, sink := range map[string]tenbit.Sink{"whole": nil, "stream": func(string) error { return nil }} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink, LogProbs: true})
			if err != nil || got.Message.Content != "Answer: 42" || got.Finish != tenbit.FinishStop || got.Usage.Completion < 10 || got.LogProb >= 0 {
				t.Errorf("got %+v, %v; want Answer: 42, stop, usage and a log-probability", got, err)
			}
			limited := request(t, strings.TrimSuffix(hello, "}")+`,"max_completion_tokens":3}`)
			got, err = c.Complete(t.Context(), limited, tenbit.Sampling{Sink: sink})
			if err != nil || got.Message.Content != "Ans" || got.Finish != tenbit.FinishLength {
				t.Errorf("limited: got %+v, %v; want Ans and length", got, err)
			}
		})
	}
}
