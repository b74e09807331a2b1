package test

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/redistest"
)

// TestKillNineSpendsNothingTwice kills the edge while a reply is under way and
// starts it again on the same ledger file: what was set aside stays spent, so
// the window's limit holds across the crash.
func TestKillNineSpendsNothingTwice(t *testing.T) {
	const window, request = 5000, 4000 // bits
	large, goOn := stoppable(story + story)
	d := deploy(t, says("It is dark."), func(r fake.Received) fake.Behaviour {
		if r.N == 0 {
			return large
		}
		return fake.Answers(story)
	}, func(edge, _ tree) {
		bolt(t, edge)
		setWindow(edge, window, request)
	})
	defer goOn()
	ctx := t.Context()
	gone := make(chan struct{})
	text := make(chan struct{})
	go func() { // ends with the edge
		defer close(gone)
		resp, err := d.send(ctx, http.MethodPost, "/chat/completions", fresh(open, true))
		if err == nil {
			defer resp.Body.Close()
			awaitText(resp.Body, text) //nolint:errcheck // the edge is killed
		}
	}()
	await(t, "the first text", text)
	d.Edge.kill(t)
	await(t, "the request's end", gone)

	began := time.Now()
	d.startEdge(t, d.edgeConfig)
	if left := d.left(t); left > (window-request)*tenbit.Bit {
		t.Errorf("after the crash %v bits are left, want at most %v", left, (window-request)*tenbit.Bit)
	}
	t.Logf("the edge answered again %v after it was killed", time.Since(began))
	var spent tenbit.Bits
	for range 5 {
		a := d.post(t, fresh(open, false))
		if a.Status != http.StatusOK {
			t.Fatalf("got %d, %.300s", a.Status, a.Body)
		}
		spent += a.Meter.Bits
	}
	a := audit(t, d.Edge.Admin) // which sees that the journal explains every bit
	if total, held := a.of(t, "t:ship"); total != spent || held != request*tenbit.Bit || len(a.Open) != 1 {
		t.Errorf("the journal says %v spent, %v held by %d; want %v spent after the crash and the grant before it held", total, held, len(a.Open), spent)
	}
	if spent > (window-request)*tenbit.Bit {
		t.Errorf("%v bits were sold after the crash, want at most %v", spent, (window-request)*tenbit.Bit)
	}
}

// TestABudgetHoldsUnderConcurrency asks sixty times at once with a budget for a
// few answers.
func TestABudgetHoldsUnderConcurrency(t *testing.T) {
	const window, request = 3000, 1000 // bits
	for _, kind := range []string{"memory", "bolt", "redis"} {
		t.Run(kind, func(t *testing.T) {
			d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
				edge.set("ledger.kind", kind)
				switch kind {
				case "bolt":
					bolt(t, edge)
				case "redis":
					edge.set("ledger.redis.addr", redistest.Start(t))
				}
				setWindow(edge, window, request)
			})
			answers := make(chan answer)
			for range 60 {
				go func() { answers <- d.post(t, fresh(open, false)) }()
			}
			var sum tenbit.Bits
			bought := 0
			for range 60 {
				a := await(t, "an answer", answers)
				if a.Status != http.StatusOK {
					t.Errorf("got %d, %.300s", a.Status, a.Body)
				}
				if sum += a.Meter.Bits; a.Meter.Bits > 0 {
					bought++
				} else if a.Meter.Degraded == "" {
					t.Errorf("a local answer is not marked: %+v", a.Meter)
				}
			}
			t.Logf("%d of 60 answers were bought, for %v of %v bits", bought, sum, window*tenbit.Bit)
			if bought == 0 || sum > window*tenbit.Bit {
				t.Errorf("%d answers bought for %v bits, want some, and at most %v", bought, sum, window*tenbit.Bit)
			}
			if left := d.left(t); left != window*tenbit.Bit-sum {
				t.Errorf("%v bits are left, want %v", left, window*tenbit.Bit-sum)
			}
		})
	}
}

// TestASignalDrains: a request under way ends well, new ones are refused,
// /readyz says why, and the exit status is 0.
func TestASignalDrains(t *testing.T) {
	large, goOn := stoppable(story + story)
	d := deploy(t, says("It is dark."), func(fake.Received) fake.Behaviour { return large }, nil)
	defer goOn()
	answers := make(chan answer, 1)
	go func() { answers <- d.post(t, fresh(open, true)) }()
	d.eventually(t, "the large model being asked", func() bool { return len(d.Large.Seen()) > 0 })
	if err := d.Edge.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, "the listener's end", func() bool {
		c, err := net.Dial("tcp", d.Edge.Addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if r := ready(t, d.Edge.Admin); r.Status != http.StatusServiceUnavailable || !strings.Contains(r.Text, "edge: draining") {
		t.Errorf("/readyz: got %+v, want that it drains", r)
	}
	goOn()
	if a := await(t, "the answer", answers); a.Text != story+story {
		t.Errorf("got %d, %+v, %.300s; want the whole answer", a.Status, a.Meter, a.Body)
	}
	await(t, "the edge's end", d.Edge.done)
	if code := d.Edge.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status: got %d, want 0", code)
	}
}
