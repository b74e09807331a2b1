package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/policy"
)

// TestGateOfATenant: a tenant's own threshold goes before everybody's.
func TestGateOfATenant(t *testing.T) {
	low, high := 0.1, 1.0
	for _, tt := range []struct {
		name   string
		all    float64
		tenant *float64
		want   string
	}{
		{"everybody's: sure enough", 0.1, nil, "local"},
		{"everybody's: not sure enough", 1, nil, "accept"},
		{"the tenant asks more", 0.1, &high, "accept"},
		{"the tenant asks less", 1, &low, "local"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, fake.Says("Answer: 42"), fake.Says("Answer: 42"), func(g *gateway.Gateway, tenant *tenbit.Tenant) {
				g.Gate, tenant.Confidence = policy.Gate{Confidence: tt.all}, tt.tenant
			})
			resp, _ := b.post(t, ask(closed))
			if got := resp.Header.Get("X-Tenbit-Route"); resp.StatusCode != http.StatusOK || got != tt.want {
				t.Errorf("got %d, %q; want %q", resp.StatusCode, got, tt.want)
			}
		})
	}
}

// TestPrice: what isn't worth its bits is not bought, and what would be with full
// windows is marked and not kept.
func TestPrice(t *testing.T) {
	for _, tt := range []struct {
		name     string
		price    policy.Price
		limit    tenbit.Bits // of the window
		spend    tenbit.Bits // beforehand
		onEmpty  tenbit.OnEmpty
		want     string
		degraded string
	}{
		{"no price", policy.Price{}, 1000 * tenbit.Bit, 900 * tenbit.Bit, tenbit.EmptyLocal, "select", ""},
		{"worth it", policy.Price{Answer: 1000 * tenbit.Bit, Scarcity: 1}, 1000 * tenbit.Bit, 0, tenbit.EmptyLocal, "select", ""},
		{"never worth it", policy.Price{Answer: 1 * tenbit.Bit}, 1000 * tenbit.Bit, 0, tenbit.EmptyLocal, "local", ""},
		{"worth it with a full window", policy.Price{Answer: 50 * tenbit.Bit, Scarcity: 1}, 1000 * tenbit.Bit, 970 * tenbit.Bit, tenbit.EmptyLocal, "local", "bits are dear"},
		{"the same to the end", policy.Price{Answer: 50 * tenbit.Bit}, 1000 * tenbit.Bit, 970 * tenbit.Bit, tenbit.EmptyLocal, "select", ""},
		{"one who wants no worse answers", policy.Price{Answer: 50 * tenbit.Bit, Scarcity: 1}, 1000 * tenbit.Bit, 970 * tenbit.Bit, tenbit.EmptyReject, "select", ""},
		{"a window that is empty", policy.Price{Answer: 50 * tenbit.Bit, Scarcity: 1}, 1000 * tenbit.Bit, 1000 * tenbit.Bit, tenbit.EmptyLocal, "local", "over budget"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			samples := []string{"Answer: 41", "Answer: 42", "Answer: 41"}
			local := fake.NewModel(func(c fake.Call) fake.Reply { return fake.Text(samples[c.N%3]) })
			b := open(t, local, fake.Says("Answer: 42"), func(g *gateway.Gateway, tenant *tenbit.Tenant) {
				g.Price, g.Gate = tt.price, policy.Gate{Confidence: 1}
				tenant.OnEmpty = tt.onEmpty
				tenant.Windows = []tenbit.Window{{Limit: 1 << 40, Per: time.Hour}, {Limit: int64(tt.limit), Per: 1000 * time.Hour}}
			})
			if tt.spend > 0 {
				h, err := b.ledger.Reserve(t.Context(), b.tenant, "before", tenbit.Amount{tenbit.UnitBits: int64(tt.spend)})
				if err == nil {
					err = b.ledger.Settle(t.Context(), h, tenbit.Amount{tenbit.UnitBits: int64(tt.spend)})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			resp, _ := b.post(t, ask(closed))
			if got, why := resp.Header.Get("X-Tenbit-Route"), resp.Header.Get("X-Tenbit-Degraded"); got != tt.want || why != tt.degraded {
				t.Errorf("got %q, %q; want %q, %q", got, why, tt.want, tt.degraded)
			}
			resp, _ = b.post(t, ask(closed))
			if cached := resp.Header.Get("X-Tenbit-Route") == "cache"; cached == (tt.degraded != "") {
				t.Errorf("kept: %v", cached)
			}
		})
	}
}
