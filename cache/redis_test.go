package cache

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"tenbit/internal/redistest"
)

// over is a cache over a Redis at addr, as a process of its own would have it.
func over(t *testing.T, addr, keys string) (*Exact, *Redis) {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second,
	})
	r := NewRedis(client, 20*time.Second, ring(t, keys)) // a busy machine is not these tests' subject
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return open(t, Options{Bytes: 1 << 20, TTL: time.Hour, Behind: r}), r
}

// settle waits for the writes before it: a removal keeps their order.
func settle(t *testing.T, r *Redis) {
	t.Helper()
	if err := r.Remove(context.Background(), KeyOf("nobody", nil), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestRedis(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(t *testing.T) string
	}{
		{"miniredis", func(t *testing.T) string { return miniredis.RunT(t).Addr() }},
		{"redis", func(t *testing.T) string { return redistest.Start(t) }},
	} {
		for _, keys := range []string{"", digits1} {
			t.Run(fmt.Sprintf("%s encrypted=%v", tt.name, keys != ""), func(t *testing.T) { testRedis(t, tt.start(t), keys) })
		}
	}
}

func testRedis(t *testing.T, addr, keys string) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	first, r := over(t, addr, keys)
	second, r2 := over(t, addr, keys)
	k, other := KeyOf("a", []byte("q")), KeyOf("b", []byte("q"))
	first.Put(t.Context(), k, []byte("answer"))
	settle(t, r)
	if val, ok := second.Get(t.Context(), k); !ok || string(val) != "answer" {
		t.Errorf("another process: got %q, %v", val, ok)
	}
	if _, ok := second.Get(t.Context(), other); ok {
		t.Error("another tenant has a hit")
	}
	name, otherName := r.ring.names(k)[0], r.ring.names(other)[0]
	if ttl := client.TTL(t.Context(), name).Val(); ttl <= 58*time.Minute || ttl > time.Hour {
		t.Errorf("rests for %v, want an hour", ttl)
	}
	// A value that lies under another key is a miss, and so is a damaged one.
	stolen, err := client.Get(t.Context(), name).Result()
	if err != nil || (keys != "") == strings.Contains(stolen, "answer") {
		t.Fatalf("rests as %q, %v", stolen, err)
	}
	for i, bad := range []string{stolen, stolen[:len(stolen)-1], "short", strings.Repeat("x", maxRest+1)} {
		client.Set(t.Context(), otherName, bad, 0)
		if _, ok := second.Get(t.Context(), other); ok {
			t.Errorf("damaged value %d is a hit", i)
		}
	}
	if got := r2.Losses(); got.Unreadable != 4 || got.Dropped != 0 {
		t.Errorf("got %+v, want 4 unreadable", got)
	}
	if err := first.Remove(t.Context(), k); err != nil {
		t.Error(err)
	}
	third, _ := over(t, addr, keys)
	for i, c := range []*Exact{first, third} {
		if _, ok := c.Get(t.Context(), k); ok {
			t.Errorf("cache %d: hit after removal", i)
		}
	}
}

// A new key in front of the old one: what rests under either is found.
func TestRotation(t *testing.T) {
	addr := redistest.Start(t)
	k := KeyOf("a", []byte("q"))
	old, r := over(t, addr, digits1)
	old.Put(t.Context(), k, []byte("old"))
	settle(t, r)
	rotated, r := over(t, addr, digits2+","+digits1)
	if val, ok := rotated.Get(t.Context(), k); !ok || string(val) != "old" {
		t.Errorf("under the old key: got %q, %v", val, ok)
	}
	rotated.Put(t.Context(), k, []byte("new"))
	settle(t, r)
	for keys, want := range map[string]string{digits1: "old", digits2: "new", digits2 + "," + digits1: "new"} {
		c, r := over(t, addr, keys)
		if val, ok := c.Get(t.Context(), k); !ok || string(val) != want || r.Losses().Unreadable != 0 {
			t.Errorf("keys %.4s..: got %q, %v, %+v; want %q", keys, val, ok, r.Losses(), want)
		}
	}
	if err := rotated.Remove(t.Context(), k); err != nil {
		t.Error(err)
	}
	if c, _ := over(t, addr, digits1); true {
		if _, ok := c.Get(t.Context(), k); ok {
			t.Error("removal left what rests under the old key")
		}
	}
}

