// Package cache keeps answers to requests that were seen before: an LRU with
// byte ceilings in front, Redis behind.
package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Behind is a store behind the memory, such as [Redis].
type Behind interface {
	// Get reads an entry; every error is a miss.
	Get(ctx context.Context, k Key) (Entry, error)
	// Put writes an entry without waiting for it. What can't be written is lost.
	Put(k Key, e Entry)
	// Remove puts an entry without a value in an entry's place, until nobody has
	// it any more, and waits until that is certain.
	Remove(ctx context.Context, k Key, until time.Time) error
}

// Entry is what is kept under a key.
type Entry struct {
	Val     []byte // empty: what was here is removed
	Expires time.Time
}

// ErrMiss says that nothing is kept under a key.
var ErrMiss = errors.New("not in the cache")

// Exact is the exact cache. Safe for concurrent use.
type Exact struct {
	o   Options
	mem *memory

	order sync.Mutex // of writes: the same in memory and behind it
}

// Options say what an [Exact] may take.
type Options struct {
	Bytes  int64         // of memory, everything included; at least [MinBytes]
	Tenant int64         // most of it for one tenant, at least [MinBytes]; 0: all
	TTL    time.Duration // of an entry
	Jitter float64       // share by which an entry's life may be shorter, so that not all end at once
	Behind Behind        // nil: memory only
	Shared bool          // what others removed behind it is not in memory either; each Get asks
	Seen   func(hit bool)
}

// MinBytes is the smallest cache.
const MinBytes = 4 << 10

// NewExact reserves the cache's memory, which the system provides as it fills.
func NewExact(o Options) (*Exact, error) {
	if o.Bytes < MinBytes || o.TTL <= 0 || o.Jitter < 0 || o.Jitter >= 1 || o.Tenant != 0 && o.Tenant < MinBytes || o.Tenant > o.Bytes {
		return nil, fmt.Errorf("cache: a limit is out of range: %d bytes, %d for a tenant, %v, jitter %v", o.Bytes, o.Tenant, o.TTL, o.Jitter)
	}
	mem, err := newMemory(o.Bytes, o.Tenant)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes for a cache: %w", o.Bytes, err)
	}
	return &Exact{o: o, mem: mem}, nil
}

// Get returns a copy of what was kept under k.
func (c *Exact) Get(ctx context.Context, k Key) ([]byte, bool) {
	val, ok := c.get(ctx, k)
	if c.o.Seen != nil {
		c.o.Seen(ok)
	}
	return val, ok
}

func (c *Exact) get(ctx context.Context, k Key) ([]byte, bool) {
	now := time.Now()
	val, ok := c.mem.get(k, now)
	if c.o.Behind == nil || ok && !c.o.Shared {
		return val, ok
	}
	e, err := c.o.Behind.Get(ctx, k)
	switch {
	case err != nil: // not there yet, lost on its way, or nobody knows
		return val, ok
	case len(e.Val) == 0:
		c.mem.remove(k)
		return nil, false
	case ok || !e.Expires.After(now):
		return val, ok
	}
	c.mem.fill(k, e, now)
	return e.Val, true
}

// Put keeps val, which is not empty and which the caller must not change any more. A value over an eighth of what its tenant may take
// is not kept in memory: it would push out too much.
func (c *Exact) Put(_ context.Context, k Key, val []byte) {
	life := float64(c.o.TTL) * (1 - c.o.Jitter*rand.Float64())
	e := Entry{val, time.Now().Add(time.Duration(life))}
	c.order.Lock()
	defer c.order.Unlock()
	c.mem.put(k, e)
	if c.o.Behind != nil {
		c.o.Behind.Put(k, e)
	}
}

// Roomy reports that a value of so many bytes may as well stay as it is: with it
// neither its tenant nor all together fill over half of the memory they may.
func (c *Exact) Roomy(k Key, size int) bool { return c.mem.roomy(k.tenant, size) }

// Elsewhere reports that entries rest behind the memory, too.
func (c *Exact) Elsewhere() bool { return c.o.Behind != nil }

// Replace puts val, another form of was, in its place in memory, until the same
// end. Where memory keeps nothing under k, or something else by now, it does nothing.
func (c *Exact) Replace(k Key, was, val []byte) { c.mem.replace(k, was, val, time.Now()) }

// ReplaceBehind does so behind the memory, which keeps was.
func (c *Exact) ReplaceBehind(k Key, was, val []byte) {
	if c.o.Behind == nil {
		return
	}
	c.order.Lock()
	defer c.order.Unlock()
	if end, ok := c.mem.keeps(k, was, time.Now()); ok {
		c.o.Behind.Put(k, Entry{val, end})
	}
}

// Remove forgets k, also behind the memory. After an error nothing is forgotten.
func (c *Exact) Remove(ctx context.Context, k Key) error {
	if c.o.Behind != nil {
		if err := c.o.Behind.Remove(ctx, k, time.Now().Add(c.o.TTL)); err != nil {
			return err
		}
	}
	c.mem.remove(k)
	return nil
}

// Usage is what a cache's memory holds.
type Usage struct {
	Entries, Bytes int64 // now; the table is not counted
	Evicted        int64 // entries that had to go since the start
}

// Usage says what the memory holds.
func (c *Exact) Usage() Usage { return c.mem.usage() }
