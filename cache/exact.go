// Package cache keeps answers to requests that were seen before: an LRU with a
// byte ceiling in front, Redis behind.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tenbit"
)

// Key names an answer. It is a SHA-256 over tenant and canonical request, so no
// prompt rests in it and tenants never meet.
type Key [sha256.Size]byte

// KeyOf makes the key; the tenant's length goes before it, so that no tenant
// and request can pass for another pair.
func KeyOf(t tenbit.TenantID, body []byte) (k Key) {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(t)))
	h.Write(n[:])
	h.Write([]byte(t))
	h.Write(body)
	h.Sum(k[:0])
	return k
}

// Behind is a store behind the memory, such as [Redis]. Errors are misses.
type Behind interface {
	Get(ctx context.Context, k Key) ([]byte, error)
	Put(ctx context.Context, k Key, val []byte, ttl time.Duration) error
}

// ErrMiss says that nothing is kept under a key.
var ErrMiss = errors.New("not in the cache")

// overhead is what an entry costs beyond its value, in bytes: key, list
// element and map slot, rounded up.
const overhead = 256

// Exact is the exact cache. Safe for concurrent use.
type Exact struct {
	max    int64
	ttl    time.Duration
	behind Behind
	seen   func(hit bool)

	mu   sync.Mutex // guards list and used
	list *simplelru.LRU[Key, entry]
	used int64 // bytes, overhead included; never over max
}

type entry struct {
	val     []byte
	expires time.Time
}

// NewExact makes a cache of at most bytes bytes. behind may be nil; seen, which
// may be nil, is told of every look-up.
func NewExact(bytes int64, ttl time.Duration, behind Behind, seen func(hit bool)) *Exact {
	c := &Exact{max: bytes, ttl: ttl, behind: behind, seen: seen}
	// The ceiling is in bytes: the list's own limit on entries is out of reach.
	c.list, _ = simplelru.NewLRU[Key](int(bytes/overhead)+1, func(_ Key, e entry) { c.used -= size(e.val) })
	return c
}

func size(val []byte) int64 { return int64(len(val)) + overhead }

// Get returns what was kept under k; the caller must not change it.
func (c *Exact) Get(ctx context.Context, k Key) ([]byte, bool) {
	val, ok := c.get(ctx, k)
	if c.seen != nil {
		c.seen(ok)
	}
	return val, ok
}

func (c *Exact) get(ctx context.Context, k Key) ([]byte, bool) {
	c.mu.Lock()
	e, ok := c.list.Get(k)
	if ok && time.Now().After(e.expires) {
		c.list.Remove(k)
		ok = false
	}
	c.mu.Unlock()
	if ok || c.behind == nil {
		return e.val, ok
	}
	val, err := c.behind.Get(ctx, k)
	if err != nil {
		return nil, false
	}
	c.keep(k, val)
	return val, true
}

// Put keeps val, which the caller must not change any more. A value over an
// eighth of the ceiling is not kept: it would push out too much.
func (c *Exact) Put(ctx context.Context, k Key, val []byte) {
	if size(val) > c.max/8 {
		return
	}
	c.keep(k, val)
	if c.behind != nil {
		_ = c.behind.Put(ctx, k, val, c.ttl) // what is not kept is asked again
	}
}

func (c *Exact) keep(k Key, val []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list.Remove(k)
	for c.used+size(val) > c.max {
		if _, _, ok := c.list.RemoveOldest(); !ok {
			return
		}
	}
	c.used += size(val)
	c.list.Add(k, entry{val, time.Now().Add(c.ttl)})
}
