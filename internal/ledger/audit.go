package ledger

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"tenbit"
)

// Audited is what the journal says, beside what the ledger holds.
type Audited struct {
	Since    time.Time // when the journal begins, zero: with the ledger; before it only the sums are known
	Entries  int
	Accounts []AuditedAccount
	Open     map[string]tenbit.Amount // holds that wait for their settlement
	Problems []string                 // every disagreement, in words; none: all agree
}

// AuditedAccount sums up one account.
type AuditedAccount struct {
	Name                             string
	Opening                          tenbit.Amount // spent before the journal begins
	Reserved, Charged, Back, Expired tenbit.Amount // within the journal; Expired is part of Charged
	Held                             tenbit.Amount
	Spent                            tenbit.Amount // the ledger's own figure: Opening + Charged
}

// Book is a ledger that can be audited.
type Book interface {
	State(context.Context) (State, error)
	// Journal calls f for every entry up to end, oldest first.
	Journal(ctx context.Context, end string, f func(Entry) error) error
}

// Audit sums the journal up again, apart from the code that moved the amounts,
// and compares: spending, holds, and every window whose slot began after the
// journal did.
func Audit(ctx context.Context, l Book) (Audited, error) {
	s, err := l.State(ctx)
	if err != nil {
		return Audited{}, fmt.Errorf("read the ledger: %w", err)
	}
	sum := summing{accounts: map[string]*AuditedAccount{}, used: map[string]int64{}, open: map[string]Entry{}}
	if err := l.Journal(ctx, s.End, func(e Entry) error { sum.add(e); return nil }); err != nil {
		return Audited{}, fmt.Errorf("read the journal: %w", err)
	}
	return sum.compare(s), nil
}

type summing struct {
	entries  int
	accounts map[string]*AuditedAccount
	used     map[string]int64 // by account, window and slot
	open     map[string]Entry // reservations not yet settled
	problems []string
}

func (s *summing) account(name string) *AuditedAccount {
	if s.accounts[name] == nil {
		s.accounts[name] = &AuditedAccount{Name: name}
	}
	return s.accounts[name]
}

func (e Entry) slot(p Place) string {
	return fmt.Sprintf("%s %s.%d", e.Accounts[p.Account], window(p.Unit, p.Per), p.N)
}

func (s *summing) add(e Entry) {
	s.entries++
	switch e.Op {
	case OpReserve:
		if _, twice := s.open[e.ID]; twice {
			s.problem("%s: reserved twice", e.ID)
		}
		s.open[e.ID] = e
		for _, name := range e.Accounts {
			a := s.account(name)
			a.Reserved, a.Held = a.Reserved.Add(e.Amount), a.Held.Add(e.Amount)
		}
		for _, p := range e.Slots {
			s.used[e.slot(p)] += e.Amount[p.Unit]
		}
	case OpSettle, OpExpire:
		r, ok := s.open[e.ID]
		delete(s.open, e.ID)
		if ok && e.Amount.Bits() > r.Amount.Bits() {
			s.problem("%s: %v bits charged of %v", e.ID, e.Amount.Bits(), r.Amount.Bits())
		}
		for _, name := range e.Accounts {
			a := s.account(name)
			a.Charged = a.Charged.Add(e.Amount)
			if e.Op == OpExpire {
				a.Expired = a.Expired.Add(e.Amount)
			}
			if ok { // else the reservation stands before the journal's beginning, or never was
				a.Held, a.Back = a.Held.Sub(r.Amount), a.Back.Add(r.Amount.Sub(e.Amount))
			}
		}
		for _, p := range r.Slots {
			s.used[r.slot(p)] += e.Amount[p.Unit] - r.Amount[p.Unit]
		}
	case OpReset:
		s.reset(e.Accounts)
	}
}

func (s *summing) reset(accounts []string) {
	maps.DeleteFunc(s.used, func(slot string, _ int64) bool {
		name, _, _ := strings.Cut(slot, " ")
		return slices.Contains(accounts, name)
	})
	for id, e := range s.open {
		e.Slots = slices.DeleteFunc(slices.Clone(e.Slots), func(p Place) bool { return slices.Contains(accounts, e.Accounts[p.Account]) })
		s.open[id] = e
	}
}

func (s *summing) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// compare finds every disagreement between the sums and the ledger's state.
func (s *summing) compare(st State) Audited {
	out := Audited{Since: st.Since, Entries: s.entries, Open: map[string]tenbit.Amount{}}
	for name, amount := range st.Opening {
		s.account(name).Opening = amount
	}
	for name := range st.Accounts {
		s.account(name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.accounts)) {
		a := s.accounts[name]
		a.Spent = st.Accounts[name].Spent
		if sum := a.Opening.Add(a.Charged); sum != a.Spent {
			s.problem("%s: the journal says %v spent, the balance %v", name, sum, a.Spent)
		}
		s.windows(name, st)
		out.Accounts = append(out.Accounts, *a)
	}
	for id, e := range s.open {
		id, _ = url.QueryUnescape(id)
		out.Open[id] = e.Amount
		if st.Open[id].Amount != e.Amount {
			s.problem("%s: the journal says %v held, the ledger %v", id, e.Amount, st.Open[id].Amount)
		}
	}
	for id, h := range st.Open {
		_, ok := out.Open[id]
		if before := h.Expires.Add(-HoldFor).Before(st.Since); !ok && !before {
			s.problem("%s: %v held without a reservation in the journal", id, h.Amount)
		}
		out.Open[id] = h.Amount
	}
	slices.Sort(s.problems)
	out.Problems = s.problems
	return out
}

// windows compares the slots that began after the journal did.
func (s *summing) windows(name string, st State) {
	for w, slot := range st.Accounts[name].Used {
		var u tenbit.Unit
		var per int64
		if n, err := fmt.Sscanf(w, "%d.%d", &u, &per); n != 2 || err != nil {
			s.problem("%s: window %q", name, w)
			continue
		}
		if slot.N*per < st.Since.UnixMilli() && !st.Since.IsZero() {
			continue
		}
		if got := s.used[fmt.Sprintf("%s %s.%d", name, w, slot.N)]; got != slot.Used {
			s.problem("%s: the journal says %d %s used in slot %d of %v, the window %d", name, got, u, slot.N, time.Duration(per)*time.Millisecond, slot.Used)
		}
	}
}
