package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// MaxValue bounds what is written to and believed from Redis, in bytes.
const MaxValue = 16 << 20

// maxRest bounds an entry as it rests.
const maxRest = MaxValue + headRest + keyIDSize + sha256.Size + 64

// Redis keeps entries in a Redis server. Nobody waits for a write: one
// goroutine makes them, and what it can't keep up with is dropped. A read waits
// one time-out at most, and a breaker keeps requests from waiting for a server
// that is away.
type Redis struct {
	client  redis.UniversalClient
	timeout time.Duration
	ring    Keyring
	// Two breakers: a server that is full or a replica still answers reads.
	reads, writes *gobreaker.CircuitBreaker[[]string]

	queue *queue
	done  chan struct{} // closed when the writer has ended

	dropped, unreadable atomic.Int64
}

// rest is how long a server that failed twice in a row is left alone.
const rest = 2 * time.Second

// NewRedis uses client, which the caller closes after the cache. timeout bounds
// each step that waits for the server.
func NewRedis(client redis.UniversalClient, timeout time.Duration, ring Keyring) *Redis {
	breaker := func(name string) *gobreaker.CircuitBreaker[[]string] {
		return gobreaker.NewCircuitBreaker[[]string](gobreaker.Settings{
			Name: name, Timeout: rest,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 2 },
		})
	}
	r := &Redis{
		client: client, timeout: timeout, ring: ring, reads: breaker("cache reads"), writes: breaker("cache writes"),
		queue: newQueue(), done: make(chan struct{}),
	}
	go r.write() // ends with Close
	return r
}

// Get reads an entry. One that is damaged, lies under another's name or can't
// be decrypted is a miss, and counted.
func (r *Redis) Get(ctx context.Context, k Key) (Entry, error) {
	names := r.ring.names(k)
	found, err := r.reads.Execute(func() ([]string, error) {
		// A client that leaves says nothing about the server: not ctx alone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
		defer cancel()
		got := make([]*redis.StringCmd, len(names))
		p := r.client.Pipeline()
		for i, name := range names {
			// One byte over the bound is enough to tell that a value is too large.
			got[i] = p.GetRange(ctx, name, 0, maxRest)
		}
		if _, err := p.Exec(ctx); err != nil {
			return nil, fmt.Errorf("read the cache: %w", err)
		}
		vals := make([]string, len(got))
		for i, g := range got {
			vals[i] = g.Val()
		}
		return vals, nil
	})
	if err != nil {
		return Entry{}, err
	}
	for _, val := range found {
		if val == "" {
			continue
		}
		e, err := r.ring.open(k, []byte(val))
		if err == nil && len(e.Val) <= MaxValue {
			return e, nil
		}
		r.unreadable.Add(1)
	}
	return Entry{}, ErrMiss
}

// Put writes an entry soon.
func (r *Redis) Put(k Key, e Entry) {
	if len(e.Val) > MaxValue || !r.queue.put(change{key: k, entry: e}) {
		r.dropped.Add(1)
	}
}

// Remove removes an entry, after what was put before.
func (r *Redis) Remove(ctx context.Context, k Key) error {
	told := make(chan error, 1)
	if !r.queue.put(change{key: k, told: told}) {
		return fmt.Errorf("remove from the cache: %w", errBusy)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*r.timeout) // others may be before it
	defer cancel()
	select {
	case err := <-told:
		return err
	case <-ctx.Done():
		return fmt.Errorf("remove from the cache: %w", ctx.Err())
	}
}

var errBusy = errors.New("too many writes are waiting")

// Losses is what did not come to pass since the start.
type Losses struct {
	Dropped    int64 // writes that Redis was too slow for, or refused
	Unreadable int64 // entries that were damaged, misplaced or under an unknown key
}

// Losses says what was lost.
func (r *Redis) Losses() Losses { return Losses{r.dropped.Load(), r.unreadable.Load()} }

// Close writes what waits, as long as the server takes it, and ends the writer.
func (r *Redis) Close() error {
	r.queue.close()
	<-r.done
	return nil
}
