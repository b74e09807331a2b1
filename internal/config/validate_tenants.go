package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tenbit"
)

func (p *problems) tenants(c *Edge) {
	groups := map[string]bool{}
	for i, g := range c.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		p.id(at, g.ID, groups)
		if g.ID == "global" {
			p.add(at+".id", "\"global\" is everybody's budget")
		}
		p.windows(at, g.Windows)
	}
	if len(c.Tenants) == 0 {
		p.add("tenants", "must name at least one")
	}
	seen, hashes := map[string]bool{}, map[string]string{}
	for i, t := range c.Tenants {
		at := fmt.Sprintf("tenants[%d]", i)
		p.id(at, t.ID, seen)
		p.keys(at, t.Keys, hashes)
		p.budget(at+".budget", t.Budget)
		if t.Group != "" && !groups[t.Group] {
			p.add(at+".group", "%q is not among the groups", t.Group)
		}
		if t.Confidence != nil {
			p.share(at+".confidence", *t.Confidence)
		}
		if t.Limits.Requests < 0 || t.Limits.Active < 0 || t.Limits.Per < 0 || t.Limits.Requests > 0 && t.Limits.Per == 0 {
			p.add(at+".limits", "requests, per and active must not be negative, and requests need a per")
		}
	}
}

func (p *problems) edges(edges []Peer) {
	if len(edges) == 0 {
		p.add("edges", "must name at least one")
	}
	seen, hashes := map[string]bool{}, map[string]string{}
	for i, e := range edges {
		at := fmt.Sprintf("edges[%d]", i)
		p.id(at, e.ID, seen)
		p.keys(at, e.Keys, hashes)
		p.budget(at+".budget", e.Budget)
		for j, w := range e.Budget.Windows {
			if w.UpBytes > 0 || w.Money > 0 {
				p.add(fmt.Sprintf("%s.budget.windows[%d]", at, j), "an origin counts bits and escalations only")
			}
		}
		shares := map[string]bool{}
		for j, s := range e.Shares {
			p.id(fmt.Sprintf("%s.shares[%d]", at, j), s.ID, shares)
			p.windows(fmt.Sprintf("%s.shares[%d]", at, j), s.Windows)
			if s.ID != "*" && len(s.Windows) == 0 {
				p.add(fmt.Sprintf("%s.shares[%d]", at, j), "must have a window")
			}
		}
	}
}

func (p *problems) id(at, id string, seen map[string]bool) {
	if id == "" || len(id) > 64 {
		p.add(at+".id", "must have 1 to 64 bytes")
	}
	if seen[id] {
		p.add(at+".id", "%q stands twice", id)
	}
	seen[id] = true
}

// keys checks keys; seen says where a hash stands: a key of two would have but
// one of them pay.
func (p *problems) keys(at string, keys []Key, seen map[string]string) {
	for i, k := range keys {
		at := fmt.Sprintf("%s.keys[%d]", at, i)
		hash := strings.ToLower(k.Hash) // hex digits have two cases
		if first, ok := seen[hash]; ok {
			p.add(at, "is the same key as %s", first)
		} else if hash != "" {
			seen[hash] = at
		}
		if _, err := time.Parse(time.RFC3339, k.Expires); err != nil && k.Expires != "" {
			p.add(at+".expires", "want a time such as 2027-01-31T00:00:00Z")
		}
	}
}

// Validate returns all problems of a budget.
func (b Budget) Validate(at string) error {
	var p problems
	p.budget(at, b)
	return errors.Join(p...)
}

// ValidateWindows returns all problems of windows.
func ValidateWindows(at string, ws []Window) error {
	var p problems
	p.windows(at, ws)
	return errors.Join(p...)
}

func (p *problems) budget(at string, b Budget) {
	p.oneOf(at+".on_empty", b.OnEmpty, "", "local", "reject")
	if _, err := tenbit.BitsOf(b.PerRequest); err != nil {
		p.add(at+".per_request", "%v", err)
	}
	p.windows(at, b.Windows)
	if !slices.ContainsFunc(b.Windows, func(w Window) bool { return w.Bits > 0 }) && len(b.Windows) > 0 {
		p.add(at+".windows", "one must limit bits")
	}
}

// maxAmount keeps sums in a window exact in Lua, whose numbers are doubles.
const maxAmount = 1 << 50

func (p *problems) windows(at string, ws []Window) {
	for i, w := range ws {
		at := fmt.Sprintf("%s.windows[%d]", at, i)
		bits, err := tenbit.BitsOf(w.Bits)
		switch {
		case err != nil:
			p.add(at+".bits", "%v", err)
		case w.Escalations < 0 || w.UpBytes < 0 || w.Money < 0:
			p.add(at, "no amount may be negative")
		case w.Escalations > maxAmount || w.UpBytes > maxAmount || w.Money > maxAmount/1e6:
			p.add(at, "an amount is too large")
		case bits == 0 && w.Escalations == 0 && w.UpBytes == 0 && w.Money == 0:
			p.add(at, "must limit something")
		}
		if w.Per <= 0 {
			p.add(at+".per", "bits and per must be positive")
		}
	}
}

func (p *problems) tariff(c *Edge) {
	price := c.Remote.Price
	if price.Input < 0 || price.Output < 0 || price.MaxOutput < 0 {
		p.add("remote.price", "must not be negative")
	}
	if price.Output > 0 && price.MaxOutput == 0 {
		p.add("remote.price.max_output", "must be set where output has a price")
	}
	if price.Input != 0 || price.Output != 0 {
		return
	}
	p.noMoney("global", c.Global.Windows)
	for i, g := range c.Groups {
		p.noMoney(fmt.Sprintf("groups[%d]", i), g.Windows)
	}
	for i, t := range c.Tenants {
		p.noMoney(fmt.Sprintf("tenants[%d].budget", i), t.Budget.Windows)
	}
}

// noMoney refuses limits on money, which hold nobody back where nothing costs any.
func (p *problems) noMoney(at string, ws []Window) {
	for i, w := range ws {
		if w.Money > 0 {
			p.add(fmt.Sprintf("%s.windows[%d].money", at, i), "needs remote.price")
		}
	}
}

func (p *problems) redis(at string, r Redis) {
	if !strings.Contains(r.Addr, "://") && !strings.HasPrefix(r.Addr, "/") { // a cluster, a socket
		p.address(at+".addr", r.Addr)
	}
	if r.Timeout <= 0 {
		p.add(at+".timeout", "must be positive")
	}
	if (r.Cert == "") != (r.CertKey == "") {
		p.add(at+".cert", "cert and cert_key go together")
	}
	if (r.CA != "" || r.Cert != "") && !r.TLS && !strings.HasPrefix(r.Addr, "rediss://") {
		p.add(at+".ca", "is for tls: true, or a rediss:// address")
	}
}
