package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"tenbit"
	"tenbit/internal/redistest"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	goleak.VerifyTestMain(m)
}

type quiet struct{} // what a client of Redis says is in its errors, too

func (quiet) Printf(context.Context, string, ...any) {}

type store interface {
	Reserve(context.Context, tenbit.Tenant, string, tenbit.Amount) (tenbit.Hold, error)
	Settle(context.Context, tenbit.Hold, tenbit.Amount) error
	Reset(context.Context, ...string) error
	Ready(context.Context) error
	Book
	Left(context.Context, tenbit.Tenant) (tenbit.Bits, time.Time, error)
	Spent(context.Context, tenbit.TenantID) (tenbit.Bits, error)
	Close() error
}

// each runs a test over every ledger.
func each(t *testing.T, f func(t *testing.T, l store)) {
	for _, tt := range []struct {
		name string
		open func(t *testing.T) store
	}{
		{"memory", func(*testing.T) store { return &Memory{} }},
		{"bolt", func(t *testing.T) store {
			b, err := OpenBolt(filepath.Join(t.TempDir(), "ledger"), 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}},
		{"miniredis", func(t *testing.T) store { return at(miniredis.RunT(t).Addr()) }},
		{"redis", func(t *testing.T) store { return at(redistest.Start(t)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := tt.open(t)
			defer func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}()
			f(t, l)
		})
	}
}

// busy is a time-out that no busy machine reaches.
const busy = time.Minute

func at(addr string) *Redis {
	return NewRedis(RedisOptions{Timeout: busy, Client: redis.NewClient(patient(addr))})
}

func patient(addr string) *redis.Options {
	return &redis.Options{
		Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: busy, ReadTimeout: busy, WriteTimeout: busy, PoolTimeout: busy,
	}
}

// tenant has a window so long that no test sees it end.
func tenant(id tenbit.TenantID, limit tenbit.Bits) tenbit.Tenant {
	return tenbit.Tenant{ID: id, MaxRequest: limit, Windows: []tenbit.Window{{Limit: int64(limit), Per: 100000 * time.Hour}}}
}

func bits[N int | int64 | tenbit.Bits](n N) tenbit.Amount {
	return tenbit.Amount{tenbit.UnitBits: int64(n)}
}

// agrees sees that the journal explains every balance.
func agrees(t interface {
	Helper()
	Errorf(string, ...any)
}, l Book,
) Audited {
	t.Helper()
	a, err := Audit(context.Background(), l)
	if err != nil || len(a.Problems) > 0 {
		t.Errorf("audit: %v, problems:\n%s", err, strings.Join(a.Problems, "\n"))
	}
	return a
}

func TestReserve(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a := tenant("a", 10)
		h, err := l.Reserve(t.Context(), a, "1", bits(4))
		if err != nil || h.Granted != 4 {
			t.Fatalf("reserve 4 of 10: got %v, %v", h.Granted, err)
		}
		again, err := l.Reserve(t.Context(), a, "1", bits(4))
		if err != nil || again.Granted != 4 {
			t.Errorf("the same id again: got %v, %v; want the same hold", again.Granted, err)
		}
		rest, err := l.Reserve(t.Context(), a, "2", bits(9))
		if err != nil || rest.Granted != 6 {
			t.Errorf("reserve 9 of 6: got %v, %v; want what is left", rest.Granted, err)
		}
		if _, err := l.Reserve(t.Context(), a, "3", bits(1)); !errors.Is(err, tenbit.ErrOverBudget) {
			t.Errorf("reserve 1 of 0: got %v, want %v", err, tenbit.ErrOverBudget)
		}
		if h, err := l.Reserve(t.Context(), tenant("b", 10), "1", bits(3)); err != nil || h.Granted != 3 {
			t.Errorf("another tenant, same id: got %v, %v; want 3", h.Granted, err)
		}
		if _, err := l.Reserve(t.Context(), tenbit.Tenant{ID: "c", MaxRequest: 5}, "1", bits(3)); !errors.Is(err, tenbit.ErrOverBudget) {
			t.Errorf("no window: got %v, want %v", err, tenbit.ErrOverBudget)
		}
	})
}

