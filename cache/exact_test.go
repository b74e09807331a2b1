package cache

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"tenbit/internal/redistest"
)

func TestKeysOfTenantsNeverMeet(t *testing.T) {
	if KeyOf("a", []byte("bc")) == KeyOf("ab", []byte("c")) {
		t.Error("two tenants share a key")
	}
}

func TestCeiling(t *testing.T) {
	c := NewExact(10000, time.Hour, nil, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				c.Put(t.Context(), KeyOf("t", fmt.Append(nil, i, j)), make([]byte, 100+j))
			}
		})
	}
	wg.Wait()
	if c.used > 10000 || c.used == 0 {
		t.Errorf("%d bytes used of 10000", c.used)
	}
	var sum int64
	for _, k := range c.list.Keys() {
		e, _ := c.list.Peek(k)
		sum += size(e.val)
	}
	if sum != c.used {
		t.Errorf("entries take %d bytes, the count says %d", sum, c.used)
	}
	k := KeyOf("t", []byte("large"))
	c.Put(t.Context(), k, make([]byte, 5000))
	if _, ok := c.Get(t.Context(), k); ok {
		t.Error("a value of half the ceiling was kept")
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hits := map[bool]int{}
		c := NewExact(10000, time.Minute, nil, func(hit bool) { hits[hit]++ })
		k := KeyOf("t", nil)
		c.Put(t.Context(), k, []byte("x"))
		if _, ok := c.Get(t.Context(), k); !ok {
			t.Error("miss at once")
		}
		time.Sleep(61 * time.Second)
		if _, ok := c.Get(t.Context(), k); ok {
			t.Error("hit after the entry's end")
		}
		if hits[true] != 1 || hits[false] != 1 {
			t.Errorf("got %v, want one hit and one miss", hits)
		}
	})
}

func TestRedis(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(t *testing.T) string
	}{
		{"miniredis", func(t *testing.T) string { return miniredis.RunT(t).Addr() }},
		{"redis", func(t *testing.T) string { return redistest.Start(t) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{Addr: tt.start(t)})
			defer client.Close()
			r := NewRedis(client)
			k, other := KeyOf("a", []byte("q")), KeyOf("b", []byte("q"))
			NewExact(1<<20, time.Hour, r, nil).Put(t.Context(), k, []byte("answer"))
			second := NewExact(1<<20, time.Hour, r, nil)
			if val, ok := second.Get(t.Context(), k); !ok || string(val) != "answer" {
				t.Errorf("another process: got %q, %v", val, ok)
			}
			if _, ok := second.Get(t.Context(), other); ok {
				t.Error("another tenant has a hit")
			}
			// A value that lies under another key is a miss, and so is a damaged one.
			stolen, err := client.Get(context.Background(), name(k)).Bytes()
			if err != nil {
				t.Fatal(err)
			}
			client.Set(context.Background(), name(other), stolen, 0)
			if _, ok := second.Get(t.Context(), other); ok {
				t.Error("a value under another key is a hit")
			}
			client.Set(context.Background(), name(other), []byte("short"), 0)
			if _, ok := second.Get(t.Context(), other); ok {
				t.Error("a damaged value is a hit")
			}
		})
	}
}

func TestRedisAway(t *testing.T) {
	m := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: m.Addr(), MaxRetries: -1})
	defer client.Close()
	c := NewExact(1<<20, time.Hour, NewRedis(client), nil)
	m.Close()
	k := KeyOf("a", nil)
	c.Put(t.Context(), k, []byte("answer"))
	if val, ok := c.Get(t.Context(), k); !ok || string(val) != "answer" {
		t.Errorf("got %q, %v; want the memory's answer", val, ok)
	}
	if _, ok := c.Get(t.Context(), KeyOf("b", nil)); ok {
		t.Error("hit on nothing")
	}
}

func FuzzUnseal(f *testing.F) {
	k := KeyOf("a", []byte("q"))
	f.Add(seal(k, []byte("answer")))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		val, err := unseal(k, sealed)
		if err == nil && !bytes.Equal(seal(k, val), sealed) {
			t.Errorf("unseal then seal is not the identity: %x", sealed)
		}
	})
}
