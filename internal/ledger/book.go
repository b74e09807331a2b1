package ledger

import (
	"fmt"
	"time"

	"tenbit"
)

// book is the state of a ledger within one process, changed by entries alone:
// the same entries lead to the same state. Amounts are counted as used when
// they are set aside, in the slots of that moment; settling gives back what was
// not spent.
type book struct {
	clock    int64 // never runs backwards, so that no window opens twice
	accounts map[string]*account
	holds    map[string]*hold
	open     []due // holds by their end, perhaps settled since
	settled  []due // settled holds by when they are forgotten
	lasts    int64 // how long a hold waits for its settlement, milliseconds
	write    func(Entry)
}

type account struct {
	spent tenbit.Amount
	used  map[span]Slot
}

type span struct {
	unit tenbit.Unit
	per  int64
}

type hold struct {
	accounts []string
	amount   tenbit.Amount
	slots    []Place
	expires  int64
	settled  bool
}

type due struct {
	at int64
	id string
	h  *hold
}

// newBook makes an empty book whose holds last as long, 0: [HoldFor].
func newBook(lasts time.Duration, write func(Entry)) *book {
	if lasts == 0 {
		lasts = HoldFor
	}
	return &book{accounts: map[string]*account{}, holds: map[string]*hold{}, lasts: millis(lasts), write: write}
}

// do makes a movement and writes it down.
func (b *book) do(e Entry) {
	b.apply(e)
	b.write(e)
}

func (b *book) account(name string) *account {
	a := b.accounts[name]
	if a == nil {
		a = &account{used: map[span]Slot{}}
		b.accounts[name] = a
	}
	return a
}

// apply is the only thing that changes the state.
func (b *book) apply(e Entry) {
	b.clock = max(b.clock, e.At)
	switch e.Op {
	case OpReserve:
		for _, p := range e.Slots {
			b.count(e.Accounts, p, e.Amount[p.Unit])
		}
		h := &hold{accounts: e.Accounts, amount: e.Amount, slots: e.Slots, expires: e.Until}
		b.holds[e.ID] = h
		b.open = append(b.open, due{e.Until, e.ID, h})
	case OpSettle, OpExpire:
		h := b.holds[e.ID]
		if h == nil { // given back before it was reserved, or the journal's beginning is gone
			h = &hold{accounts: e.Accounts, amount: e.Amount}
			b.holds[e.ID] = h
		}
		for _, p := range h.slots {
			if b.account(h.accounts[p.Account]).used[span{p.Unit, p.Per}].N == p.N {
				b.count(h.accounts, p, e.Amount[p.Unit]-h.amount[p.Unit])
			}
		}
		for _, name := range h.accounts {
			a := b.account(name)
			a.spent = a.spent.Add(e.Amount)
		}
		if e.Op == OpExpire {
			delete(b.holds, e.ID)
			return
		}
		h.settled, h.expires, h.slots = true, e.At+Remember.Milliseconds(), nil
		b.settled = append(b.settled, due{h.expires, e.ID, h})
	case OpReset:
		for _, name := range e.Accounts {
			b.reset(name)
		}
	}
}

// count adds n to a slot, which begins at nothing.
func (b *book) count(accounts []string, p Place, n int64) {
	a, k := b.account(accounts[p.Account]), span{p.Unit, p.Per}
	s := a.used[k]
	if s.N != p.N {
		s = Slot{N: p.N}
	}
	s.Used += n
	a.used[k] = s
}

// reset clears an account's windows. Holds under way no longer count in them.
func (b *book) reset(name string) {
	b.account(name).used = map[span]Slot{}
	for _, h := range b.holds {
		var rest []Place
		for _, p := range h.slots {
			if h.accounts[p.Account] != name {
				rest = append(rest, p)
			}
		}
		h.slots = rest
	}
}

