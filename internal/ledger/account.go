// Package ledger keeps bit budgets: in memory, in a bbolt file, or in Redis. A
// budget is a hard ceiling under any concurrency, kill -9 and restart: bits are
// set aside before anything is asked, and a hold that is never settled is
// charged in full.
package ledger

import (
	"fmt"
	"time"

	"tenbit"
)

// HoldFor is how long a hold waits for its settlement before it is charged in
// full, and how long a settled one is remembered so that settling twice
// charges once.
const HoldFor = 15 * time.Minute

// account is one tenant's state. Bits are counted as used when they are set
// aside, in the slots of that moment; settling gives back what was not spent.
type account struct {
	Spent tenbit.Bits            `json:"spent"` // settled or expired, ever
	Used  map[time.Duration]slot `json:"used"`  // by window length
	Holds map[string]*hold       `json:"holds"` // by request id
}

// slot is one span of a window: number N since the epoch.
type slot struct {
	N    int64       `json:"n"`
	Bits tenbit.Bits `json:"bits"`
}

type hold struct {
	Granted tenbit.Bits             `json:"granted"`
	Slots   map[time.Duration]int64 `json:"slots"` // where it is counted
	Expires time.Time               `json:"expires"`
	Settled bool                    `json:"settled,omitempty"`
}

// reserve sets bits aside in every window or in none.
func (a *account) reserve(t tenbit.Tenant, id string, want tenbit.Bits, now time.Time) (tenbit.Hold, error) {
	a.sweep(now)
	h := a.Holds[id]
	if h == nil {
		grant := min(want, t.MaxRequest, a.left(t, now))
		if grant <= 0 {
			return tenbit.Hold{}, fmt.Errorf("tenant %s: %w", t.ID, tenbit.ErrOverBudget)
		}
		h = &hold{Granted: grant, Slots: map[time.Duration]int64{}, Expires: now.Add(HoldFor)}
		for _, w := range t.Windows {
			if _, twice := h.Slots[w.Per]; twice {
				continue // two windows of one length share a slot
			}
			n := number(now, w.Per)
			s := a.Used[w.Per]
			if s.N != n {
				s = slot{N: n}
			}
			s.Bits += grant
			a.Used[w.Per], h.Slots[w.Per] = s, n
		}
		a.Holds[id] = h
	}
	return tenbit.Hold{ID: id, Tenant: t.ID, Granted: h.Granted, Expires: h.Expires}, nil
}

// settle charges spent and gives the rest back where its slot is still open.
func (a *account) settle(id string, spent tenbit.Bits, now time.Time) error {
	a.sweep(now)
	h := a.Holds[id]
	if h == nil {
		return fmt.Errorf("hold %.40s: expired or unknown: charged in full", id)
	}
	if h.Settled {
		return nil
	}
	charged := min(max(spent, 0), h.Granted)
	for per, n := range h.Slots {
		if s := a.Used[per]; s.N == n {
			s.Bits -= h.Granted - charged
			a.Used[per] = s
		}
	}
	a.Spent += charged
	h.Settled, h.Expires = true, now.Add(HoldFor)
	if spent > h.Granted {
		return fmt.Errorf("hold %.40s: spent %v of %v bits", id, spent, h.Granted)
	}
	return nil
}

// sweep charges expired holds in full and forgets settled ones.
func (a *account) sweep(now time.Time) {
	if a.Used == nil {
		a.Used, a.Holds = map[time.Duration]slot{}, map[string]*hold{}
	}
	for id, h := range a.Holds {
		if now.Before(h.Expires) {
			continue
		}
		if !h.Settled {
			a.Spent += h.Granted
		}
		delete(a.Holds, id)
	}
}

// left is what the tightest window still has; a tenant without windows has nothing.
func (a *account) left(t tenbit.Tenant, now time.Time) tenbit.Bits {
	left := tenbit.MaxBits
	if len(t.Windows) == 0 {
		left = 0
	}
	for _, w := range t.Windows {
		used := tenbit.Bits(0)
		if s := a.Used[w.Per]; s.N == number(now, w.Per) {
			used = s.Bits
		}
		left = min(left, w.Limit-used)
	}
	return max(left, 0)
}

// refill is when the first window begins anew, zero without windows.
func refill(t tenbit.Tenant, now time.Time) (at time.Time) {
	for _, w := range t.Windows {
		if next := time.Unix(0, (number(now, w.Per)+1)*int64(w.Per)); at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at
}

// number is the slot that now falls into.
func number(now time.Time, per time.Duration) int64 { return now.UnixNano() / int64(per) }
