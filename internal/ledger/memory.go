package ledger

import (
	"context"
	"sync"
	"time"

	"tenbit"
)

// Memory keeps budgets until the process ends: for tests, and where budgets
// need not outlive it. The zero value is ready.
type Memory struct {
	mu       sync.Mutex // guards accounts
	accounts map[tenbit.TenantID]*account
}

func (m *Memory) account(t tenbit.TenantID) *account {
	a := m.accounts[t]
	if a == nil {
		if m.accounts == nil {
			m.accounts = map[tenbit.TenantID]*account{}
		}
		a = &account{}
		m.accounts[t] = a
	}
	return a
}

// Reserve sets bits aside: at most want, at most what the tenant may spend on
// one request, at most what every window has left; or [tenbit.ErrOverBudget].
// The same id gets the same hold.
func (m *Memory) Reserve(_ context.Context, t tenbit.Tenant, id string, want tenbit.Bits) (tenbit.Hold, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.account(t.ID).reserve(t, id, want, time.Now())
}

// Settle charges what was spent of a hold, never more than it granted, and
// releases the rest. Settling twice charges once.
func (m *Memory) Settle(_ context.Context, h tenbit.Hold, spent tenbit.Bits) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.account(h.Tenant).settle(h.ID, spent, time.Now())
}

// Left is what the tenant could still reserve, and when a window begins anew.
func (m *Memory) Left(_ context.Context, t tenbit.Tenant) (tenbit.Bits, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	return m.account(t.ID).left(t, now), refill(t, now), nil
}

// Spent is what the tenant was ever charged.
func (m *Memory) Spent(_ context.Context, t tenbit.TenantID) (tenbit.Bits, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.account(t)
	a.sweep(time.Now())
	return a.Spent, nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }
