package link

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
	"tenbit/codec"
)

// hole is a connection that may turn into a black hole.
type hole struct {
	net.Conn
	dark *atomic.Bool
}

func (h hole) Write(p []byte) (int, error) {
	if h.dark.Load() {
		return len(p), nil
	}
	return h.Conn.Write(p)
}

// TestPing finds out that the far end is gone without a word, while a request
// waits for it, and costs a quiet connection two small messages each time.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &echo{say: func(ctx context.Context, a tenbit.Ask, write func(string) error) error {
			if a.ID != testID(1) {
				<-ctx.Done()
				return ctx.Err()
			}
			return write("yes")
		}}
		s, err := NewServer(ServerConfig{
			Edges: []Edge{{Name: "ship", Token: HashToken(testKey, testToken)}}, Key: testKey, Handler: h, Model: codec.Default(),
		})
		if err != nil {
			t.Fatal(err)
		}
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		web := &http.Server{Handler: s}
		go func() { _ = web.Serve(l) }()
		dark := &atomic.Bool{}
		c, err := NewClient(ClientConfig{
			URL: "ws://origin/", Token: testToken, Model: codec.Default(), NewDecoder: newDecoder, ResumeTimeout: time.Second,
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if dark.Load() {
					return nil, errors.New("no route")
				}
				conn, err := l.dial(ctx, network, addr)
				return hole{conn, dark}, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		a := newAsk(t, testID(1), "Say it.")
		if _, err := c.Escalate(t.Context(), a); err != nil {
			t.Error(err)
		}
		up, down := c.Wire()
		time.Sleep(10 * time.Minute) // synctest's clock
		up2, down2 := c.Wire()
		if up2-up == 0 || up2-up > 20*10 || down2-down == 0 || down2-down > 20*10 {
			t.Errorf("ten quiet minutes take %d bytes up, %d down", up2-up, down2-down)
		}
		dark.Store(true)
		began := time.Now()
		a.ID = testID(2)
		got, err := c.Escalate(t.Context(), a)
		if !errors.Is(err, ErrUnavailable) || got.Cost.Bits != a.Limit || time.Since(began) > 90*time.Second {
			t.Errorf("got %v, %v after %v", got.Cost, err, time.Since(began))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		_ = web.Close()
		_ = l.Close()
		synctest.Wait()
	})
}
