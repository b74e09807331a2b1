package gateway_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/cache"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/internal/ledger"
)

// silent is a client of a server that takes everything and says nothing, with
// the bounds that gatewayd sets.
func silent() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: 200 * time.Millisecond, ReadTimeout: 50 * time.Millisecond, WriteTimeout: 50 * time.Millisecond, PoolTimeout: 50 * time.Millisecond, PoolSize: 64,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			c, other := net.Pipe()
			go func() { // ends when the client closes its end
				for b := make([]byte, 1<<10); ; {
					if _, err := other.Read(b); err != nil {
						return
					}
				}
			}()
			return c, nil
		},
	})
}

// TestARedisThatHangs under 200 requests a second, half of them cached and half
// local, with ledger and cache on it: what requests wait for it, in a clock of
// the test's own. On a machine test/away_test.go measures the same.
func TestARedisThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := silent()
		behind := cache.NewRedis(client, 50*time.Millisecond, cache.Keyring{})
		book := ledger.NewRedis(ledger.RedisOptions{Client: silent()})
		b := wired(t, fake.Says("Answer: 42"), fake.Says("Answer: 42"), func(g *gateway.Gateway, _ *tenbit.Tenant) {
			kept, err := cache.NewExact(cache.Options{Bytes: 1 << 20, TTL: time.Hour, Behind: behind})
			if err != nil {
				t.Fatal(err)
			}
			g.Cache, g.Ledger, g.Gate.Confidence, g.MaxActive = kept, book, 0, 1000
		})
		h := b.g.Handler()
		var waited []time.Duration
		for second := range 12 {
			waits := make([]time.Duration, 200)
			var wg sync.WaitGroup
			for i := range waits {
				time.Sleep(5 * time.Millisecond)
				question := fmt.Sprintf("What is %d times 7? End with Answer: X", second*200+i)
				if i%2 == 0 {
					question = closed
				}
				wg.Go(func() {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(ask(question)))
					r.Header.Set("Authorization", "Bearer "+key)
					w := httptest.NewRecorder()
					began := time.Now()
					h.ServeHTTP(w, r)
					if waits[i] = time.Since(began); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Answer: 42") {
						t.Errorf("got %d, %.200s", w.Code, w.Body)
					}
				})
			}
			wg.Wait()
			slices.Sort(waits)
			t.Logf("second %2d: p50 %v, p99 %v, most %v", second, waits[100], waits[198], waits[199])
			if second == 0 && waits[198] > 60*time.Millisecond {
				t.Errorf("p99 in the first second is %v, want at most 60 ms", waits[198])
			}
			if second > 0 {
				waited = append(waited, waits...)
			}
		}
		slices.Sort(waited)
		if p99 := waited[len(waited)*99/100]; p99 > 5*time.Millisecond {
			t.Errorf("p99 after the first second is %v, want at most 5 ms", p99)
		}
		for _, end := range []func() error{behind.Close, client.Close, book.Close} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
		if err := b.g.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
