package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit"
)

func TestMeterNeverOwesAtRest(t *testing.T) {
	m := &meter{}
	a, b, c := &wire{}, &wire{}, &wire{}
	m.count(100, 50) // handshake
	m.count(0, 70)   // a's frame of 30, read together with 40 of b's
	m.give(a, 0, 30)
	got := m.finish(a)
	if want := (tenbit.Cost{WireUp: 100, WireDown: 120}); got != want {
		t.Errorf("a: got %v, want %v", got, want)
	}
	m.give(b, 0, 25)
	m.give(c, 0, 15)
	sum := got.Add(m.finish(b)).Add(m.finish(c))
	if want := (tenbit.Cost{WireUp: 100, WireDown: 120}); sum != want {
		t.Errorf("sum: got %v, want %v", sum, want)
	}
	m.give(b, 1, 1) // too late
	m.count(1, 1)
	if got, want := m.finish(&wire{}), (tenbit.Cost{WireUp: 1, WireDown: 1}); got != want {
		t.Errorf("the rest: got %v, want %v", got, want)
	}
}

// words is an origin that streams a reply in pieces.
func words() *echo {
	return &echo{say: func(_ context.Context, a tenbit.Ask, write func(string) error) error {
		for range 30 {
			if err := write(a.Request.Question() + " has its answer, 42. "); err != nil {
				return err
			}
		}
		return nil
	}}
}

// TestWireIsWhatTheProxySaw compares the sum of all costs with a proxy's count.
func TestWireIsWhatTheProxySaw(t *testing.T) {
	o := newOrigin(t, words(), func(c *ServerConfig) { c.Coalesce = time.Millisecond })
	secure := httptest.NewTLSServer(o.Server)
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for _, tt := range []struct {
		name  string
		url   string
		tls   *tls.Config
		width int // requests at a time
		cuts  bool
	}{
		{"plain, one by one", o.url, nil, 1, false},
		{"plain, twelve at once", o.url, nil, 12, false},
		{"plain, some cancelled", o.url, nil, 12, true},
		{"TLS, one by one", "wss" + strings.TrimPrefix(secure.URL, "https"), &tls.Config{RootCAs: roots}, 1, false},
		{"TLS, twelve at once", "wss" + strings.TrimPrefix(secure.URL, "https"), &tls.Config{RootCAs: roots}, 12, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProxy(t, tt.url)
			c := newClient(t, p.url, func(c *ClientConfig) { c.TLS = tt.tls })
			var mu sync.Mutex
			var sum tenbit.Cost
			for round := range 3 {
				var wg sync.WaitGroup
				for i := range tt.width {
					wg.Go(func() {
						a := newAsk(t, testID(len(tt.name)<<16+round<<8+i), strings.Repeat("word ", i)+"?")
						a.Limit = 1 << 30
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						if tt.cuts && i%3 == 0 {
							a.Sink = func(string) error { cancel(); return nil }
						}
						reply, err := c.Escalate(ctx, a)
						if err != nil && !(tt.cuts && i%3 == 0) {
							t.Error(err)
						}
						if reply.Cost.WireUp < 0 || reply.Cost.WireDown < 0 {
							t.Errorf("got %v", reply.Cost)
						}
						mu.Lock()
						sum = sum.Add(reply.Cost)
						mu.Unlock()
					})
				}
				wg.Wait()
			}
			// What the origin still sent for cancelled requests belongs to the next one.
			if tt.cuts {
				waitUntil(t, func() bool { return c.idle() })
				last, err := c.Escalate(t.Context(), newAsk(t, testID(1<<24), "?"))
				if err != nil && !strings.Contains(err.Error(), "limit") {
					t.Error(err)
				}
				sum = sum.Add(last.Cost)
			}
			up, down := c.Wire()
			if sum.WireUp != up || sum.WireDown != down {
				t.Errorf("costs sum to %d up, %d down; the client counted %d, %d", sum.WireUp, sum.WireDown, up, down)
			}
			waitUntil(t, func() bool { return p.up.Load() == up && p.down.Load() == down })
			t.Logf("%d requests: %d up, %d down", 3*tt.width, up, down)
		})
	}
}

// idle reports whether the client's connection has no stream open.
func (c *Client) idle() bool {
	c.mu.Lock()
	s := c.now
	c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams) == 0
}

// waitUntil waits for what another goroutine brings about, ten seconds at most.
func waitUntil(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it doesn't come about within ten seconds")
		}
	}
}

// TestWireOfOne holds the numbers of a request on a warm connection to its frames.
func TestWireOfOne(t *testing.T) {
	o := newOrigin(t, &echo{say: answer("four")}, nil)
	c := newClient(t, o.url, nil)
	if _, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Two and two?")); err != nil {
		t.Fatal(err)
	}
	up, down := c.Wire()
	a := newAsk(t, testID(2), "Two and two?")
	got, err := c.Escalate(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	fr, err := packAsk(a, kit{model: c.cfg.Model})
	if err != nil {
		t.Fatal(err)
	}
	fr.stream, fr.number, fr.repeat = 1, 2, 1 // as the connection's shorthand says it
	if want := messageSize(len(fr.append(nil)), true); got.Cost.WireUp != want {
		t.Errorf("got %d up, want %d", got.Cost.WireUp, want)
	}
	up2, down2 := c.Wire()
	if got.Cost.WireUp != up2-up || got.Cost.WireDown != down2-down || got.Cost.WireDown > 40 {
		t.Errorf("got %v; the connection carried %d, %d", got.Cost, up2-up, down2-down)
	}
	t.Logf("a short answer on a warm connection: %d bytes up, %d down, %v bits", got.Cost.WireUp, got.Cost.WireDown, got.Cost.Bits)
}
