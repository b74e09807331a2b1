package test

import (
	"net/http"
	"testing"

	"tenbit"
	"tenbit/internal/ollamatest"
)

// TestRealOllamaAtBothEnds runs an edge over one Ollama server and an origin
// over another, each with a tiny model of our own making.
func TestRealOllamaAtBothEnds(t *testing.T) {
	small, large := ollamatest.Start(t), ollamatest.Start(t)
	small.CreateTiny(t, "small", ollamatest.Model{Seed: 1, Lines: []ollamatest.Line{{Text: "Answer: 3", Weight: 5}, {Text: "Answer: 4", Weight: 3}}})
	large.CreateTiny(t, "large", ollamatest.Model{Seed: 2, Lines: []ollamatest.Line{{Text: "Answer: 4", Weight: 1}}})
	d := deploy(t, nil, nil, func(edge, origin tree) {
		edge["local"] = tree{"kind": "ollama", "url": small.URL, "model": "small", "threads": 1}
		edge.set("policy.samples", 8)
		origin["large"] = tree{"kind": "openai", "url": large.URL + "/v1", "model": "large", "key": "unused"}
	})
	client := newOpenAI(t)
	var sum tenbit.Bits
	for _, stream := range []bool{false, true} {
		for range 5 {
			r := client.do(t, order{Base: d.URL, Key: d.Key, Body: fresh("How much is two plus two? End with Answer: X", stream)})
			if r.Error != nil || r.text() != "Answer: 4" {
				t.Fatalf("stream %v: got %d, %q, %+v; want Answer: 4", stream, r.Status, r.text(), r.Error)
			}
			h := http.Header{}
			for k, v := range r.Headers {
				h.Set(k, v)
			}
			m := headerMeter(t, h)
			if stream {
				m = streamMeter(t, r.Raw)
			}
			t.Logf("stream %v: %+v", stream, m)
			if m.Route != "select" && m.Route != "accept" || m.Bits <= 0 || m.Bits > 10*tenbit.Bit {
				t.Errorf("stream %v: got %+v, want select or accept in at most ten bits", stream, m)
			}
			sum += m.Bits
		}
	}
	if spent := d.settled(t, true); spent != sum {
		t.Errorf("the ledger says %v bits, the answers %v", spent, sum)
	}
}
