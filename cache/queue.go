package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// change is one write to Redis: an entry, or the end of one.
type change struct {
	key   Key
	entry Entry
	told  chan error // of an entry's end: has room for how it went
}

func (c change) size() int { return len(c.entry.Val) + changeOverhead }

// Bounds of what waits to be written.
const (
	queueBytes     = 8 << 20 // a single larger value may wait alone
	batchChanges   = 64      // in one pipeline
	batchBytes     = 1 << 20
	changeOverhead = 256 // bytes of a change beyond its value, about
)

// queue holds changes in their order.
type queue struct {
	some chan struct{} // has one when there may be changes

	mu     sync.Mutex // guards what follows
	list   []change
	bytes  int
	closed bool
}

func newQueue() *queue { return &queue{some: make(chan struct{}, 1)} }

// put adds a change, unless too much waits.
func (q *queue) put(c change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.list) > 0 && q.bytes+c.size() > queueBytes {
		return false
	}
	q.list = append(q.list, c)
	q.bytes += c.size()
	q.wake()
	return true
}

func (q *queue) wake() {
	select {
	case q.some <- struct{}{}:
	default: // is awake
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

// batch waits for changes and takes the first of them; none: the queue is closed.
func (q *queue) batch() []change {
	for {
		q.mu.Lock()
		n, size := 0, 0
		for n < len(q.list) && n < batchChanges && (n == 0 || size+q.list[n].size() <= batchBytes) {
			size += q.list[n].size()
			n++
		}
		taken := slices.Clone(q.list[:n])
		clear(q.list[:n]) // lets go of the values
		q.list = q.list[n:]
		q.bytes -= size
		closed := q.closed
		q.mu.Unlock()
		if n > 0 || closed {
			return taken
		}
		<-q.some
	}
}

// errLeftAlone says that a server that failed a moment ago was not asked.
var errLeftAlone = errors.New("redis failed a moment ago and is left alone")

// write makes the changes until the queue is closed and empty.
func (r *Redis) write() {
	for {
		batch := r.queue.batch()
		if len(batch) == 0 {
			return
		}
		errs := slices.Repeat([]error{errLeftAlone}, len(batch))
		_, _ = r.writes.Execute(func() (struct{}, error) { return struct{}{}, r.flush(batch, errs) }) // says no more than errs
		for i, c := range batch {
			if c.told == nil && errs[i] != nil {
				r.dropped.Add(1)
			}
		}
		for i, c := range batch { // when everything before it is counted
			if c.told != nil {
				c.told <- errs[i]
			}
		}
	}
}

// flush makes changes in one round trip and says of each how it went.
func (r *Redis) flush(batch []change, errs []error) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	p := r.client.Pipeline()
	cmds := make([]redis.Cmder, len(batch))
	for i, c := range batch {
		var err error
		if cmds[i], err = r.command(ctx, p, c); err != nil {
			return err
		}
	}
	_, err := p.Exec(ctx)
	for i, cmd := range cmds {
		if errs[i] = cmd.Err(); errs[i] != nil {
			errs[i] = fmt.Errorf("write the cache: %w", errs[i])
		}
	}
	return err
}

// command adds a change to a pipeline. Under the names of older keys nothing is
// written, and what rests there ends by itself, or is deleted.
func (r *Redis) command(ctx context.Context, p redis.Pipeliner, c change) (redis.Cmder, error) {
	names := r.ring.names(c.key)
	if c.told != nil {
		for _, name := range names { // one by one: a cluster may have them in different places
			p.Del(ctx, name) // also the first: a server that is full takes nothing before
		}
	}
	sealed, err := r.ring.seal(c.key, c.entry)
	return p.Set(ctx, names[0], sealed, max(time.Until(c.entry.Expires), time.Millisecond)), err
}
