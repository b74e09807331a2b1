package ledger

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenbit"
)

const long = 100000 * time.Hour

// crew is a tenant in a group, under everybody's budget.
func crew(id tenbit.TenantID, own, group, all int64) tenbit.Tenant {
	return tenbit.Tenant{
		ID: id, MaxRequest: tenbit.MaxBits, Windows: []tenbit.Window{{Limit: own, Per: long}},
		Above: []tenbit.Pool{{ID: "g:crew", Windows: []tenbit.Window{{Limit: group, Per: long}}}, {ID: "all", Windows: []tenbit.Window{{Limit: all, Per: long}}}},
	}
}

// A reservation is made in the tenant's account, its group's and everybody's,
// or in none.
func TestAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a, b := crew("a", 10, 15, 100), crew("b", 10, 15, 100)
		if h, err := l.Reserve(t.Context(), a, "1", bits(10)); err != nil || h.Granted != 10 {
			t.Fatalf("got %v, %v", h.Granted, err)
		}
		h, err := l.Reserve(t.Context(), b, "2", bits(10))
		if err != nil || h.Granted != 5 {
			t.Errorf("got %v, %v; want the group's 5", h.Granted, err)
		}
		if _, err := l.Reserve(t.Context(), b, "3", bits(1)); !errors.Is(err, tenbit.ErrOverBudget) {
			t.Errorf("got %v, want %v", err, tenbit.ErrOverBudget)
		}
		if left, _, err := l.Left(t.Context(), tenbit.Tenant{ID: "b", MaxRequest: 10, Windows: b.Windows}); err != nil || left != 5 {
			t.Errorf("the refused reservation took from its own account: %v left of 5, %v", left, err)
		}
		if err := l.Settle(t.Context(), h, bits(2)); err != nil {
			t.Error(err)
		}
		if left, _, _ := l.Left(t.Context(), b); left != 3 {
			t.Errorf("got %v left, want the group's 3", left)
		}
		got := map[string]int64{}
		for _, acc := range agrees(t, l).Accounts {
			got[acc.Name] = acc.Spent[0] + acc.Held[0]
		}
		if diff := cmp.Diff(map[string]int64{"t:a": 10, "t:b": 2, "g%3Acrew": 12, "all": 12}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Asks, bytes up and money are reserved in the same step, whole or not at all.
func TestUnits(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a := tenant("a", 1000)
		a.Windows = append(a.Windows, tenbit.Window{Unit: tenbit.UnitEscalations, Limit: 3, Per: long},
			tenbit.Window{Unit: tenbit.UnitUp, Limit: 100, Per: long}, tenbit.Window{Unit: tenbit.UnitMoney, Limit: 50, Per: long})
		h, err := l.Reserve(t.Context(), a, "1", tenbit.Amount{10, 1, 60, 20})
		if err != nil || h.Granted != 10 {
			t.Fatalf("got %v, %v", h.Granted, err)
		}
		if _, err := l.Reserve(t.Context(), a, "2", tenbit.Amount{10, 1, 41, 20}); !errors.Is(err, tenbit.ErrOverBudget) {
			t.Errorf("41 bytes of 40: got %v, want %v", err, tenbit.ErrOverBudget)
		}
		if err := l.Settle(t.Context(), h, tenbit.Amount{4, 1, 30, 5}); err != nil {
			t.Error(err)
		}
		if _, err := l.Reserve(t.Context(), a, "3", tenbit.Amount{10, 1, 70, 46}); !errors.Is(err, tenbit.ErrOverBudget) {
			t.Errorf("46 of 45 in money: got %v, want %v", err, tenbit.ErrOverBudget)
		}
		for _, id := range []string{"4", "5"} {
			if _, err := l.Reserve(t.Context(), a, id, tenbit.Amount{10, 1, 35, 10}); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if _, err := l.Reserve(t.Context(), a, "6", tenbit.Amount{10, 1}); !errors.Is(err, tenbit.ErrOverBudget) {
			t.Errorf("a fourth ask of three: got %v, want %v", err, tenbit.ErrOverBudget)
		}
		acc := agrees(t, l).Accounts[0]
		if want := (tenbit.Amount{4, 1, 30, 5}); acc.Spent != want {
			t.Errorf("spent: got %v, want %v", acc.Spent, want)
		}
	})
}

// An id that was settled grants nothing again: else whoever repeats it is
// answered for nothing.
func TestASettledIDIsUsed(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a := tenant("a", 10)
		h, err := l.Reserve(t.Context(), a, "1 {x}|,%", bits(4))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Settle(t.Context(), h, bits(4)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Reserve(t.Context(), a, h.ID, bits(4)); !errors.Is(err, tenbit.ErrSettled) {
			t.Errorf("got %v, want %v", err, tenbit.ErrSettled)
		}
		agrees(t, l)
	})
}

// Reset begins the windows anew; what is under way is no longer given back.
func TestReset(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a := crew("a", 10, 15, 100)
		h, err := l.Reserve(t.Context(), a, "1", bits(8))
		if err == nil {
			err = l.Reset(t.Context(), AccountOf("a"))
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Settle(t.Context(), h, bits(1)); err != nil {
			t.Error(err)
		}
		if left, _, _ := l.Left(t.Context(), a); left != 10 {
			t.Errorf("got %v left, want all 10", left)
		}
		if a := agrees(t, l); len(a.Open) != 0 {
			t.Errorf("%v is still open", a.Open)
		}
	})
}

// A thousand at once: no bit is lost or made.
func TestThousandParallelReservations(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		if strings.HasSuffix(t.Name(), "miniredis") {
			t.Skip("too slow an interpreter: the real server is tested")
		}
		a := crew("a", 1000*500, 1000*400, int64(tenbit.MaxBits))
		var mu sync.Mutex // guards what follows
		var granted, spent tenbit.Bits
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				h, err := l.Reserve(t.Context(), a, fmt.Sprint(i), bits(500))
				if err != nil && !errors.Is(err, tenbit.ErrOverBudget) {
					t.Error(err)
					return
				}
				mu.Lock()
				granted += h.Granted
				mu.Unlock()
				if h.Granted == 0 || i%2 == 0 {
					return
				}
				s := h.Granted / 3
				if err := l.Settle(t.Context(), h, bits(s)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				spent += s
				mu.Unlock()
			})
		}
		wg.Wait()
		audit := agrees(t, l)
		for _, acc := range audit.Accounts {
			if used := acc.Spent.Bits() + acc.Held.Bits(); used > 400_000 || acc.Spent.Bits() != spent {
				t.Errorf("%s: %v spent, %v held; want %v spent, at most 400 in all", acc.Name, acc.Spent.Bits(), acc.Held.Bits(), spent)
			}
		}
		if granted < 400_000 {
			t.Errorf("granted %v, want at least 400", granted)
		}
	})
}
