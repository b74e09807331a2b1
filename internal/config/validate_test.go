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

// What could not start, or would mean nothing, is refused.
func TestCannotStart(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Edge)
		word   string
		want   string // empty: no problem has word
	}{
		{"as it comes", func(*Edge) {}, "listen", ""},
		{"no such port", func(c *Edge) { c.Listen = "127.0.0.1:70000" }, "", `listen: "127.0.0.1:70000": want a port`},
		{"a named port", func(c *Edge) { c.Listen = "127.0.0.1:http" }, "listen", ""},
		{"one address", func(c *Edge) { c.Admin.Listen = c.Listen }, "", `admin.listen: "127.0.0.1:8484" is taken by listen`},
		{"every address", func(c *Edge) { c.Listen = ":8485" }, "", "admin.listen"},
		{"ports that the system picks", func(c *Edge) { c.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0" }, "listen", ""},
		{"half a pair, no remote", func(c *Edge) { c.Remote.Cert = "cert.pem" }, "", "remote.cert: cert and cert_key go together"},
		{"Redis without a port", func(c *Edge) { c.Ledger.Kind, c.Ledger.Redis.Addr = "redis", "localhost" }, "", `ledger.redis.addr: "localhost" is not host:port`},
		{"Redis nowhere", func(c *Edge) { c.Ledger.Kind = "redis" }, "", "ledger.redis.addr: must be set"},
		{"a cluster", func(c *Edge) { c.Ledger.Kind, c.Ledger.Redis.Addr = "redis", "redis://localhost:1?addr=localhost:2" }, "addr", ""},
		{"a socket", func(c *Edge) { c.Cache.Redis.Addr = "/run/redis.sock" }, "addr", ""},
		{"neither", func(c *Edge) { c.Tenants = []Tenant{{Budget: Budget{OnEmpty: "maybe"}}} }, "", `"maybe" is not one of local, reject, or empty`},
		{"money for nothing", func(c *Edge) { c.Global.Windows = []Window{{Money: 1, Per: 1}} }, "", "global.windows[0].money: needs remote.price"},
		{"money for tokens", func(c *Edge) { c.Remote.Price.Input, c.Global.Windows = 1, []Window{{Money: 1, Per: 1}} }, "money", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultEdge()
			tt.change(&c)
			want(t, problems{c.Validate()}, tt.word, tt.want)
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
