package ledger

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"tenbit"
)

// checkpoint is a book's state as it rests in the file.
type checkpoint struct {
	Next     uint64              // the first entry that is not in it
	Clock    int64               `json:"clock"`
	Accounts map[string]Account  `json:"accounts"`
	Holds    map[string]keptHold `json:"holds"`
}

type keptHold struct {
	Accounts []string      `json:"accounts"`
	Amount   tenbit.Amount `json:"amount"`
	Slots    []Place       `json:"slots,omitempty"`
	Expires  int64         `json:"expires"`
	Settled  bool          `json:"settled,omitempty"`
}

func (b *book) checkpoint(next uint64) []byte {
	p := checkpoint{Next: next, Clock: b.clock, Accounts: b.state().Accounts, Holds: map[string]keptHold{}}
	for id, h := range b.holds {
		p.Holds[id] = keptHold{h.accounts, h.amount, h.slots, h.expires, h.settled}
	}
	val, _ := json.Marshal(p) // numbers and strings only: cannot fail
	return val
}

func (p checkpoint) restore(b *book) {
	b.clock = p.Clock
	for name, a := range p.Accounts {
		into := b.account(name)
		into.spent = a.Spent
		for w, s := range a.Used {
			var k span
			if n, _ := fmt.Sscanf(w, "%d.%d", &k.unit, &k.per); n == 2 {
				into.used[k] = s
			}
		}
	}
	for id, k := range p.Holds {
		h := &hold{k.Accounts, k.Amount, k.Slots, k.Expires, k.Settled}
		b.holds[id] = h
		if h.settled {
			b.settled = append(b.settled, due{h.expires, id, h})
		} else {
			b.open = append(b.open, due{h.expires, id, h})
		}
	}
	byEnd := func(x, y due) int { return int(x.at - y.at) }
	slices.SortFunc(b.open, byEnd)
	slices.SortFunc(b.settled, byEnd)
}

// State is [Memory.State]. The journal is on disk up to its end.
func (b *Bolt) State(context.Context) (s State, err error) {
	err = b.step(func(bk *book, now time.Time) error {
		bk.tick(now)
		s = bk.state()
		s.End = strconv.FormatUint(b.next, 10)
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, b.db.View(func(tx *bbolt.Tx) error {
		if val := tx.Bucket(stateBucket).Get(sinceKey); val != nil {
			ms, err := strconv.ParseInt(string(val), 10, 64)
			if err != nil {
				return fmt.Errorf("read the journal's beginning: %w", err)
			}
			s.Since = time.UnixMilli(ms)
		}
		return tx.Bucket(openingBucket).ForEach(func(k, v []byte) error {
			s.Opening[string(k)], err = amountOf(v)
			return err
		})
	})
}

// Journal is [Memory.Journal].
func (b *Bolt) Journal(ctx context.Context, end string, f func(Entry) error) error {
	last, err := strconv.ParseUint(end, 10, 64)
	if err != nil {
		return errEntry
	}
	return b.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(journalBucket).Cursor()
		for k, v := c.First(); k != nil && binary.BigEndian.Uint64(k) < last; k, v = c.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := ParseEntry(string(v))
			if err != nil {
				return fmt.Errorf("entry %x: %w", k, err)
			}
			if err := f(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Records are small values beside the budgets, by name: who may ask, and what
// they may spend, where an operator changed it.
func (b *Bolt) Records(context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := b.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(recordBucket).ForEach(func(k, v []byte) error {
			out[string(k)] = slices.Clone(v)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	return out, nil
}

// Record keeps a value, or removes it where val is nil.
func (b *Bolt) Record(_ context.Context, name string, val []byte) error {
	err := b.db.Update(func(tx *bbolt.Tx) error {
		if val == nil {
			return tx.Bucket(recordBucket).Delete([]byte(name))
		}
		return tx.Bucket(recordBucket).Put([]byte(name), val)
	})
	if err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	return nil
}
