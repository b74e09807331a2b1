package ledger

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"time"

	"tenbit"
)

// Memory keeps budgets until the process ends: for tests, and where budgets
// need not outlive it. The zero value is ready.
type Memory struct {
	Hold time.Duration // how long a hold waits for its settlement, 0: [HoldFor]

	mu      sync.Mutex // guards what follows
	book    *book
	journal journal
	records map[string][]byte
}

// most is how many entries [Memory] keeps; older ones are summed up.
const most = 1 << 14

// journal is a journal in memory.
type journal struct {
	entries []Entry
	first   int // number of entries[0]
	opening map[string]tenbit.Amount
}

func (j *journal) add(e Entry) {
	if len(j.entries) >= 2*most {
		if j.opening == nil {
			j.opening = map[string]tenbit.Amount{}
		}
		for _, old := range j.entries[:most] {
			fold(j.opening, old)
		}
		j.first += most
		j.entries = append(make([]Entry, 0, 2*most), j.entries[most:]...)
	}
	j.entries = append(j.entries, e)
}

// fold adds an entry that leaves the journal to the opening balances.
func fold(opening map[string]tenbit.Amount, e Entry) {
	if e.Op == OpSettle || e.Op == OpExpire {
		for _, name := range e.Accounts {
			opening[name] = opening[name].Add(e.Amount)
		}
	}
}

// lock returns the book, until unlock.
func (m *Memory) lock() *book {
	m.mu.Lock()
	if m.book == nil {
		m.book = newBook(m.Hold, func(e Entry) { m.journal.add(e) })
	}
	return m.book
}

// Reserve sets an amount aside: bits at most want, at most what the tenant may
// spend on one request, at most what every window has left; the other units as
// wanted; in the tenant's account and all above it, or fails with
// [tenbit.ErrOverBudget]. The same id gets the same hold until that is settled.
func (m *Memory) Reserve(_ context.Context, t tenbit.Tenant, id string, want tenbit.Amount) (tenbit.Hold, error) {
	defer m.mu.Unlock()
	return m.lock().reserve(t, id, want, time.Now())
}

// Settle charges what was spent of a hold, never more bits or asks than it set
// aside, and releases the rest. Settling twice charges once.
func (m *Memory) Settle(_ context.Context, h tenbit.Hold, spent tenbit.Amount) error {
	defer m.mu.Unlock()
	return m.lock().settle(h, spent, time.Now())
}

// Left is what the tenant could still reserve, and when a window begins anew.
func (m *Memory) Left(_ context.Context, t tenbit.Tenant) (tenbit.Bits, time.Time, error) {
	defer m.mu.Unlock()
	left, at := m.lock().leftNow(t, time.Now())
	return left, at, nil
}

func (b *book) leftNow(t tenbit.Tenant, now time.Time) (tenbit.Bits, time.Time) {
	b.tick(now)
	ds := draws(t)
	left, _, _ := b.left(ds, tenbit.Amount{})
	return tenbit.Bits(left), refill(ds, b.clock)
}

// Spent is what the tenant was ever charged, in bits.
func (m *Memory) Spent(_ context.Context, t tenbit.TenantID) (tenbit.Bits, error) {
	defer m.mu.Unlock()
	b := m.lock()
	b.tick(time.Now())
	return b.account(AccountOf(t)).spent.Bits(), nil
}

// Reset clears the windows of the accounts, so that they begin anew.
func (m *Memory) Reset(_ context.Context, accounts ...string) error {
	defer m.mu.Unlock()
	b := m.lock()
	b.tick(time.Now())
	b.do(Entry{Op: OpReset, At: b.clock, Accounts: accounts})
	return nil
}

// State is the whole state.
func (m *Memory) State(context.Context) (State, error) {
	defer m.mu.Unlock()
	b := m.lock()
	b.tick(time.Now())
	s := b.state()
	for name, a := range m.journal.opening {
		s.Opening[name] = a
	}
	if m.journal.first > 0 {
		s.Since = m.journal.entries[0].Time()
	}
	s.End = strconv.Itoa(m.journal.first + len(m.journal.entries))
	return s, nil
}

// state copies a book's state.
func (b *book) state() State {
	s := State{Clock: time.UnixMilli(b.clock), Accounts: map[string]Account{}, Opening: map[string]tenbit.Amount{}, Open: map[string]Held{}}
	for name, a := range b.accounts {
		out := Account{Spent: a.spent, Used: map[string]Slot{}}
		for k, slot := range a.used {
			out.Used[window(k.unit, k.per)] = slot
		}
		s.Accounts[name] = out
	}
	for id, h := range b.holds {
		if !h.settled {
			id, _ = url.QueryUnescape(id) // was escaped here
			s.Open[id] = Held{h.amount, time.UnixMilli(h.expires)}
		}
	}
	return s
}

// Journal calls f for every entry up to end, oldest first.
func (m *Memory) Journal(_ context.Context, end string, f func(Entry) error) error {
	last, err := strconv.Atoi(end)
	if err != nil {
		return errEntry
	}
	m.mu.Lock()
	n := min(max(last-m.journal.first, 0), len(m.journal.entries))
	entries := m.journal.entries[:n:n]
	m.mu.Unlock()
	for _, e := range entries {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// Ready returns nil: memory is always there.
func (m *Memory) Ready(context.Context) error { return nil }

// Close does nothing.
func (m *Memory) Close() error { return nil }