// tick sets the clock, charges expired holds in full and forgets settled ones.
func (b *book) tick(now time.Time) {
	b.clock = max(b.clock, now.UnixMilli())
	for len(b.open) > 0 && b.open[0].at <= b.clock {
		d := b.open[0]
		b.open = b.open[1:]
		if b.holds[d.id] == d.h && !d.h.settled {
			b.do(Entry{Op: OpExpire, At: b.clock, ID: d.id, Accounts: d.h.accounts, Amount: d.h.amount})
		}
	}
	for len(b.settled) > 0 && b.settled[0].at <= b.clock {
		d := b.settled[0]
		b.settled = b.settled[1:]
		if b.holds[d.id] == d.h {
			delete(b.holds, d.id)
		}
	}
}

// reserve sets an amount aside in every window of every account, or in none.
// Bits are granted in part; the other units are not.
func (b *book) reserve(t tenbit.Tenant, id string, want tenbit.Amount, now time.Time) (tenbit.Hold, error) {
	b.tick(now)
	key := holdID(t.ID, id)
	h := b.holds[key]
	if h != nil && h.settled {
		return tenbit.Hold{}, used(id)
	}
	if h == nil {
		ds := draws(t)
		left, short, name := b.left(ds, want)
		if left = min(left, int64(t.MaxRequest), want[tenbit.UnitBits]); left <= 0 {
			return tenbit.Hold{}, over(t, short, name)
		}
		want[tenbit.UnitBits] = left
		e := Entry{Op: OpReserve, At: b.clock, ID: key, Amount: want, Until: b.clock + b.lasts}
		for i, d := range ds {
			e.Accounts = append(e.Accounts, d.name)
			e.Slots = append(e.Slots, d.places(i, b.clock)...)
		}
		b.do(e)
		h = b.holds[key]
	}
	return tenbit.Hold{ID: id, Tenant: t.ID, Granted: h.amount.Bits(), Expires: time.UnixMilli(h.expires)}, nil
}

// places are the slots of the account's windows now.
func (d draw) places(account int, now int64) (out []Place) {
	for _, w := range d.windows {
		out = append(out, Place{account, w.Unit, millis(w.Per), now / millis(w.Per)})
	}
	return out
}

// left is what the tightest window on bits still has, and nothing where another
// unit has less than want. The unit and account that are short come with it.
func (b *book) left(ds []draw, want tenbit.Amount) (left int64, short tenbit.Unit, name string) {
	left, name = int64(tenbit.MaxBits), ds[0].name
	for _, d := range ds {
		bits := false
		for _, w := range d.windows {
			rest := w.Limit
			if a := b.accounts[d.name]; a != nil {
				if s := a.used[span{w.Unit, millis(w.Per)}]; s.N == b.clock/millis(w.Per) {
					rest -= s.Used
				}
			}
			if w.Unit != tenbit.UnitBits {
				if rest < want[w.Unit] {
					return 0, w.Unit, d.name
				}
				continue
			}
			if bits = true; rest < left {
				left, name = rest, d.name
			}
		}
		if d.must && !bits {
			return 0, tenbit.UnitBits, d.name
		}
	}
	return max(left, 0), tenbit.UnitBits, name
}

// settle charges spent and gives the rest back where its slot is still open.
// More bits or asks than were set aside are an error and not charged; what went
// up and what it cost in money is charged as it was.
func (b *book) settle(hd tenbit.Hold, spent tenbit.Amount, now time.Time) error {
	b.tick(now)
	key := holdID(hd.Tenant, hd.ID)
	h := b.holds[key]
	if h == nil {
		return expired(hd.ID)
	}
	if h.settled {
		return nil
	}
	charged := charge(spent, h.amount)
	b.do(Entry{Op: OpSettle, At: b.clock, ID: key, Accounts: h.accounts, Amount: charged})
	if spent.Bits() > hd.Granted {
		return fmt.Errorf("hold %.60s: spent %v of %v bits", hd.ID, spent.Bits(), hd.Granted)
	}
	return nil
}

// charge is what is charged of what was spent.
func charge(spent, granted tenbit.Amount) tenbit.Amount {
	for u := range spent {
		spent[u] = max(spent[u], 0)
		if u := tenbit.Unit(u); u == tenbit.UnitBits || u == tenbit.UnitEscalations {
			spent[u] = min(spent[u], granted[u])
		}
	}
	return spent
}
