package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/internal/ledger"
	"tenbit/internal/register"
	"tenbit/internal/telemetry"
)

// The origin's cap holds against an edge that repeats ids, invents tenants and
// never settles.
func TestEgressAgainstAHostileEdge(t *testing.T) {
	day := func(bits float64) []config.Window { return []config.Window{{Bits: bits, Per: 10000 * time.Hour}} }
	c := config.Origin{Edges: []config.Peer{{
		ID: "edge", Budget: config.Budget{Windows: day(1000), PerRequest: 100},
		Shares: []config.Share{{ID: "ship", Windows: day(400)}, {ID: others, Windows: day(300)}},
	}}}
	l := &ledger.Memory{}
	o := originRegister(c)
	o.Records = l
	e := &egress{ledger: l, metrics: telemetry.New(1), register: register.New(o), shares: sharesOf(c), boot: newBoot()}
	granted := map[string]tenbit.Bits{}
	ask := func(tenant string, settle bool) {
		h, err := e.Reserve(t.Context(), e.account("edge", tenbit.TenantID("edge/"+tenant)), "edge/the same id", 100*tenbit.Bit)
		if err != nil {
			if !errors.Is(err, tenbit.ErrOverBudget) {
				t.Error(err)
			}
			return
		}
		kind := tenant
		if tenant != "ship" {
			kind = "invented"
		}
		granted[kind] += h.Granted
		if settle {
			if err := e.Settle(t.Context(), h, h.Granted); err != nil {
				t.Error(err)
			}
		}
	}
	for i := range 30 {
		ask(fmt.Sprint("invented ", i), i%2 == 0)
		ask("ship", i%2 == 0)
	}
	if granted["invented"] != 300*tenbit.Bit || granted["ship"] != 400*tenbit.Bit {
		t.Errorf("granted %v, want 300 to all invented tenants together and 400 to the ship", granted)
	}
	if _, err := e.Reserve(t.Context(), e.account("stranger", "x"), "1", 1); !errors.Is(err, tenbit.ErrOverBudget) {
		t.Errorf("an unknown edge: got %v, want %v", err, tenbit.ErrOverBudget)
	}
	a, err := ledger.Audit(t.Context(), l)
	if err != nil || len(a.Problems) > 0 {
		t.Errorf("audit: %v, %v", err, a.Problems)
	}
}
