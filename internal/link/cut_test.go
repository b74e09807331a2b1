package link

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
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
		s.Coalesce, s.CoalesceBytes, s.Ledger, s.MaxConns = time.Millisecond, 4, led, 64
	})
	const most, lanes = 420, 12 // bytes; connections at a time
	var whole, failed [2]atomic.Int64
	var wg sync.WaitGroup
	for lane := range lanes {
		p := newProxy(t, o.url)
		wg.Go(func() {
			for k := lane; k < 2*most; k += lanes {
				dir, after := k/most, int64(k%most)
				if after < 160 && after%8 != 0 {
					continue // inside the HTTP upgrade, all alike
				}
				[]*atomic.Int64{&p.cutUp, &p.cutDown}[dir].Store(after)
				c := newClient(t, p.url, nil)
				a := newAsk(t, testID(k), "Six times seven?")
				a.Limit = 1 << 30
				got, err := c.Escalate(t.Context(), a)
				_ = c.Close()
				made, spent := h.countOf(a.ID), led.spentFor("ship/"+a.ID)
				switch {
				case err == nil:
					whole[dir].Add(1)
					if got.Message.Content != text || made != 1 {
						t.Errorf("cut %d after %d: got %q, %d replies made", dir, after, got.Message.Content, made)
					}
					if got.Cost.Bits != spent && got.Cost.Bits != spent+ErrorPrice {
						t.Errorf("cut %d after %d: got %v, the origin charged %v", dir, after, got.Cost.Bits, spent)
					}
				case errors.Is(err, tenbit.ErrUnavailable):
					failed[dir].Add(1)
					if got.Cost.Bits != 0 || made != 0 {
						t.Errorf("cut %d after %d: got %v, %v, %d replies made", dir, after, got.Cost, err, made)
					}
				default:
					t.Errorf("cut %d after %d: got %v", dir, after, err)
				}
			}
		})
	}
	wg.Wait()
	for dir, name := range []string{"up", "down"} {
		w, f := whole[dir].Load(), failed[dir].Load()
		t.Logf("cut %s: %d whole replies, %d connections that failed", name, w, f)
		if w == 0 || f == 0 {
			t.Errorf("cut %s: the range covers %d and %d", name, w, f)
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
	// The origin is away: the next fail, and cost nothing.
	got, err = c.Escalate(t.Context(), newAsk(t, testID(2), "And?"))
	if !errors.Is(err, tenbit.ErrUnavailable) || got.Cost.Bits != 0 {
		t.Errorf("got %v, %v", got.Cost, err)
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
