package config

import "fmt"

// Semantic configures the cache of answers to questions that say the same in
// other words, for the tenants that want it.
type Semantic struct {
	Bytes     int64   `yaml:"bytes"`      // in memory, half of it for vectors; 0: off for everybody
	ErrorRate float64 `yaml:"error_rate"` // most that may be wrong of what it answers; 0: each has its verdict
	Audit     float64 `yaml:"audit"`      // share of what needs no verdict any more that gets one all the same
	Verdict   string  `yaml:"verdict"`    // who judges: remote or local; without a remote local
}

var defaultSemantic = Semantic{Bytes: 32 << 20, ErrorRate: 0.02, Audit: 0.05, Verdict: "remote"}

// minSemantic is the smallest semantic cache, in bytes.
const minSemantic = 1 << 20

// maxErrorRate is the most that may be wrong of what the semantic cache answers.
const maxErrorRate = 0.5

// semantic checks the cache of equal meanings, and that those who want it can
// have it.
func (p *problems) semantic(c *Edge) {
	s := c.Cache.Semantic
	if s.Bytes < 0 || s.Bytes > 0 && s.Bytes < minSemantic {
		p.add("cache.semantic.bytes", "%d is neither 0 nor at least %d", s.Bytes, minSemantic)
	}
	if !(s.ErrorRate >= 0 && s.ErrorRate <= maxErrorRate) {
		p.add("cache.semantic.error_rate", "%v is not between 0 and %v", s.ErrorRate, maxErrorRate)
	}
	p.share("cache.semantic.audit", s.Audit)
	p.oneOf("cache.semantic.verdict", s.Verdict, "remote", "local")
	for i, t := range c.Tenants {
		if !t.Semantic {
			continue
		}
		at := fmt.Sprintf("tenants[%d].semantic", i)
		if c.Local.Kind == "embedded" {
			p.add(at, "needs a model that makes embeddings, and the embedded ones make none: set local.kind to ollama or openai")
		}
		if c.Cache.Bytes == 0 || s.Bytes == 0 {
			p.add(at, "needs cache.bytes and cache.semantic.bytes")
		}
	}
}
