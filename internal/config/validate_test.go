package config

import (
	"errors"
	"strings"
	"testing"
)

// A key opens for one tenant, or edge, and stands once.
func TestKeysOfTwo(t *testing.T) {
	low, high, other := []Key{{Hash: "hmac-sha256:ab"}}, []Key{{Hash: "hmac-sha256:AB"}}, []Key{{Hash: "hmac-sha256:cd"}}
	for _, tt := range []struct {
		name  string
		check func(*problems)
		want  string // empty: no such problem
	}{
		{"two tenants", func(p *problems) { p.tenants(&Edge{Tenants: []Tenant{{ID: "a", Keys: low}, {ID: "b", Keys: high}}}) }, "tenants[1].keys[0]: is the same key as tenants[0].keys[0]"},
		{"one tenant", func(p *problems) { p.tenants(&Edge{Tenants: []Tenant{{ID: "a", Keys: append(low, low...)}}}) }, "tenants[0].keys[1]: is the same key as tenants[0].keys[0]"},
		{"two edges", func(p *problems) { p.edges([]Peer{{ID: "a", Keys: low}, {ID: "b", Keys: low}}) }, "edges[1].keys[0]: is the same key as edges[0].keys[0]"},
		{"keys of their own", func(p *problems) { p.tenants(&Edge{Tenants: []Tenant{{ID: "a", Keys: low}, {ID: "b", Keys: other}}}) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p problems
			tt.check(&p)
			want(t, p, "same key", tt.want)
		})
	}
}

// want fails unless text is among the problems; where it is empty, unless none
// of them has word.
func want(t *testing.T, p problems, word, text string) {
	t.Helper()
	got := ""
	if err := errors.Join(p...); err != nil {
		got = err.Error()
	}
	if text == "" && strings.Contains(got, word) || !strings.Contains(got, text) {
		t.Errorf("got %q, want %q", got, text)
	}
}
