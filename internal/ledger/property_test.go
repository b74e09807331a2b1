package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"tenbit"
	"tenbit/internal/redistest"
)

// reference is the plainest ledger: every hold there ever was, summed up at
// each question.
type reference struct {
	holds []*refHold
}

type refHold struct {
	id      string
	tenant  tenbit.TenantID
	group   string
	amount  tenbit.Amount
	spent   tenbit.Amount
	settled bool
}

// left sums what one account has used of a unit.
func (r *reference) used(u tenbit.Unit, in func(*refHold) bool) (n int64) {
	for _, h := range r.holds {
		switch {
		case !in(h):
		case h.settled:
			n += h.spent[u]
		default:
			n += h.amount[u]
		}
	}
	return n
}

func (r *reference) reserve(t tenbit.Tenant, id string, want tenbit.Amount) (tenbit.Bits, error) {
	group := t.Above[0].ID
	for _, h := range r.holds {
		if h.id == id && h.tenant == t.ID {
			if h.settled {
				return 0, tenbit.ErrSettled
			}
			return h.amount.Bits(), nil
		}
	}
	grant := min(want[0], int64(t.MaxRequest))
	limits := []struct {
		windows []tenbit.Window
		in      func(*refHold) bool
	}{
		{t.Windows, func(h *refHold) bool { return h.tenant == t.ID }},
		{t.Above[0].Windows, func(h *refHold) bool { return h.group == group }},
		{t.Above[1].Windows, func(*refHold) bool { return true }},
	}
	for _, l := range limits {
		for _, w := range l.windows {
			left := w.Limit - r.used(w.Unit, l.in)
			if w.Unit == tenbit.UnitBits {
				grant = min(grant, left)
			} else if left < want[w.Unit] {
				return 0, tenbit.ErrOverBudget
			}
		}
	}
	if grant <= 0 {
		return 0, tenbit.ErrOverBudget
	}
	want[0] = grant
	r.holds = append(r.holds, &refHold{id: id, tenant: t.ID, group: group, amount: want})
	return tenbit.Bits(grant), nil
}

func (r *reference) settle(h tenbit.Hold, spent tenbit.Amount) {
	for _, x := range r.holds {
		if x.id == h.ID && x.tenant == h.Tenant && !x.settled {
			x.settled, x.spent = true, charge(spent, x.amount)
		}
	}
}

// The ledgers do what a plain reference does, whatever the steps.
func TestModel(t *testing.T) {
	addr := ""
	opens := map[string]func(t *rapid.T) store{
		"memory": func(*rapid.T) store { return &Memory{} },
		"bolt": func(rt *rapid.T) store {
			b, err := OpenBolt(filepath.Join(t.TempDir(), "ledger"), 0, 0)
			if err != nil {
				rt.Fatal(err)
			}
			return b
		},
		"redis": func(rt *rapid.T) store {
			if addr == "" {
				addr = redistest.Start(t)
			}
			c := redis.NewClient(&redis.Options{Addr: addr})
			defer c.Close()
			if err := c.FlushAll(t.Context()).Err(); err != nil {
				rt.Fatal(err)
			}
			return at(addr)
		},
	}
	for name, open := range opens {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { walk(rt, open(rt)) })
		})
	}
}

// walk takes random steps on a ledger and on the reference.
func walk(t *rapid.T, l store) {
	defer l.Close()
	ctx := t.Context()
	var r reference
	var holds []tenbit.Hold
	tenants := []tenbit.Tenant{crewOf("a", "x"), crewOf("b", "x"), crewOf("c", "y")}
	for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
		if len(holds) > 0 && rapid.Bool().Draw(t, "settle") {
			h := rapid.SampledFrom(holds).Draw(t, "hold")
			spent := tenbit.Amount{rapid.Int64Range(0, int64(h.Granted)).Draw(t, "spent"), 1, rapid.Int64Range(0, 30).Draw(t, "up"), 0}
			if err := l.Settle(ctx, h, spent); err != nil {
				t.Fatalf("settle: %v", err)
			}
			r.settle(h, spent)
			continue
		}
		who := rapid.SampledFrom(tenants).Draw(t, "tenant")
		id := fmt.Sprint(rapid.IntRange(0, i).Draw(t, "id")) // now and then a repeated one
		want := tenbit.Amount{rapid.Int64Range(1, 400).Draw(t, "want"), 1, rapid.Int64Range(0, 30).Draw(t, "worst"), 0}
		h, err := l.Reserve(ctx, who, id, want)
		granted, wantErr := r.reserve(who, id, want)
		if h.Granted != granted || !errors.Is(err, wantErr) || err != nil && wantErr == nil {
			t.Fatalf("reserve %v for %s: got %v, %v; want %v, %v", want, who.ID, h.Granted, err, granted, wantErr)
		}
		if err == nil {
			holds = append(holds, h)
		}
	}
	agrees(t, l)
}

func crewOf(id tenbit.TenantID, group string) tenbit.Tenant {
	t := crew(id, 1000, 1500, 2000)
	t.MaxRequest = 300
	t.Above[0].ID = "g:" + group
	t.Above[0].Windows = append(t.Above[0].Windows, tenbit.Window{Unit: tenbit.UnitEscalations, Limit: 9, Per: long})
	t.Windows = append(t.Windows, tenbit.Window{Unit: tenbit.UnitUp, Limit: 150, Per: long})
	return t
}

// Over time, too: holds expire, windows end, settled holds are forgotten, and
// no slot ever holds more than its limit. The journal alone leads to the same
// state.
func TestModelOverTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			var m Memory
			who := crewOf("a", "x")
			who.Windows[0].Per = 10 * time.Minute
			var holds []tenbit.Hold
			for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
				switch rapid.IntRange(0, 2).Draw(rt, "what") {
				case 0:
					time.Sleep(time.Duration(rapid.IntRange(1, 20).Draw(rt, "minutes")) * time.Minute)
				case 1:
					if h, err := m.Reserve(context.Background(), who, fmt.Sprint(i), tenbit.Amount{rapid.Int64Range(1, 300).Draw(rt, "want"), 1}); err == nil {
						holds = append(holds, h)
					}
				default:
					if len(holds) > 0 {
						_ = m.Settle(context.Background(), rapid.SampledFrom(holds).Draw(rt, "hold"), bits(rapid.Int64Range(0, 300).Draw(rt, "spent"))) // may have expired
					}
				}
			}
			agrees(rt, &m)
			replayed := newBook(0, func(Entry) {})
			for _, e := range m.journal.entries {
				replayed.apply(e)
			}
			got, want := replayed.state(), m.book.state()
			if fmt.Sprint(got.Accounts) != fmt.Sprint(want.Accounts) || fmt.Sprint(got.Open) != fmt.Sprint(want.Open) {
				rt.Fatalf("the journal leads to\n%v\n%v\nthe ledger holds\n%v\n%v", got.Accounts, got.Open, want.Accounts, want.Open)
			}
			for name, a := range want.Accounts {
				if used := a.Used["0.600000"].Used; name == "t:a" && (used > 1000 || used < 0) {
					rt.Fatalf("%d of 1000 used", used)
				}
			}
		})
	})
}
