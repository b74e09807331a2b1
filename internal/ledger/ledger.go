// Package ledger keeps budgets: in memory, in a bbolt file, or in Redis. A
// budget is a hard ceiling under any concurrency, kill -9 and restart: amounts
// are set aside before anything is asked, and a hold that is never settled is
// charged in full. Every movement is an [Entry] of an append-only journal, from
// which [Audit] sums the balances up again.
package ledger

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"tenbit"
)

// HoldFor is how long a hold waits for its settlement before it is charged in
// full, unless told otherwise.
const HoldFor = 15 * time.Minute

// Remember is how long a settled hold is known at least, so that settling twice
// charges once and its id cannot be used again.
const Remember = 2 * time.Minute

// Keep is how long the journal keeps entries unless told otherwise; older ones
// are summed up in the opening balances.
const Keep = 90 * 24 * time.Hour

// draw is one account that a reservation is made in.
type draw struct {
	name    string
	windows []tenbit.Window
	must    bool // a window on bits is needed
}

// AccountOf names a tenant's account.
func AccountOf(t tenbit.TenantID) string { return "t:" + url.QueryEscape(string(t)) }

// AccountOfPool names the account of a budget over tenants.
func AccountOfPool(p tenbit.Pool) string { return url.QueryEscape(p.ID) }

// holdID names a hold: ids of different tenants never meet.
func holdID(t tenbit.TenantID, id string) string {
	return url.QueryEscape(string(t)) + "/" + url.QueryEscape(id)
}

// draws are the accounts of a tenant: its own first.
func draws(t tenbit.Tenant) []draw {
	out := []draw{{AccountOf(t.ID), tightest(t.Windows), true}}
	for _, p := range t.Above {
		out = append(out, draw{name: AccountOfPool(p), windows: tightest(p.Windows)})
	}
	return out
}

// tightest leaves one of those windows that have unit and length in common, and
// so share a slot.
func tightest(ws []tenbit.Window) []tenbit.Window {
	out := make([]tenbit.Window, 0, len(ws))
	for _, w := range ws {
		i := slices.IndexFunc(out, func(v tenbit.Window) bool { return v.Unit == w.Unit && millis(v.Per) == millis(w.Per) })
		if i < 0 {
			out = append(out, w)
			continue
		}
		out[i].Limit = min(out[i].Limit, w.Limit)
	}
	return out
}

// AccountWindows is one account with its windows.
type AccountWindows struct {
	Name    string
	Windows []tenbit.Window
}

// AccountsOf are the accounts in which a tenant's reservations are made, its
// own first.
func AccountsOf(t tenbit.Tenant) (out []AccountWindows) {
	for _, d := range draws(t) {
		out = append(out, AccountWindows{d.name, d.windows})
	}
	return out
}

// Used is what an account has spent and held in the present slot of a window,
// and when that ends.
func (s State) Used(account string, w tenbit.Window) (n int64, ends time.Time) {
	per := millis(w.Per)
	now := s.Clock.UnixMilli() / per
	if slot := s.Accounts[account].Used[window(w.Unit, per)]; slot.N == now {
		n = slot.Used
	}
	return n, time.UnixMilli((now + 1) * per)
}

// millis is a window's length in milliseconds, at least one.
func millis(d time.Duration) int64 { return max(d.Milliseconds(), 1) }

// refill is when the first of the tenant's windows on bits begins anew, zero
// without any.
func refill(ds []draw, now int64) (at time.Time) {
	for _, d := range ds {
		for _, w := range d.windows {
			per := millis(w.Per)
			if next := time.UnixMilli((now/per + 1) * per); w.Unit == tenbit.UnitBits && (at.IsZero() || next.Before(at)) {
				at = next
			}
		}
	}
	return at
}

func over(t tenbit.Tenant, u tenbit.Unit, account string) error {
	return fmt.Errorf("tenant %s: %s of %s: %w", t.ID, u, account, tenbit.ErrOverBudget)
}

func used(id string) error { return fmt.Errorf("hold %.60s: %w", id, tenbit.ErrSettled) }

func expired(id string) error {
	return fmt.Errorf("hold %.60s: expired or unknown: charged in full", id)
}

// Account is the state of one account.
type Account struct {
	Spent tenbit.Amount   `json:"spent"` // settled or expired, ever
	Used  map[string]Slot `json:"used"`  // by "unit.per" (milliseconds): spent and held in the slot
}

// Slot is one span of a window: number N since the epoch.
type Slot struct {
	N    int64 `json:"n"`
	Used int64 `json:"used"`
}

// State is everything that a ledger holds, at one moment.
type State struct {
	Clock    time.Time
	Accounts map[string]Account
	Opening  map[string]tenbit.Amount // spent before the journal's first entry
	Since    time.Time                // when the journal begins; zero: with the ledger
	Open     map[string]Held          // holds that wait for their settlement, by id
	// End is the entry up to which the journal is summed up; what comes later
	// isn't in this state.
	End string
}

// Held is a hold that waits for its settlement.
type Held struct {
	Amount  tenbit.Amount
	Expires time.Time
}

func window(u tenbit.Unit, per int64) string { return fmt.Sprintf("%d.%d", u, per) }