func TestSettle(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a := tenant("{a}:b", 10)
		h, err := l.Reserve(t.Context(), a, "1", bits(10))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.Settle(t.Context(), h, bits(3)); err != nil {
				t.Errorf("settle: %v", err)
			}
		}
		check(t, l, a, 7, 3)
		h, err = l.Reserve(t.Context(), a, "2", bits(2))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Settle(t.Context(), h, bits(5)); err == nil {
			t.Error("settle 5 of 2: no error")
		}
		check(t, l, a, 5, 5)
		if err := l.Settle(t.Context(), tenbit.Hold{ID: "unknown", Tenant: a.ID}, bits(1)); err == nil {
			t.Error("settle an unknown hold: no error")
		}
	})
}

func check(t *testing.T, l store, a tenbit.Tenant, left, spent tenbit.Bits) {
	t.Helper()
	gotLeft, _, err1 := l.Left(t.Context(), a)
	gotSpent, err2 := l.Spent(t.Context(), a.ID)
	if gotLeft != left || gotSpent != spent || err1 != nil || err2 != nil {
		t.Errorf("got %v left, %v spent (%v, %v); want %v, %v", gotLeft, gotSpent, err1, err2, left, spent)
	}
}

// A budget holds under any concurrency: 60 at once against a limit of ten.
func TestCeiling(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		a := tenant("a", 1000)
		a.MaxRequest = 100
		var granted atomic.Int64
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				h, err := l.Reserve(t.Context(), a, fmt.Sprint(i), bits(100))
				if err == nil {
					granted.Add(int64(h.Granted))
				} else if !errors.Is(err, tenbit.ErrOverBudget) && !errors.Is(err, tenbit.ErrLedgerDown) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := granted.Load(); got > 1000 || got == 0 {
			t.Errorf("granted %d of 1000", got)
		}
	})
}

// Random steps agree with a sum kept aside.
func TestRandomSteps(t *testing.T) {
	each(t, func(t *testing.T, l store) {
		seed := uint64(time.Now().UnixNano())
		rng := rand.New(rand.NewPCG(seed, 1))
		a := tenant("a", 5000)
		var open []tenbit.Hold
		var held, spent tenbit.Bits
		for i := range 200 {
			if len(open) > 0 && rng.IntN(2) == 0 {
				h := open[len(open)-1]
				open = open[:len(open)-1]
				s := tenbit.Bits(rng.Int64N(int64(h.Granted) + 1))
				if err := l.Settle(t.Context(), h, bits(s)); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, i, err)
				}
				held, spent = held-h.Granted, spent+s
				continue
			}
			want := tenbit.Bits(1 + rng.Int64N(300))
			h, err := l.Reserve(t.Context(), a, fmt.Sprint(i), bits(want))
			if grant := min(want, 5000-held-spent); grant > 0 && (err != nil || h.Granted != grant) || grant <= 0 && err == nil {
				t.Fatalf("seed %d, step %d: reserve %v: got %v, %v; want %v", seed, i, want, h.Granted, err, grant)
			}
			if err == nil {
				open, held = append(open, h), held+h.Granted
			}
		}
		check(t, l, a, 5000-held-spent, spent)
		agrees(t, l)
	})
}

