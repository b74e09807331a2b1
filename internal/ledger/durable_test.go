package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/internal/redistest"
)

// A server that has lost acknowledged entries freezes reservations for all who
// use it: what was reserved there may be under way.
func TestLostEntriesFreeze(t *testing.T) {
	addr := redistest.Start(t)
	one, other := at(addr), at(addr)
	defer one.Close()
	defer other.Close()
	a := tenant("a", 100)
	if _, err := one.Reserve(t.Context(), a, "1", bits(40)); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	// As after a failover: an older state, on which others already write.
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Reserve(t.Context(), a, "2", bits(40)); err != nil {
		t.Fatal(err)
	}
	for i, l := range []*Redis{one, other} { // who knows comes first
		name := []string{"who knows", "another"}[i]
		if _, err := l.Reserve(t.Context(), a, "3", bits(40)); !errors.Is(err, tenbit.ErrLedgerDown) || !strings.Contains(err.Error(), "lost") {
			t.Errorf("%s: got %v, want a frozen ledger", name, err)
		}
		if err := l.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "lost") {
			t.Errorf("%s: ready: got %v", name, err)
		}
	}
	agrees(t, one)
}

// An entry of another under the same id does not stand for the one that is gone.
func TestLostEntriesAreToldByTheirHold(t *testing.T) {
	addr := redistest.Start(t)
	l := at(addr)
	defer l.Close()
	if _, err := l.Reserve(t.Context(), tenant("a", 100), "1", bits(40)); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(patient(addr))
	defer c.Close()
	id := l.last
	if err := c.Del(t.Context(), keys[3]).Err(); err != nil {
		t.Fatal(err)
	}
	line := Entry{Op: OpSettle, At: 1, ID: "a/2", Accounts: []string{"t:a"}}.String()
	if err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: keys[3], ID: fmt.Sprintf("%d-%d", id.ms, id.seq), Values: []string{"e", line}}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("got %v, want a frozen ledger", err)
	}
}

// A hold that is never settled is charged in full on a real server, too, however
// often that is looked at meanwhile.
func TestRedisHoldsExpire(t *testing.T) {
	addr := redistest.Start(t)
	l := NewRedis(RedisOptions{Client: redis.NewClient(patient(addr)), Timeout: busy, Hold: time.Second})
	defer l.Close()
	a := crew("a", 100, 100, 100)
	h, err := l.Reserve(t.Context(), a, "1", bits(40))
	if err != nil {
		t.Fatal(err)
	}
	for audit := agrees(t, l); len(audit.Open) > 0; audit = agrees(t, l) {
		if t.Context().Err() != nil {
			t.Fatal("it does not expire")
		}
	}
	check(t, l, a, 60, 40)
	if err := l.Settle(t.Context(), h, bits(1)); err == nil {
		t.Error("settled after its end")
	}
	if audit := agrees(t, l); audit.Accounts[0].Expired.Bits() != 40 {
		t.Errorf("got %+v, want 0.040 expired", audit.Accounts[0])
	}
}

// A journal that keeps entries for longer than there has been a clock keeps all.
func TestRedisJournalForever(t *testing.T) {
	addr := redistest.Start(t)
	l := NewRedis(RedisOptions{Client: redis.NewClient(patient(addr)), Timeout: busy, Keep: 100 * 365 * 24 * time.Hour})
	defer l.Close()
	a := tenant("a", 10)
	h, err := l.Reserve(t.Context(), a, "1", bits(4))
	if err == nil {
		err = l.Settle(t.Context(), h, bits(1))
	}
	if err := errors.Join(err, l.Ready(t.Context())); err != nil { // tidies up
		t.Fatal(err)
	}
	if audit := agrees(t, l); audit.Entries != 2 {
		t.Errorf("got %d entries, want 2", audit.Entries)
	}
}

