package ledger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/internal/redistest"
)

// pair is a server and its replica, behind one address that moves at failover.
type pair struct {
	master, replica *redistest.Server
	at              atomic.Pointer[string]
	ledger          *Redis
}

func newPair(t *testing.T, o RedisOptions) *pair {
	t.Helper()
	p := &pair{master: redistest.Run(t, "--repl-diskless-sync-delay", "0"), replica: redistest.Run(t)}
	p.at.Store(&p.master.Addr)
	host, port, _ := net.SplitHostPort(p.master.Addr)
	p.do(t, p.replica.Addr, "REPLICAOF", host, port)
	p.await(t, "the replica", func() bool {
		return strings.Contains(p.do(t, p.replica.Addr, "INFO", "replication"), "master_link_status:up")
	})
	options := patient("")
	options.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, *p.at.Load())
	}
	o.Client, o.Timeout = redis.NewClient(options), busy
	p.ledger = NewRedis(o)
	t.Cleanup(func() { p.ledger.Close() })
	return p
}

// fail ends the server and lets the replica take its place.
func (p *pair) fail(t *testing.T) {
	t.Helper()
	p.master.Kill()
	p.do(t, p.replica.Addr, "REPLICAOF", "NO", "ONE")
	p.at.Store(&p.replica.Addr)
}

func (p *pair) do(t *testing.T, addr string, args ...any) string {
	t.Helper()
	c := redis.NewClient(patient(addr))
	defer c.Close()
	out, err := c.Do(t.Context(), args...).Result()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return fmt.Sprint(out)
}

func (p *pair) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !so(); time.Sleep(20 * time.Millisecond) { // servers of their own tell nobody
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// With replicas that acknowledge, a failover in the middle of a thousand
// reservations loses none of those that were granted.
func TestWaitLosesNothing(t *testing.T) {
	p := newPair(t, RedisOptions{Replicas: 1})
	p.ledger.Timeout = 2 * time.Second // half of which WAIT waits where there is no replica any more
	a := crew("a", 1<<40, 1<<40, 1<<40)
	var mu sync.Mutex // guards granted
	granted := map[string]tenbit.Bits{}
	var tries atomic.Int64
	var running sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		running.Go(func() { // until the failover
			for {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprint(tries.Add(1))
				h, err := p.ledger.Reserve(t.Context(), a, id, bits(10))
				if err != nil {
					continue
				}
				mu.Lock()
				granted[id] = h.Granted
				mu.Unlock()
			}
		})
	}
	p.await(t, "a few hundred reservations", func() bool { return tries.Load() > 300 })
	p.fail(t)
	close(stop)
	running.Wait()
	p.await(t, "the client's return", func() bool { // it rests a second after many refused connections
		_, err := Audit(t.Context(), p.ledger)
		return err == nil
	})
	agrees(t, p.ledger)
	s, err := p.ledger.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for id, n := range granted {
		if got := s.Open["a/"+id].Amount.Bits(); got != n {
			t.Errorf("reservation %s: the replica has %v, %v was granted", id, got, n)
		}
	}
	t.Logf("%d reservations granted before and during the failover, all on the replica", len(granted))
}

// Without a replica that acknowledges, nothing is reserved, and the reason is said.
func TestWaitWithoutReplicas(t *testing.T) {
	p := newPair(t, RedisOptions{Replicas: 1})
	a := tenant("a", 100)
	if _, err := p.ledger.Reserve(t.Context(), a, "1", bits(40)); err != nil {
		t.Fatal(err)
	}
	p.replica.Kill()
	p.ledger.Timeout = time.Second // half of which WAIT waits
	_, err := p.ledger.Reserve(t.Context(), a, "2", bits(40))
	if !errors.Is(err, tenbit.ErrLedgerDown) || !strings.Contains(err.Error(), "replicas acknowledged") {
		t.Fatalf("got %v, want too few acknowledgements", err)
	}
	p.await(t, "its release", func() bool { left, _, err := p.ledger.Left(t.Context(), a); return err == nil && left == 60 })
	if _, err := p.ledger.Reserve(t.Context(), a, "2", bits(40)); err == nil {
		t.Error("what was released is reserved again under its id")
	}
	agrees(t, p.ledger)
}

// A replica that had not heard of everything takes over: for the lifetime of a
// hold nobody reserves, then the budget goes on with what the replica knew.
func TestFailoverFreezesForAHold(t *testing.T) {
	const hold = 2 * time.Second
	p := newPair(t, RedisOptions{Hold: hold})
	a := tenant("a", 100)
	known, err := p.ledger.Reserve(t.Context(), a, "known", bits(10))
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "the replica's copy", func() bool { return p.do(t, p.replica.Addr, "EXISTS", keys[3]) == "1" })
	p.do(t, p.replica.Addr, "REPLICAOF", "NO", "ONE") // from here on it hears nothing
	if _, err := p.ledger.Reserve(t.Context(), a, "lost", bits(30)); err != nil {
		t.Fatal(err)
	}
	p.fail(t)
	tried := 0
	p.await(t, "the freeze's end", func() bool {
		_, err := p.ledger.Reserve(t.Context(), a, fmt.Sprint("later", tried), bits(20))
		tried++
		if err != nil && !errors.Is(err, tenbit.ErrLedgerDown) {
			t.Errorf("got %v, want a frozen ledger", err)
		}
		return err == nil
	})
	if err := p.ledger.Settle(t.Context(), known, bits(1)); err == nil {
		t.Error("a hold of before the freeze can still be settled")
	}
	s, err := p.ledger.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var until int64
	err = p.ledger.Journal(t.Context(), s.End, func(e Entry) error {
		switch {
		case e.Op == OpLost:
			until = max(until, e.Until)
			if e.Until < e.At+hold.Milliseconds() {
				t.Errorf("frozen for %d ms only", e.Until-e.At)
			}
		case e.Op == OpReserve && e.At < until:
			t.Errorf("reserved at %d, frozen until %d", e.At, until)
		}
		return nil
	})
	if err != nil || until == 0 || tried < 2 {
		t.Errorf("got %v, frozen until %d, %d tries", err, until, tried)
	}
	if spent, _ := p.ledger.Spent(t.Context(), "a"); spent != 10 {
		t.Errorf("%v spent; want the 0.010 of the hold that expired meanwhile", spent)
	}
	agrees(t, p.ledger)
}
