package test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/ledger"
	"tenbit/internal/redistest"
)

// holdTime is the hold of these tests: what is never settled is charged soon.
const holdTime = 5 * time.Second

// victim is an edge that is about to be killed, with a budget worth three answers.
type victim struct {
	*deployment
	kind  string // of the ledger
	price tenbit.Bits
	gate  func() // lets models answer
	redis *fake.Proxy
	book  ledger.Book // the same Redis, past the proxy
}

func newVictim(t *testing.T, kind string, price tenbit.Bits, local bool) *victim {
	t.Helper()
	gate := make(chan struct{})
	v := &victim{kind: kind, price: price, gate: sync.OnceFunc(func() { close(gate) })}
	gated := func(on bool, text string) func(fake.Received) fake.Behaviour {
		b := fake.Answers(text)
		if on {
			b.Gate = gate
		}
		return func(fake.Received) fake.Behaviour { return b }
	}
	v.deployment = deploy(t, gated(local, "It is dark."), gated(!local, story), func(edge, origin tree) {
		edge.set("ledger.kind", kind)
		edge.set("ledger.hold", holdTime.String())
		worth(t, edge, 3, price)
		bolt(t, origin)
		if kind == "bolt" {
			bolt(t, edge)
			return
		}
		s := redistest.Run(t, "--appendonly", "yes")
		v.redis = fake.NewProxy(t, s.Addr)
		edge.set("ledger.redis.addr", v.redis.Addr)
		edge.set("ledger.redis.timeout", "1m") // what is kept back is not away
		l := ledger.NewRedis(ledger.RedisOptions{Client: redis.NewClient(&redis.Options{Addr: s.Addr}), Timeout: time.Minute, Hold: holdTime})
		t.Cleanup(func() { l.Close() })
		v.book = l
	})
	t.Cleanup(v.gate)
	return v
}

// ask sends one question, whose answer nobody waits for.
func (v *victim) ask(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { // ends with the edge, or the test
		resp, err := v.send(ctx, http.MethodPost, "/chat/completions", fresh(open, false))
		if err == nil {
			resp.Body.Close()
		}
	}()
}

// books are what the tenant has spent and holds, by the ledger itself.
func (v *victim) books(t *testing.T) (spent, held tenbit.Bits) {
	t.Helper()
	if v.book == nil {
		return audit(t, v.Edge.Admin).of(t, "t:ship")
	}
	a, err := ledger.Audit(t.Context(), v.book)
	if err != nil || len(a.Problems) > 0 {
		t.Fatalf("audit: %v, %v", err, a.Problems)
	}
	for _, x := range a.Accounts {
		if x.Name == "t:ship" {
			return x.Spent.Bits(), x.Held.Bits()
		}
	}
	return 0, 0
}

// warm opens connections to Redis, so that the reservation needs no new one, whose
// greeting would be kept back.
func (v *victim) warm(t *testing.T) {
	t.Helper()
	v.eventually(t, "connections", func() bool {
		var many sync.WaitGroup
		for range 8 {
			many.Go(func() { v.left(t) })
		}
		many.Wait()
		return v.redis.Conns() >= 6
	})
}

func (v *victim) reserved(t *testing.T) {
	t.Helper()
	v.eventually(t, "the reservation", func() bool { _, held := v.books(t); return held > 0 })
}

func (v *victim) asked(t *testing.T) {
	t.Helper()
	v.eventually(t, "the large model being asked", func() bool { return len(v.Large.Seen()) > 0 })
}

// gone is what the origin's own ledger says has left.
func (v *victim) gone(t *testing.T) tenbit.Bits {
	t.Helper()
	spent, _ := audit(t, v.Origin.Admin).of(t, "t:edge-1")
	return spent
}

// phases are where a request can be when its edge is killed. Each brings it
// there, by what it waits for: a model, the link, Redis.
var phases = []struct {
	name, only string // of the ledger's kind, "": both
	local      bool   // the local model is the one that waits
	charged    int    // grants that the dead request has taken in the end
	reach      func(t *testing.T, v *victim)
}{
	{"before it reserves", "", true, 0, func(t *testing.T, v *victim) {
		v.ask(t)
		v.eventually(t, "the local model being asked", func() bool { return len(v.Local.Seen()) > 0 })
	}},
	{"it has reserved and does not know", "redis", false, 1, func(t *testing.T, v *victim) {
		v.warm(t)
		v.redis.Hold(false, true)
		v.ask(t)
		v.reserved(t)
	}},
	{"it has reserved, and waits for the link", "", false, 1, func(t *testing.T, v *victim) {
		v.Link.Hold(true, true) // no greeting comes back
		v.ask(t)
		v.reserved(t)
	}},
	{"it has asked", "", false, 1, func(t *testing.T, v *victim) {
		v.ask(t)
		v.asked(t)
	}},
	{"the reply has arrived", "", false, 1, func(t *testing.T, v *victim) {
		v.ask(t)
		v.asked(t)
		if err := v.Edge.cmd.Process.Signal(syscall.SIGSTOP); err != nil { // it lies in the socket
			t.Fatal(err)
		}
		_, before := v.Link.Bytes()
		v.gate()
		v.eventually(t, "the reply", func() bool { _, now := v.Link.Bytes(); return now > before && v.gone(t) > 0 })
	}},
	{"the settlement has left", "redis", false, 1, func(t *testing.T, v *victim) {
		v.ask(t)
		v.asked(t)
		v.redis.Hold(true, false)
		v.gate()
		v.eventually(t, "the settlement", func() bool { up, _ := v.redis.Held(); return strings.Contains(up, "settle") })
	}},
	{"it has settled and does not know", "redis", false, 1, func(t *testing.T, v *victim) {
		v.ask(t)
		v.asked(t)
		v.redis.Hold(false, true)
		v.gate()
		v.eventually(t, "the settlement", func() bool { spent, _ := v.books(t); return spent > 0 })
	}},
}

