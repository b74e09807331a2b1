package config

import (
	"strings"
	"testing"
)

func TestSemantic(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Edge)
		want   string // part of the problems; empty: none of them are the semantic cache's
	}{
		{"as it comes", func(*Edge) {}, ""},
		{"with a model that embeds", func(c *Edge) { c.Tenants, c.Local.Kind = []Tenant{{ID: "t", Semantic: true}}, "ollama" }, ""},
		{"embedded", func(c *Edge) { c.Tenants, c.Local.Kind = []Tenant{{ID: "t", Semantic: true}}, "embedded" }, "tenants[0].semantic: needs a model that makes embeddings"},
		{"embedded, for nobody", func(c *Edge) { c.Tenants, c.Local.Kind = []Tenant{{ID: "t"}}, "embedded" }, ""},
		{"no cache", func(c *Edge) { c.Tenants, c.Cache.Bytes = []Tenant{{ID: "t", Semantic: true}}, 0 }, "tenants[0].semantic: needs cache.bytes"},
		{"no memory", func(c *Edge) { c.Tenants, c.Cache.Semantic.Bytes = []Tenant{{ID: "t", Semantic: true}}, 0 }, "tenants[0].semantic: needs cache.bytes"},
		{"too little memory", func(c *Edge) { c.Cache.Semantic.Bytes = 1 }, "cache.semantic.bytes: 1 is neither 0"},
		{"error rate", func(c *Edge) { c.Cache.Semantic.ErrorRate = 0.6 }, "cache.semantic.error_rate: 0.6"},
		{"audit", func(c *Edge) { c.Cache.Semantic.Audit = -1 }, "cache.semantic.audit: -1"},
		{"verdict", func(c *Edge) { c.Cache.Semantic.Verdict = "nobody" }, `cache.semantic.verdict: "nobody"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultEdge()
			tt.change(&c)
			var p problems
			p.semantic(&c)
			got := ""
			for _, err := range p {
				got += err.Error() + "\n"
			}
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
