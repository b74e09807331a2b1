package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
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
// one time-out at most; a server that is away is not read from until a probe
// says that it is back, and no request waits for that.
type Redis struct {
	client  redis.UniversalClient
	timeout time.Duration
	ring    Keyring
	// Reads and writes fail each for themselves: a server that is full or a
	// replica still answers reads.
	reads  outage
	writes *gobreaker.CircuitBreaker[struct{}]

	queue *queue
	work  sync.WaitGroup // the writer and the prober
	end   context.CancelFunc

	dropped, unreadable atomic.Int64
}

// patience is how many failures in a row make a server one that is away, rest
// how long it is left alone then.
const (
	patience = 2
	rest     = 2 * time.Second
)

// NewRedis uses client, which the caller closes after the cache. timeout bounds
// each step that waits for the server.
func NewRedis(client redis.UniversalClient, timeout time.Duration, ring Keyring) *Redis {
	ctx, end := context.WithCancel(context.Background())
	r := &Redis{client: client, timeout: timeout, ring: ring, queue: newQueue(), end: end, reads: outage{began: make(chan struct{}, 1)}}
	r.writes = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: "cache writes", Timeout: rest,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= patience },
	})
	// Both end with Close.
	r.work.Go(r.write)
	r.work.Go(func() { r.reads.watch(ctx, r.probe) })
	return r
}

// Get reads an entry. One that is damaged, lies under another's name or can't
// be decrypted is a miss, and counted.
func (r *Redis) Get(ctx context.Context, k Key) (Entry, error) {
	if r.reads.on() {
		return Entry{}, errLeftAlone
	}
	// A client that leaves says nothing about the server: not ctx alone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	names := r.ring.names(k)
	found := make([]*redis.StringCmd, len(names))
	p := r.client.Pipeline()
	for i, name := range names {
		// One byte over the bound is enough to tell that a value is too large.
		found[i] = p.GetRange(ctx, name, 0, maxRest)
	}
	_, err := p.Exec(ctx)
	r.reads.saw(err)
	if err != nil {
		return Entry{}, fmt.Errorf("read the cache: %w", err)
	}
	for _, cmd := range found {
		val := cmd.Val()
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

// Remove puts an entry without a value in an entry's place, after what was put
// before.
func (r *Redis) Remove(ctx context.Context, k Key, until time.Time) error {
	told := make(chan error, 1)
	if !r.queue.put(change{key: k, entry: Entry{Expires: until}, told: told}) {
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
	r.end()
	r.work.Wait()
	return nil
}

// probe reads nothing, as entries are read.
func (r *Redis) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	return r.client.GetRange(ctx, "tenbit:answer:probe", 0, 0).Err()
}
