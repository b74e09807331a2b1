package test

import (
	"encoding/json"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/ollamatest"
	"tenbit/internal/redistest"
)

// The questions of these tests, the second in the words of the first.
const (
	tides    = "Why does the sea rise and fall at the coast?"
	tidesToo = "What makes the sea rise and fall at the coast?"
	cliffs   = "Why does the sea erode the cliffs at the coast?"

	moonlight = "The moon and the sun pull at the water, and the earth turns below the two bulges that this makes."
	waves     = "Waves press air and sand into every crack until a piece of the rock breaks off and falls down."
)

// embeds is a local model that says text and makes vectors.
func embeds(text string) func(fake.Received) fake.Behaviour {
	return func(r fake.Received) fake.Behaviour {
		if strings.HasSuffix(r.Path, "/embeddings") {
			return fake.Embeds(r)
		}
		return fake.Answers(text)
	}
}

// seaside is a large model that knows two answers, and whether a draft is one.
func seaside(r fake.Received) fake.Behaviour {
	var messages []struct{ Content string }
	r.Field("messages", &messages)
	question := messages[len(messages)-1].Content
	answer := moonlight
	if strings.Contains(question, "cliffs") {
		answer = waves
	}
	quoted, _ := json.Marshal(answer)
	if strings.Contains(question, "<draft>\n"+string(quoted)) {
		return fake.Answers("DRAFT OK")
	}
	return fake.Answers(answer)
}

// TestSemanticCache asks over a real link: what was stored is shown to the
// origin as a draft, which says yes for two bits; another tenant never sees it;
// and /readyz names the index.
func TestSemanticCache(t *testing.T) {
	for _, tt := range []struct {
		name, where string
		redis       func(t *testing.T) string
		shared      bool
	}{
		{"memory", "semantic cache: index in memory: no Redis", nil, false},
		{"Redis without vector sets", "semantic cache: index in memory: Redis has no vector sets (8.0 has)", func(t *testing.T) string { return redistest.Start(t) }, false},
		{"vector sets", "semantic cache: index in the vector sets of Redis", func(t *testing.T) string { return redistest.Vectors(t).Addr() }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			otherKey, otherHash := newKey(t)
			d := deploy(t, embeds("It is wet."), seaside, func(edge, _ tree) {
				ship := edge["tenants"].([]tree)[0]
				ship["semantic"], ship["budget"] = true, allowance(budget, 100_000)
				edge["tenants"] = []tree{ship, {"id": "boat", "semantic": true, "keys": []string{otherHash}, "budget": allowance(budget, 100_000)}}
				if tt.redis != nil {
					edge.set("cache.redis.addr", tt.redis(t))
					edge.set("cache.redis.timeout", "1s") // a busy machine is not this test's subject
				}
			})
			key := d.Key
			for _, q := range []struct {
				name, key, question, route, text string
				most                             tenbit.Bits
			}{
				{"new", key, tides, "full", moonlight, 1000 * tenbit.Bit},
				{"another tenant's", otherKey, tidesToo, "full", moonlight, 1000 * tenbit.Bit},
				{"in other words", key, tidesToo, "semantic", moonlight, 3 * tenbit.Bit},
				{"another question", key, cliffs, "full", waves, 1000 * tenbit.Bit},
				{"that one exactly", key, cliffs, "cache", waves, 0},
			} {
				d.Key = q.key
				a := d.post(t, chat(q.question))
				if a.Meter.Route != q.route || a.Text != q.text || a.Meter.Bits > q.most {
					t.Errorf("%s: got %+v %q, want %s for at most %v bits", q.name, a.Meter, a.Text, q.route, q.most)
				}
			}
			if got := ready(t, d.Edge.Admin).Text; !strings.Contains(got, tt.where) {
				t.Errorf("/readyz: %q, want %q", got, tt.where)
			}
			if right := d.metric(t, "tenbit_semantic_cache_total", `"right"`); right != 1 {
				t.Errorf("%v right verdicts are counted, want 1", right)
			}
			if !tt.shared {
				return
			}
			d.startEdge(t, d.edgeConfig)
			d.Key = key
			d.eventually(t, "another edge's hit", func() bool {
				return d.post(t, chat("Say what makes the sea rise and fall at the coast.", "tenbit", tree{"cache": ""})).Meter.Route != "full"
			})
		})
	}
}

// TestSemanticIsOptIn: off, then on for a tenant at once, by an operator.
func TestSemanticIsOptIn(t *testing.T) {
	d := deploy(t, embeds("It is wet."), seaside, nil)
	d.post(t, chat(tides))
	if a := d.post(t, chat(tidesToo)); a.Meter.Route != "full" {
		t.Errorf("off: got %+v", a.Meter)
	}
	if got := ready(t, d.Edge.Admin).Text; strings.Contains(got, "semantic") {
		t.Errorf("/readyz speaks of what nobody takes part in: %q", got)
	}
	at := strings.TrimPrefix(d.Edge.Admin, "http://")
	if out, errs, code := once(t, "", "tenant", "set", "ship", "-semantic", "on", "-admin", at); code != 0 || !strings.Contains(out, "takes part") {
		t.Fatalf("tenant set: exit %d, %s, %s", code, out, errs)
	}
	d.post(t, chat("Tell me: "+tides))
	if a := d.post(t, chat("Tell me this: "+tides)); a.Meter.Route != "semantic" {
		t.Errorf("on: got %+v", a.Meter)
	}
}

// TestSemanticNeedsEmbeddings: what can't be is said before it starts.
func TestSemanticNeedsEmbeddings(t *testing.T) {
	_, hash := newKey(t)
	edge := edgeTree(t, "http://127.0.0.1:1", hash, "a token")
	edge["local"] = tree{"kind": "embedded", "model": "small"}
	edge["tenants"].([]tree)[0]["semantic"] = true
	if _, errs, code := once(t, "", "check", "-config", edge.write(t)); code != 1 || !strings.Contains(errs, "tenants[0].semantic: needs a model that makes embeddings") {
		t.Errorf("got %d, %s", code, errs)
	}
}

// TestSemanticOverOllama takes its vectors from a real Ollama.
func TestSemanticOverOllama(t *testing.T) {
	small := ollamatest.Start(t)
	small.CreateTiny(t, "small", ollamatest.Model{Seed: 1, Lines: []ollamatest.Line{{Text: "It is wet.", Weight: 1}}})
	d := deploy(t, nil, seaside, func(edge, _ tree) {
		edge["local"] = tree{"kind": "ollama", "url": small.URL, "model": "small", "threads": 1}
		edge["tenants"].([]tree)[0]["semantic"] = true
	})
	d.post(t, chat(tides))
	if a := d.post(t, chat(tidesToo)); a.Meter.Route != "semantic" || a.Text != moonlight {
		t.Errorf("got %+v %q, want the stored answer", a.Meter, a.Text)
	}
}
