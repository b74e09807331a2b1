package link

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tenbit"
)

// TestCutEverywhere cuts the first connection after every number of bytes, in
// both directions. Either the connection didn't come about and nothing was
// spent, or the reply is bought once and arrives whole.
func TestCutEverywhere(t *testing.T) {
	text := strings.Repeat("Forty-two is 6 times 7. ", 8)
	h := &echo{say: func(_ context.Context, _ tenbit.Ask, write func(string) error) error {
		for s := range strings.SplitAfterSeq(text, ". ") {
			if err := write(s); err != nil {
				return err
			}
		}
		return nil
	}}
	led := &ledger{left: 1 << 40}
	o := newOrigin(t, h, func(s *ServerConfig) {
		s.Coalesce, s.CoalesceBytes, s.Ledger = time.Millisecond, 4, led
	})
	p := newProxy(t, o.url)
	step := 1
	if testing.Short() {
		step = 7
	}
	n := 0
	for _, up := range []bool{true, false} {
		whole, failed := 0, 0
		for k := 0; k < 420; k += step {
			n++
			if up {
				p.cutUp.Store(int64(k))
			} else {
				p.cutDown.Store(int64(k))
			}
			c := newClient(t, p.url, func(c *ClientConfig) { c.ResumeTimeout = 2 * time.Second })
			before, bought := h.count(), led.spent()
			a := newAsk(t, testID(n), "Six times seven?")
			a.Limit = 1 << 30
			got, err := c.Escalate(t.Context(), a)
			_ = c.Close()
			switch {
			case err == nil:
				whole++
				if got.Message.Content != text || h.count() != before+1 {
					t.Errorf("cut %v after %d: got %q, %d replies made", up, k, got.Message.Content, h.count()-before)
				}
				if want := led.spent() - bought; got.Cost.Bits != want && got.Cost.Bits != want+ErrorPrice {
					t.Errorf("cut %v after %d: got %v, the origin charged %v", up, k, got.Cost.Bits, want)
				}
			case errors.Is(err, tenbit.ErrUnavailable):
				failed++
				if got.Cost.Bits != 0 || h.count() != before {
					t.Errorf("cut %v after %d: got %v, %v, %d replies made", up, k, got.Cost, err, h.count()-before)
				}
			default:
				t.Errorf("cut %v after %d: got %v", up, k, err)
			}
		}
		t.Logf("cut up %v: %d whole replies, %d connections that failed", up, whole, failed)
		if whole == 0 || failed == 0 {
			t.Errorf("cut up %v: the range covers %d and %d", up, whole, failed)
		}
	}
}

// TestLost cuts the connection for good: the whole grant counts.
func TestLost(t *testing.T) {
	waiting := make(chan struct{})
	h := &echo{say: func(ctx context.Context, _ tenbit.Ask, _ func(string) error) error {
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	}}
	o := newOrigin(t, h, nil)
	p := newProxy(t, o.url)
	c := newClient(t, p.url, func(c *ClientConfig) { c.ResumeTimeout = 200 * time.Millisecond })
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-waiting
		p.setRefuse(true)
		p.cut()
	}()
	a := newAsk(t, testID(1), "Say it.")
	got, err := c.Escalate(t.Context(), a)
	<-done
	if !errors.Is(err, ErrCut) || got.Cost.Bits != a.Limit {
		t.Errorf("got %v, %v; want %v and all of %v", got.Cost, err, ErrCut, a.Limit)
	}
	// The origin is away: the next fail at once.
	began := time.Now()
	got, err = c.Escalate(t.Context(), newAsk(t, testID(2), "And?"))
	if !errors.Is(err, tenbit.ErrUnavailable) || got.Cost.Bits != 0 || time.Since(began) > 100*time.Millisecond {
		t.Errorf("got %v, %v after %v", got.Cost, err, time.Since(began))
	}
	// It comes back.
	p.setRefuse(false)
	h.say = answer("yes")
	waitUntil(t, func() bool {
		got, err := c.Escalate(t.Context(), newAsk(t, testID(3), "And now?"))
		return err == nil && got.Message.Content == "yes"
	})
}

// TestResume cuts in mid-stream while the handler waits; the reply goes on on
// the next connection.
func TestResume(t *testing.T) {
	part := strings.Repeat("some words and 12345 more; ", 30)
	cut := make(chan struct{})
	h := &echo{say: func(ctx context.Context, _ tenbit.Ask, write func(string) error) error {
		if err := write(part); err != nil {
			return err
		}
		select {
		case <-cut:
			return write("the end")
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	o := newOrigin(t, h, nil)
	p := newProxy(t, o.url)
	c := newClient(t, p.url, nil)
	a := newAsk(t, testID(1), "Say it.")
	a.Limit = 1 << 30
	once := false
	a.Sink = func(string) error {
		if !once {
			once = true
			p.cut()
			close(cut)
		}
		return nil
	}
	got, err := c.Escalate(t.Context(), a)
	if err != nil || got.Message.Content != part+"the end" {
		t.Errorf("got %d bytes, %v", len(got.Message.Content), err)
	}
	if p.dials.Load() != 2 || h.count() != 1 {
		t.Errorf("got %d connections, %d replies", p.dials.Load(), h.count())
	}
}

// TestOrphan cuts and doesn't come back: the large model is stopped after the grace.
func TestOrphan(t *testing.T) {
	waiting, ended := make(chan struct{}), make(chan error, 1)
	o := newOrigin(t, &echo{say: func(ctx context.Context, _ tenbit.Ask, _ func(string) error) error {
		close(waiting)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}}, func(s *ServerConfig) { s.Grace = 20 * time.Millisecond })
	p := newProxy(t, o.url)
	c := newClient(t, p.url, func(c *ClientConfig) { c.ResumeTimeout = 10 * time.Millisecond })
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-waiting
		p.setRefuse(true)
		p.cut()
	}()
	if _, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it.")); !errors.Is(err, tenbit.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	<-done
	if err := <-ended; !errors.Is(err, errOrphan) {
		t.Errorf("got %v", err)
	}
}

// TestLeave closes the client under a request: no grace, the model stops at once.
func TestLeave(t *testing.T) {
	waiting, ended := make(chan struct{}), make(chan error, 1)
	o := newOrigin(t, &echo{say: func(ctx context.Context, _ tenbit.Ask, _ func(string) error) error {
		close(waiting)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}}, nil)
	c := newClient(t, o.url, nil)
	done := make(chan error)
	go func() {
		_, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
		done <- err
	}()
	<-waiting
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, errCancelled) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Escalate(t.Context(), newAsk(t, testID(2), "Say it.")); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
}
