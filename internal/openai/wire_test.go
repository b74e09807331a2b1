package openai_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/openai"
)

// through makes a client that reaches u by a counting proxy.
func through(t *testing.T, u *fake.Upstream) (*openai.Client, *fake.Proxy) {
	t.Helper()
	p := fake.NewProxy(t, u.Addr())
	cfg := openai.Config{
		BaseURL: u.URL, Key: secret,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, p.Addr)
		},
	}
	if tr, ok := u.Client().Transport.(*http.Transport); ok && tr.TLSClientConfig != nil {
		cfg.TLS = &tls.Config{RootCAs: tr.TLSClientConfig.RootCAs}
	}
	return client(t, cfg), p
}

// The bytes of the requests are those that a proxy counts between, handshake
// and records included, on new connections and on kept ones.
func TestWireBytesAreExact(t *testing.T) {
	for name, start := range map[string]func(testing.TB, func(fake.Received) fake.Behaviour) *fake.Upstream{
		"plain": fake.NewUpstream, "TLS": fake.NewTLSUpstream,
	} {
		t.Run(name, func(t *testing.T) {
			u := start(t, func(r fake.Received) fake.Behaviour {
				return fake.Behaviour{Content: strings.Repeat("😀 ", 10*r.N), Chunk: 50}
			})
			c, p := through(t, u)
			var sum tenbit.Cost
			for i := range 12 {
				var s tenbit.Sampling
				if i%2 == 0 {
					s.Sink = func(string) error { return nil }
				}
				upBefore, downBefore := p.Bytes()
				got, err := c.Complete(t.Context(), request(t, hello), s)
				if err != nil {
					t.Fatal(err)
				}
				up, down := p.Bytes()
				if want := (tenbit.Cost{WireUp: up - upBefore, WireDown: down - downBefore}); got.Cost != want {
					t.Errorf("request %d: got %+v, the proxy saw %+v", i, got.Cost, want)
				}
				sum = sum.Add(got.Cost)
			}
			up, down := c.Wire()
			if total := (tenbit.Cost{WireUp: up, WireDown: down}); sum != total {
				t.Errorf("the requests' sum is %+v, the total %+v", sum, total)
			}
			if u, d := p.Bytes(); u != up || d != down {
				t.Errorf("got %d up, %d down; the proxy saw %d, %d", up, down, u, d)
			}
		})
	}
}

// Under concurrency each byte still has one owner, and a connection that passes
// from one request to the next takes nothing with it: equal requests cost the
// same, but for the handshake of those that found no free connection.
func TestWireBytesHaveOneOwner(t *testing.T) {
	u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return fake.Behaviour{Content: "always the same"} })
	c, p := through(t, u)
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		sum  tenbit.Cost
		seen = map[tenbit.Cost]int{}
	)
	for range 16 {
		all.Go(func() {
			for range 25 {
				got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sum = sum.Add(got.Cost)
				seen[got.Cost]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	up, down := p.Bytes()
	if sum != (tenbit.Cost{WireUp: up, WireDown: down}) {
		t.Errorf("the requests' sum is %+v, the proxy saw %d up, %d down", sum, up, down)
	}
	if len(seen) != 1 {
		t.Errorf("equal requests cost %v, want one cost", seen)
	}
}

// A cancelled call ends at once, and the server sees the client leave: before
// the first byte, between the events and in a plain answer.
func TestCancellation(t *testing.T) {
	never := make(chan struct{})
	half := func() <-chan struct{} {
		c := make(chan struct{}, 2)
		c <- struct{}{}
		c <- struct{}{}
		return c
	}
	for _, tt := range []struct {
		name   string
		b      fake.Behaviour
		stream bool
	}{
		{"before the first byte", fake.Behaviour{Gate: never}, true},
		{"in the middle", fake.Behaviour{Content: "much more", Step: half()}, true},
		{"after [DONE]", fake.Behaviour{Content: "x", Finish: "null", Linger: true, NoDone: true}, true},
		{"plain", fake.Behaviour{Gate: never}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arrived := make(chan struct{})
			u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { close(arrived); return tt.b })
			c := client(t, openai.Config{BaseURL: u.URL})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			begun := make(chan struct{})
			var once sync.Once
			var s tenbit.Sampling
			if tt.stream {
				s.Sink = func(string) error { once.Do(func() { close(begun) }); return nil }
			}
			result := make(chan error, 1)
			go func() {
				_, err := c.Complete(ctx, request(t, hello), s)
				result <- err
			}()
			if <-arrived; tt.b.Content != "" {
				<-begun
			}
			start := time.Now()
			cancel()
			err := <-result
			client := time.Since(start)
			<-u.Left()
			server := time.Since(start)
			t.Logf("cancelled: client after %v, server after %v (the bar is 50 ms on a quiet machine)", client, server)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want it cancelled", err)
			}
		})
	}
}

// A kept connection that ended while it was idle is not an error.
func TestStaleConnections(t *testing.T) {
	u := fake.NewUpstream(t, func(r fake.Received) fake.Behaviour {
		if got, ok := r.Header["Idempotency-Key"]; ok {
			t.Errorf("got an idempotency key %q", got)
		}
		return fake.Answers("x")
	})
	c, p := through(t, u)
	for i := range 50 {
		if _, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{}); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
		p.Cut()
	}
}

// A server that keeps the connection open after [DONE] does not keep the answer.
func TestLingeringServer(t *testing.T) {
	c, u := serve(t, fake.Behaviour{Content: "abc", Linger: true})
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(string) error { return nil }})
	if err != nil || got.Message.Content != "abc" || got.Finish != tenbit.FinishStop {
		t.Errorf("got %+v, %v", got, err)
	}
	<-u.Left()
}

// Cut after any number of bytes, the answer is an error or whole, never a part
// that passes for the whole, and what came is a prefix.
func TestCutAnywhere(t *testing.T) {
	const content = "Wait 😀 for it."
	for _, sink := range []tenbit.Sink{nil, func(string) error { return nil }} {
		u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return fake.Behaviour{Content: content, Prompt: 1, Tokens: 2} })
		c, p := through(t, u)
		whole, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink})
		if err != nil {
			t.Fatal(err)
		}
		for n := int64(1); n <= whole.Cost.WireDown; n += 7 {
			p.CutAfter(0, n)
			got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink})
			if err == nil && got.Message.Content != content || !strings.HasPrefix(content, got.Message.Content) {
				t.Errorf("cut after %d: got %q, %v", n, got.Message.Content, err)
			}
			if err != nil && !errors.Is(err, tenbit.ErrUnavailable) && !errors.Is(err, tenbit.ErrIncomplete) {
				t.Errorf("cut after %d: got %v, want a class", n, err)
			}
			p.Cut()
		}
	}
}

func ExampleConfig_String() {
	fmt.Println(openai.Config{BaseURL: "https://api.example.com/v1", Key: "secret", Model: "large"})
	// Output: openai large at https://api.example.com/v1
}