// TestKillNine kills an edge with kill -9 in each phase of a request and starts
// it again on the same ledger: what was set aside is settled, or charged in full
// when its hold ends; the sum never exceeds the budget, at the edge and at the
// origin, and the journal explains every bit.
func TestKillNine(t *testing.T) {
	price := wholeGrant(t)
	for _, kind := range []string{"bolt", "redis"} {
		for _, p := range phases {
			if p.only != "" && p.only != kind {
				continue
			}
			t.Run(kind+"/"+p.name, func(t *testing.T) {
				v := newVictim(t, kind, price, p.local)
				p.reach(t, v)
				v.Edge.kill(t)
				v.again(t)
				if spent, held := v.books(t); spent+held != tenbit.Bits(p.charged)*price {
					t.Errorf("after the crash: %v spent, %v held; want %d grants of %v", spent, held, p.charged, price)
				}
				v.exhaust(t, 3-p.charged)
				v.eventually(t, "the end of holds", func() bool { _, held := v.books(t); return held == 0 })
				spent, _ := audit(t, v.Edge.Admin).of(t, "t:ship") // by `gatewayd tenant audit`, which sums the journal up
				gone := v.gone(t)
				t.Logf("%v of %v bits are charged, %v have left the origin", spent, 3*price, gone)
				if spent != 3*price || gone > 3*price {
					t.Errorf("charged %v, left %v; want all of the budget of %v, and no more", spent, gone, 3*price)
				}
			})
		}
	}
}

// again starts the edge on the same ledger, with nothing kept back any more.
func (v *victim) again(t *testing.T) {
	t.Helper()
	v.gate()
	v.Link.Hold(false, false)
	if v.redis != nil {
		v.redis.Hold(false, false)
	}
	v.startEdge(t, v.edgeConfig)
}

// exhaust asks until nothing is left, and wants so many answers for it.
func (v *victim) exhaust(t *testing.T, want int) {
	t.Helper()
	bought := 0
	for range want + 3 {
		a := v.post(t, fresh(open, false))
		switch {
		case a.Meter.Bits == v.price && a.Text == story:
			bought++
		case a.Meter.Bits != 0 || a.Meter.Degraded != "over budget":
			t.Errorf("got %d, %+v; want the story for %v bits, or the draft", a.Status, a.Meter, v.price)
		}
	}
	if bought != want {
		t.Errorf("%d answers were bought, want %d", bought, want)
	}
}

// TestKillNineWhileTheFileIsWritten kills an edge under load while a thread of
// it writes the ledger's file or waits for the disk, again and again.
func TestKillNineWhileTheFileIsWritten(t *testing.T) {
	price := wholeGrant(t)
	const rounds, clients, budgetFor = 3, 8, 120
	d := deploy(t, says("It is dark."), says(story), func(edge, origin tree) {
		bolt(t, edge)
		bolt(t, origin)
		edge.set("ledger.hold", holdTime.String())
		worth(t, edge, budgetFor, price)
	})
	writing := 0
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var load sync.WaitGroup
		url, key := d.URL, d.Key
		for range clients {
			load.Go(func() { // ends with ctx, or the edge
				one := &deployment{URL: url, Key: key}
				for ctx.Err() == nil {
					resp, err := one.send(ctx, http.MethodPost, "/chat/completions", fresh(open, false))
					if err != nil {
						return
					}
					resp.Body.Close()
				}
			})
		}
		d.eventually(t, "load", func() bool { return len(d.Large.Seen()) > 0 })
		for range 5000 { // a fast disk may never be seen at work
			if writes(d.Edge.cmd.Process.Pid) {
				writing++
				break
			}
		}
		d.Edge.kill(t)
		cancel()
		load.Wait()
		d.startEdge(t, d.edgeConfig)
		audit(t, d.Edge.Admin)
	}
	for a := d.post(t, fresh(open, false)); a.Meter.Degraded != "over budget"; a = d.post(t, fresh(open, false)) {
		if a.Status != http.StatusOK {
			t.Fatalf("got %d, %.300s", a.Status, a.Body)
		}
	}
	d.eventually(t, "the end of holds", func() bool { return len(audit(t, d.Edge.Admin).Open) == 0 })
	spent, _ := audit(t, d.Edge.Admin).of(t, "t:ship")
	gone, _ := audit(t, d.Origin.Admin).of(t, "t:edge-1")
	t.Logf("killed %d times, %d of them in a write; %v of %v bits are charged, %v have left the origin, for %d asks", rounds, writing, spent, budgetFor*price, gone, len(d.Large.Seen()))
	if spent > budgetFor*price || gone > spent {
		t.Errorf("charged %v, left %v; want at most the budget of %v", spent, gone, budgetFor*price)
	}
}

// writes reports whether a thread of a process is in a system call that writes a
// file or waits for the disk.
func writes(pid int) bool {
	calls := map[string]map[string]bool{
		"amd64": {"18": true, "75": true, "74": true}, // pwrite64, fdatasync, fsync
		"arm64": {"68": true, "83": true, "82": true},
	}[runtime.GOARCH]
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, path := range tasks {
		b, _ := os.ReadFile(path)
		if number, _, _ := strings.Cut(string(b), " "); calls[number] {
			return true
		}
	}
	return false
}