// What was acknowledged is there after a restart, and an open hold still counts.
func TestBoltRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	a := tenant("a", 10)
	b, err := OpenBolt(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	h, err := b.Reserve(t.Context(), a, "1", bits(4))
	if err == nil {
		err = b.Settle(t.Context(), h, bits(1))
	}
	if err == nil {
		_, err = b.Reserve(t.Context(), a, "2", bits(5))
	}
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	if b, err = OpenBolt(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	check(t, b, a, 4, 1)
}

// A ledger that is closed says so, also where a hold has expired since.
func TestClosed(t *testing.T) {
	open := map[string]func(t *testing.T) store{
		"bolt": func(t *testing.T) store {
			b, err := OpenBolt(filepath.Join(t.TempDir(), "ledger"), 0, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		"redis": func(*testing.T) store {
			return NewRedis(RedisOptions{Client: redis.NewClient(&redis.Options{Dialer: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("nobody is there")
			}})})
		},
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, a := open(t), tenant("a", 10)
				_, _ = l.Reserve(t.Context(), a, "1", bits(4)) // where it can
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour) // synctest's clock
				down := func(what string, err error) {
					t.Helper()
					if !errors.Is(err, tenbit.ErrLedgerDown) {
						t.Errorf("%s: got %v, want %v", what, err, tenbit.ErrLedgerDown)
					}
				}
				_, _, err := l.Left(t.Context(), a)
				down("left", err)
				_, err = l.Spent(t.Context(), a.ID)
				down("spent", err)
				_, err = l.Reserve(t.Context(), a, "2", bits(4))
				down("reserve", err)
				down("settle", l.Settle(t.Context(), tenbit.Hold{ID: "1", Tenant: a.ID, Granted: 4}, bits(1)))
				down("reset", l.Reset(t.Context(), AccountOf(a.ID)))
				down("ready", l.Ready(t.Context()))
				_, err = l.State(t.Context())
				down("state", err)
			})
		})
	}
}

// An expired hold is charged in full, and a settlement that comes later fails.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		who := tenant("a", 10)
		h, err := m.Reserve(t.Context(), who, "1", bits(4))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(HoldFor)
		if err := m.Settle(t.Context(), h, bits(1)); err == nil {
			t.Error("settle after the hold's end: no error")
		}
		check(t, &m, who, 6, 4)
		agrees(t, &m)
	})
}

// A slot's end gives the budget back, but never a hold of an earlier slot.
func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		who := tenbit.Tenant{ID: "a", MaxRequest: 10, Windows: []tenbit.Window{{Limit: 10, Per: time.Minute}, {Limit: 15, Per: 1000 * time.Hour}}}
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		first, err := m.Reserve(t.Context(), who, "1", bits(10))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		h, err := m.Reserve(t.Context(), who, "2", bits(10))
		if err != nil || h.Granted != 5 {
			t.Errorf("in the next minute: got %v, %v; want the long window's 5", h.Granted, err)
		}
		if err := m.Settle(t.Context(), first, bits(0)); err != nil {
			t.Fatal(err)
		}
		left, at, _ := m.Left(t.Context(), who)
		if left != 5 {
			t.Errorf("after a release in an earlier minute: got %v left, want 5: the minute's own", left)
		}
		if want := time.Now().Truncate(time.Minute).Add(time.Minute); !at.Equal(want) {
			t.Errorf("refill: got %v, want %v", at, want)
		}
		agrees(t, &m)
	})
}

// A server that is away closes the ledger; it does not hang it.
func TestRedisAway(t *testing.T) {
	m := miniredis.RunT(t)
	l := at(m.Addr())
	defer l.Close()
	m.Close()
	if _, err := l.Reserve(t.Context(), tenant("a", 10), "1", bits(1)); !errors.Is(err, tenbit.ErrLedgerDown) {
		t.Errorf("got %v, want %v", err, tenbit.ErrLedgerDown)
	}
}

// A server that is away for a moment does not cost the whole hold.
func TestRedisSettlesWhenItIsBack(t *testing.T) {
	m := miniredis.RunT(t)
	l := at(m.Addr())
	defer l.Close()
	a := tenant("a", 10)
	h, err := l.Reserve(t.Context(), a, "1", bits(10))
	if err != nil {
		t.Fatal(err)
	}
	m.SetError("LOADING away for a moment")
	if err := l.Settle(t.Context(), h, bits(3)); err == nil {
		t.Error("settled without a server")
	}
	m.SetError("")
	l.pending.Wait()
	check(t, l, a, 7, 3)
	agrees(t, l)
}