// A server without AOF is flagged, one with it is not.
func TestDurable(t *testing.T) {
	addr := redistest.Start(t)
	l := at(addr)
	defer l.Close()
	if flaw, err := l.Durable(t.Context()); err != nil || !strings.Contains(flaw, "append-only") {
		t.Errorf("got %q, %v; want a flaw", flaw, err)
	}
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	if err := c.ConfigSet(t.Context(), "appendonly", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	if flaw, err := l.Durable(t.Context()); err != nil || flaw != "" {
		t.Errorf("with AOF: got %q, %v", flaw, err)
	}
}

// A file goes on after a checkpoint, with old entries summed up.
func TestBoltCheckpointAndTrim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	b, err := OpenBolt(path, time.Millisecond, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := tenant("a", 1<<40)
	for i := range 300 {
		h, err := b.Reserve(t.Context(), a, fmt.Sprint(i), bits(10))
		if err == nil && i != 7 {
			err = b.Settle(t.Context(), h, bits(4))
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%100 == 50 {
			b.mu.Lock()
			b.points = pointEvery
			b.mu.Unlock()
		}
	}
	audit := agrees(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err = OpenBolt(path, time.Millisecond, 0); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	again := agrees(t, b)
	if got := again.Accounts[0]; got.Spent.Bits() != 299*4 || again.Since.IsZero() || again.Entries >= 599 || audit.Accounts[0].Spent != got.Spent || len(again.Open) != 1 {
		t.Errorf("got %+v, %d entries since %v, open %v", got, again.Entries, again.Since, again.Open)
	}
}

// settleOnce is what one request takes of a ledger.
func settleOnce(ctx context.Context, l store, a tenbit.Tenant, id string) error {
	h, err := l.Reserve(ctx, a, id, tenbit.Amount{100, 1, 1000, 0})
	if err != nil {
		return err
	}
	return l.Settle(ctx, h, tenbit.Amount{40, 1, 300, 0})
}

// BenchmarkSettled measures reserve and settle, one after the other and many at
// once: settled requests a second, and the median of one.
func BenchmarkSettled(b *testing.B) {
	opens := map[string]func() store{
		"memory": func() store { return &Memory{} },
		"bolt": func() store {
			l, err := OpenBolt(filepath.Join(b.TempDir(), "ledger"), 0, 0)
			if err != nil {
				b.Fatal(err)
			}
			return l
		},
		"redis": func() store { return at(redistest.Start(b)) },
	}
	a := crew("a", 1<<49, 1<<49, 1<<49)
	for _, name := range []string{"memory", "bolt", "redis"} {
		b.Run(name+"/one", func(b *testing.B) {
			l := opens[name]()
			defer l.Close()
			took := make([]time.Duration, 0, 1<<16)
			n := 0
			for b.Loop() {
				n++
				began := time.Now()
				if err := settleOnce(b.Context(), l, a, fmt.Sprint(n)); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			b.ReportMetric(float64(median(took).Nanoseconds())/1000, "p50-µs")
		})
		b.Run(name+"/many", func(b *testing.B) {
			l := opens[name]()
			defer l.Close()
			var n atomic.Int64
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := settleOnce(b.Context(), l, a, fmt.Sprint(n.Add(1))); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "settled/s")
		})
	}
}

// BenchmarkRedisCost measures reserve and settle beside what two round trips
// cost anyway, as PING and as a script that does nothing, in turn: on a busy
// machine only the ratios mean something.
func BenchmarkRedisCost(b *testing.B) {
	addr := redistest.Start(b)
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	l := at(addr)
	defer l.Close()
	a, empty := crew("a", 1<<49, 1<<49, 1<<49), redis.NewScript("return {'ok', '0', '0', '', ''}")
	twice := func(f func() error) error { return errors.Join(f(), f()) }
	n := 0
	kinds := []struct {
		name string
		do   func() error
		took []time.Duration
	}{
		{"settled", func() error { n++; return settleOnce(b.Context(), l, a, fmt.Sprint(n)) }, nil},
		{"noop", func() error {
			return twice(func() error { return empty.Run(b.Context(), c, keys, "reserve", "t/1").Err() })
		}, nil},
		{"ping", func() error { return twice(func() error { return c.Ping(b.Context()).Err() }) }, nil},
	}
	for b.Loop() {
		for i := range kinds {
			began := time.Now()
			if err := kinds[i].do(); err != nil {
				b.Fatal(err)
			}
			kinds[i].took = append(kinds[i].took, time.Since(began))
		}
	}
	base := float64(median(kinds[2].took))
	for _, k := range kinds {
		mid := float64(median(k.took))
		b.ReportMetric(mid/1000, k.name+"-p50-µs")
		b.ReportMetric(mid/base, k.name+"/ping")
	}
	b.ReportMetric(0, "ns/op") // of all together: says nothing
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
