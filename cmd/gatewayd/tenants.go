package main

import (
	"errors"
	"fmt"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/config"
	"tenbit/internal/register"
)

// What a tenant may do in a day where its budget sets no window on it: bits
// bound neither what the large model costs nor the uplink.
const (
	defaultEscalations = 20000
	defaultUp          = 1 << 30 // bytes
)

// tenantOf makes the noun of a configured tenant. Amounts were validated.
func tenantOf(id string, b config.Budget) tenbit.Tenant {
	out := tenbit.Tenant{ID: tenbit.TenantID(id), OnEmpty: tenbit.OnEmpty(b.OnEmpty)}
	out.MaxRequest, _ = tenbit.BitsOf(b.PerRequest)
	out.Windows = bounded(windowsOf(b.Windows))
	return out
}

// bounded adds the default windows where there are none on a unit.
func bounded(ws []tenbit.Window) []tenbit.Window {
	counted := map[tenbit.Unit]bool{}
	for _, w := range ws {
		counted[w.Unit] = true
	}
	for _, w := range []tenbit.Window{
		{Unit: tenbit.UnitEscalations, Limit: defaultEscalations, Per: 24 * time.Hour},
		{Unit: tenbit.UnitUp, Limit: defaultUp, Per: 24 * time.Hour},
	} {
		if !counted[w.Unit] {
			ws = append(ws, w)
		}
	}
	return ws
}

// registerOf is who may ask an edge. Keys were checked by keysOf.
func registerOf(c config.Edge) register.Options {
	o := register.Options{
		Above: func(group string) []tenbit.Pool { return above(c, group) },
		Hash:  func(key string) register.Hash { return gateway.SumKey([]byte(c.Auth.Secret), key) },
	}
	for _, t := range c.Tenants {
		made := register.Tenant{Tenant: tenantOf(t.ID, t.Budget), Group: t.Group}
		made.Semantic = t.Semantic
		made.Lossy, made.Confidence, made.Requests, made.Span, made.Active = t.Lossy, t.Confidence, t.Limits.Requests, t.Limits.Per, t.Limits.Active
		o.Tenants = append(o.Tenants, made)
		for _, k := range t.Keys {
			o.Keys = append(o.Keys, keyFrom(k, made.ID))
		}
	}
	return o
}

// keyFrom makes the noun of a configured key, which was validated.
func keyFrom(k config.Key, t tenbit.TenantID) register.Key {
	h, _ := gateway.ParseHash(k.Hash)
	key := register.Key{Hash: h, Prefix: k.Prefix, Tenant: t, Disabled: k.Disabled}
	key.Expires, _ = time.Parse(time.RFC3339, k.Expires) // empty: never
	return key
}

// above are the budgets over a tenant of a group.
func above(c config.Edge, group string) (out []tenbit.Pool) {
	for _, g := range c.Groups {
		if g.ID == group && group != "" {
			out = append(out, tenbit.Pool{ID: "g:" + g.ID, Windows: windowsOf(g.Windows)})
		}
	}
	if len(c.Global.Windows) > 0 {
		out = append(out, tenbit.Pool{ID: register.Everybody, Windows: windowsOf(c.Global.Windows)})
	}
	return out
}

func groupIDs(gs []config.Group) (out []string) {
	for _, g := range gs {
		out = append(out, g.ID)
	}
	return out
}

// keysOf finds what is wrong with the hashes of keys.
func keysOf(c config.Edge) error {
	var errs []error
	for i, t := range c.Tenants {
		for j, k := range t.Keys {
			if _, err := gateway.ParseHash(k.Hash); err != nil {
				errs = append(errs, fmt.Errorf("tenants[%d].keys[%d]: %w", i, j, err))
			}
		}
	}
	return errors.Join(errs...)
}

// windowsOf has a window for each unit that a configured one limits.
func windowsOf(ws []config.Window) (out []tenbit.Window) {
	for _, w := range ws {
		bits, _ := tenbit.BitsOf(w.Bits)
		for u, n := range (tenbit.Amount{int64(bits), w.Escalations, w.UpBytes, config.Millionths(w.Money)}) {
			if n > 0 {
				out = append(out, tenbit.Window{Unit: tenbit.Unit(u), Limit: n, Per: w.Per})
			}
		}
	}
	return out
}
