package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/internal/register"
	"tenbit/internal/telemetry"
)

// egress is the origin's own ledger: the hard cap on what leaves this side
// belongs to the edge's credential, and the edge's tenants subdivide it. Nothing
// in it rests on what an edge says: an id that is repeated gets a hold of its
// own, an invented tenant draws on the share of all others, and what is never
// settled is charged in full.
type egress struct {
	ledger   store
	metrics  *telemetry.Metrics
	register *register.Register
	shares   map[string]map[string]tenbit.Pool // by edge and its tenant

	boot  string // of this process
	count atomic.Uint64
}

// others is the share of all tenants that have none of their own.
const others = "*"

// account is who pays for an ask: the edge, and the share of its tenant, which
// the link names edge/tenant.
func (e *egress) account(edge string, tenant tenbit.TenantID) tenbit.Tenant {
	t, ok := e.register.Lookup(tenbit.TenantID(edge))
	if !ok || !e.register.Open(t.ID) {
		return tenbit.Tenant{ID: tenbit.TenantID(edge)} // without windows: nothing may leave
	}
	out := t.Tenant
	of := e.shares[edge]
	share, ok := of[strings.TrimPrefix(string(tenant), edge+"/")]
	if !ok {
		share, ok = of[others]
	}
	if ok {
		out.Above = append([]tenbit.Pool{share}, out.Above...)
	}
	return out
}

// Reserve sets aside what one reply may cost. The id is made unique: the link
// resumes replies itself, so each reservation is for another one.
func (e *egress) Reserve(ctx context.Context, t tenbit.Tenant, id string, want tenbit.Bits) (tenbit.Hold, error) {
	id = fmt.Sprintf("%s/%s%d", id, e.boot, e.count.Add(1))
	return e.ledger.Reserve(ctx, t, id, tenbit.Amount{tenbit.UnitBits: int64(want), tenbit.UnitEscalations: 1})
}

// Settle charges a reply and tells the metrics.
func (e *egress) Settle(ctx context.Context, h tenbit.Hold, spent tenbit.Bits) error {
	e.metrics.Settled(h.Tenant, tenbit.Cost{Bits: min(spent, h.Granted)})
	return e.ledger.Settle(ctx, h, tenbit.Amount{tenbit.UnitBits: int64(spent), tenbit.UnitEscalations: 1})
}

func newBoot() string { return rand.Text()[:8] + "-" }

func sharesOf(c config.Origin) map[string]map[string]tenbit.Pool {
	all := map[string]map[string]tenbit.Pool{}
	for _, e := range c.Edges {
		all[e.ID] = map[string]tenbit.Pool{}
		for _, s := range e.Shares {
			all[e.ID][s.ID] = tenbit.Pool{ID: "s:" + e.ID + "/" + s.ID, Windows: windowsOf(s.Windows)}
		}
	}
	return all
}

// originRegister holds the edges' budgets; their tokens are the link's.
func originRegister(c config.Origin) register.Options {
	var o register.Options
	o.Above = func(string) []tenbit.Pool {
		if len(c.Global.Windows) == 0 {
			return nil
		}
		return []tenbit.Pool{{ID: register.Everybody, Windows: windowsOf(c.Global.Windows)}}
	}
	for _, e := range c.Edges {
		o.Tenants = append(o.Tenants, register.Tenant{Tenant: tenantOf(e.ID, e.Budget)})
		for _, k := range e.Keys {
			o.Keys = append(o.Keys, keyFrom(k, tenbit.TenantID(e.ID)))
		}
	}
	return o
}
