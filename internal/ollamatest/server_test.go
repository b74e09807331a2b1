package ollamatest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionIsTheOneBuilt(t *testing.T) {
	mod, err := os.ReadFile("../../test/ollama/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`github.com/ollama/ollama (\S+)`).FindSubmatch(mod); m == nil || string(m[1]) != Version {
		t.Errorf("test/ollama/go.mod: got %q, want %s", m, Version)
	}
}

func TestHalf(t *testing.T) {
	for _, tt := range []struct {
		x    float32
		want uint16
	}{
		{0, 0},
		{1, 0x3c00},
		{-2, 0xc000},
		{0.1, 0x2e66},
		{65504, 0x7bff},
		{1e9, 0x7bff},
		{-1e9, 0xfbff},
		{1e-9, 0},
		{0.99999, 0x3c00},
	} {
		if got := half(tt.x); got != tt.want {
			t.Errorf("half(%v): got %#04x, want %#04x", tt.x, got, tt.want)
		}
	}
}

// TestOllamaSaysTheLines runs real Ollama on a generated file: plain, streamed
// and with log-probabilities.
func TestOllamaSaysTheLines(t *testing.T) {
	s := Start(t)
	s.CreateTiny(t, "fixed", Model{Seed: 1, Lines: []Line{{"Answer: 42", 1}}})
	s.CreateTiny(t, "torn", Model{Seed: 2, Lines: []Line{{"Answer: 3", 5}, {"Answer: 4", 3}}})

	t.Run("plain", func(t *testing.T) {
		got := s.chat(t, map[string]any{"model": "fixed", "stream": false})
		if len(got) != 1 || got[0].Message.Content != "Answer: 42" || got[0].DoneReason != "stop" {
			t.Errorf("got %+v, want Answer: 42 and stop", got)
		}
	})
	t.Run("streamed", func(t *testing.T) {
		var parts []string
		for _, c := range s.chat(t, map[string]any{"model": "fixed", "stream": true}) {
			parts = append(parts, c.Message.Content)
		}
		if diff := cmp.Diff(append(strings.Split("Answer: 42", ""), ""), parts); diff != "" {
			t.Errorf("deltas (-want +got):\n%s", diff)
		}
	})
	t.Run("log-probabilities", func(t *testing.T) {
		got := s.chat(t, map[string]any{"model": "torn", "stream": false, "logprobs": true, "top_logprobs": 2})
		if len(got) != 1 || len(got[0].LogProbs) < 9 {
			t.Fatalf("got %+v, want nine log-probabilities", got)
		}
		// The ninth token is 3 or 4, with odds 5:3 but for the noise.
		p := got[0].LogProbs[8].Top
		if len(p) != 2 || p[0].LogProb < -0.6 || p[0].LogProb > -0.35 {
			t.Errorf("log-probabilities of the ninth token: got %+v, want about -0.47 and -0.98", p)
		}
	})
	t.Run("both lines are drawn", func(t *testing.T) {
		seen := map[string]int{}
		for seed := range 20 {
			got := s.chat(t, map[string]any{"model": "torn", "stream": false, "options": map[string]any{"temperature": 1, "seed": seed}})
			seen[got[0].Message.Content]++
		}
		if seen["Answer: 3"] < 4 || seen["Answer: 4"] < 2 || len(seen) != 2 {
			t.Errorf("20 draws: got %v, want a mix of Answer: 3 and Answer: 4", seen)
		}
	})
}

type chunk struct {
	Message    struct{ Content string }
	Done       bool
	DoneReason string `json:"done_reason"`
	LogProbs   []struct {
		Token string
		Top   []struct {
			Token   string
			LogProb float64
		} `json:"top_logprobs"`
	}
}

func (s *Server) chat(t *testing.T, body map[string]any) []chunk {
	t.Helper()
	body["messages"] = []map[string]string{{"role": "user", "content": "What is six times seven?"}}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.URL+"/api/chat", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var chunks []chunk
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var c chunk
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s (%v)", resp.Status, lines.Bytes(), err)
		}
		chunks = append(chunks, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return chunks
}