// A server that is away costs the memory nothing, and comes back by itself.
func TestRedisGoesAndComesBack(t *testing.T) {
	s := redistest.Run(t)
	c, r := over(t, s.Addr, "")
	k := KeyOf("a", nil)
	s.Kill()
	c.Put(t.Context(), k, []byte("answer"))
	if val, ok := c.Get(t.Context(), k); !ok || string(val) != "answer" {
		t.Errorf("got %q, %v; want the memory's answer", val, ok)
	}
	if err := c.Remove(t.Context(), k); err == nil {
		t.Error("a removal that can't be is not an error")
	}
	for i := range byte(patience) {
		if _, ok := c.Get(t.Context(), KeyOf("b", []byte{i})); ok {
			t.Error("hit on nothing")
		}
	}
	if !r.reads.on() {
		t.Error("is still asked")
	}
	if got := r.Losses(); got.Dropped != 1 {
		t.Errorf("got %+v, want the write that was lost", got)
	}
	s.Restart()
	deadline := time.Now().Add(time.Minute)
	for c.Remove(t.Context(), KeyOf("nobody", nil)) != nil || r.reads.on() { // until the prober has seen it, too
		if time.Now().After(deadline) {
			t.Fatal("does not come back")
		}
		time.Sleep(50 * time.Millisecond) // the breaker's time is the server's, not a fake one
	}
	c.Put(t.Context(), k, []byte("again"))
	settle(t, r)
	third := KeyOf("a", []byte("elsewhere"))
	writer, w := over(t, s.Addr, "")
	writer.Put(t.Context(), third, []byte("another's"))
	settle(t, w)
	if val, ok := c.Get(t.Context(), third); !ok || string(val) != "another's" {
		t.Errorf("a read after its return: got %q, %v", val, ok)
	}
	second, _ := over(t, s.Addr, "")
	if val, ok := second.Get(t.Context(), k); !ok || string(val) != "again" {
		t.Errorf("after its return: got %q, %v", val, ok)
	}
}

// A server that is full takes no writes, and reads go on.
func TestRedisIsFull(t *testing.T) {
	s := redistest.Run(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer client.Close()
	c, r := over(t, s.Addr, "")
	k := KeyOf("a", nil)
	c.Put(t.Context(), k, []byte("answer"))
	settle(t, r)
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		c.Put(t.Context(), KeyOf("a", []byte{byte(i)}), []byte("more"))
	}
	_ = r.Remove(t.Context(), KeyOf("nobody", nil), time.Now()) // comes after them
	if got := r.Losses(); got.Dropped != 5 {
		t.Errorf("got %+v, want 5 dropped", got)
	}
	second, _ := over(t, s.Addr, "")
	if _, ok := second.Get(t.Context(), k); !ok {
		t.Error("a full server's entries can't be read")
	}
}

// hung is a connection to a server that takes everything and says nothing.
func hung(context.Context, string, string) (net.Conn, error) {
	c, other := net.Pipe()
	go func() { // ends when the client closes its end
		b := make([]byte, 1<<10)
		for {
			if _, err := other.Read(b); err != nil {
				return
			}
		}
	}()
	return c, nil
}

// A server that hangs costs two requests a time-out each, then nobody waits; and
// writes are never waited for. All of it in fake time.
func TestRedisHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", Dialer: hung, MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true, Protocol: 2})
		r := NewRedis(client, 50*time.Millisecond, Keyring{})
		c := open(t, Options{Bytes: 4 << 20, TTL: time.Hour, Behind: r})
		began := time.Now()
		var waited []time.Duration
		for i := range 100 {
			k := KeyOf("t", fmt.Append(nil, i))
			from := time.Now()
			c.Get(t.Context(), k)
			waited = append(waited, time.Since(from))
			from = time.Now()
			c.Put(t.Context(), k, make([]byte, 200_000))
			if took := time.Since(from); took != 0 {
				t.Errorf("write %d took %v of the request's time", i, took)
			}
		}
		if total := time.Since(began); total > 150*time.Millisecond || waited[0] == 0 {
			t.Errorf("100 requests waited %v in all, the first ones %v; want two time-outs of 50 ms", total, waited[:4])
		}
		// Nobody waits for the probes either.
		for i := range 100 {
			time.Sleep(rest / 10)
			from := time.Now()
			c.Get(t.Context(), KeyOf("u", fmt.Append(nil, i)))
			if took := time.Since(from); took != 0 {
				t.Errorf("request %d later waited %v", i, took)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if got := r.Losses(); got.Dropped != 100 {
			t.Errorf("got %+v, want every write dropped and counted", got)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What waits to be written is bounded, in bytes.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	taken := 0
	for q.put(change{entry: Entry{Val: make([]byte, 100_000)}}) {
		if taken++; taken > 1000 {
			t.Fatal("the queue takes everything")
		}
	}
	if q.bytes > queueBytes || q.bytes < queueBytes/2 {
		t.Errorf("%d bytes wait of at most %d", q.bytes, queueBytes)
	}
	got := 0
	for q.close(); ; {
		batch := q.batch()
		if len(batch) == 0 {
			break
		}
		got += len(batch)
	}
	if got != taken || q.bytes != 0 {
		t.Errorf("%d changes came out, %d bytes are left; want %d and 0", got, q.bytes, taken)
	}
	if q.put(change{}) {
		t.Error("a closed queue takes changes")
	}
}
