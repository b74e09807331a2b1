package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"tenbit"
)

// Bolt keeps budgets in one file: the journal, and a checkpoint of the state
// that it led to. Every movement is on disk (fsync) before the call returns;
// calls that come together share one transaction. After kill -9 what was
// acknowledged is there, and holds that were under way are charged in full when
// they expire.
type Bolt struct {
	db   *bbolt.DB
	keep time.Duration
	wake chan struct{} // there is a batch to write; closed by Close
	idle sync.WaitGroup

	mu     sync.Mutex // guards what follows
	book   *book
	next   uint64 // number of the next entry
	batch  *batch // the newest, perhaps written already
	points int    // entries since the last checkpoint
	failed error  // the last batch could not be written: memory is ahead of the file
	tried  time.Time
	closed bool
}

// batch is what one transaction writes.
type batch struct {
	entries []numbered
	point   []byte // a checkpoint after the last of the entries, nil for none
	taken   bool
	done    chan struct{} // closed when it is on disk, or err is set
	err     error
}

type numbered struct {
	n    uint64
	at   int64
	line string
}

var (
	journalBucket = []byte("journal") // number: entry
	openingBucket = []byte("opening") // account: amount, before the journal's first entry
	stateBucket   = []byte("state")   // the checkpoint
	recordBucket  = []byte("records") // see Records
	oldBucket     = []byte("accounts")
	pointKey      = []byte("checkpoint")
	sinceKey      = []byte("since")
)

// pointEvery is after how many entries the state is written down, so that the
// next start replays no more than that.
const pointEvery = 20000

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// add queues an entry for the disk. b.mu is held.
func (b *Bolt) add(e Entry) {
	q := b.queue()
	q.entries = append(q.entries, numbered{b.next, e.At, e.String()})
	b.next++
	b.points++
}

// queue is the batch that is written next. b.mu is held.
func (b *Bolt) queue() *batch {
	if b.batch.taken {
		b.batch = &batch{done: make(chan struct{})}
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return b.batch
}

// writer writes batches until Close. It is the only one that writes entries.
// Those of a batch that failed go before those of the next, in one transaction:
// the journal has no gap.
func (b *Bolt) writer() {
	var late []numbered
	for range b.wake {
		for {
			b.mu.Lock()
			now := b.batch
			if now.taken {
				b.mu.Unlock()
				break
			}
			now.taken = true
			if b.points >= pointEvery {
				b.points = 0
				now.point = b.book.checkpoint(b.next)
			}
			if unsure(b.failed) {
				now.err = b.failed
			}
			b.mu.Unlock()
			now.entries = append(late, now.entries...)
			if now.err == nil {
				now.err = b.db.Update(func(tx *bbolt.Tx) error { return b.commit(tx, now) })
			}
			late = nil
			if now.err != nil {
				late = now.entries
			}
			b.mu.Lock()
			b.failed, b.tried = now.err, time.Now()
			b.mu.Unlock()
			close(now.done)
		}
	}
}

// unsure reports whether nobody knows what a failed write left on the disk: a
// sync failed, and one that works later would not mean that all is there. What
// fails before that, as on a full disk, has left nothing.
func unsure(err error) bool {
	var op *os.PathError
	return errors.As(err, new(syscall.Errno)) && (!errors.As(err, &op) || op.Op != "write")
}

// commit writes a batch and sums up entries that are older than keep.
func (b *Bolt) commit(tx *bbolt.Tx, now *batch) error {
	j := tx.Bucket(journalBucket)
	j.FillPercent = 0.95 // keys only ever grow
	for _, e := range now.entries {
		if err := j.Put(numberKey(e.n), []byte(e.line)); err != nil {
			return err
		}
	}
	if now.point != nil {
		if err := tx.Bucket(stateBucket).Put(pointKey, now.point); err != nil {
			return err
		}
	}
	if len(now.entries) == 0 {
		return nil
	}
	return b.trim(tx, now.entries[len(now.entries)-1].at-b.keep.Milliseconds(), 2*len(now.entries))
}

// trim moves up to n entries from before the given time, and before the
// checkpoint, into the opening balances.
func (b *Bolt) trim(tx *bbolt.Tx, before int64, n int) error {
	var p struct{ Next uint64 }
	c := tx.Bucket(journalBucket).Cursor()
	k, v := c.First()
	if k == nil {
		return nil
	}
	if e, err := ParseEntry(string(v)); err != nil || e.At >= before {
		return err
	}
	if err := json.Unmarshal(tx.Bucket(stateBucket).Get(pointKey), &p); err != nil {
		return nil //nolint:nilerr // no checkpoint yet: the journal is the only state
	}
	sums := map[string]tenbit.Amount{}
	var gone [][]byte
	for ; k != nil && len(gone) < n; k, v = c.Next() {
		e, err := ParseEntry(string(v))
		if err != nil {
			return err
		}
		if e.At >= before || bytes.Compare(k, numberKey(p.Next)) >= 0 {
			break
		}
		fold(sums, e)
		gone = append(gone, k)
	}
	for _, k := range gone { // not under the cursor, which would lose its place
		if err := tx.Bucket(journalBucket).Delete(k); err != nil {
			return err
		}
	}
	o := tx.Bucket(openingBucket)
	for name, a := range sums {
		old, err := amountOf(o.Get([]byte(name)))
		if err != nil {
			return err
		}
		val, _ := json.Marshal(old.Add(a)) // numbers only: cannot fail
		if err := o.Put([]byte(name), val); err != nil {
			return err
		}
	}
	return tx.Bucket(stateBucket).Put(sinceKey, strconv.AppendInt(nil, before, 10))
}

func amountOf(val []byte) (a tenbit.Amount, err error) {
	if val == nil {
		return a, nil
	}
	if err := json.Unmarshal(val, &a); err != nil {
		return a, fmt.Errorf("read an opening balance: %w", err)
	}
	return a, nil
}

// step runs f on the book and waits until what it did is on disk, also when f
// fails: expired holds may have been charged.
func (b *Bolt) step(f func(*book, time.Time) error) error {
	b.mu.Lock()
	if err := b.down(); err != nil {
		b.mu.Unlock()
		return err
	}
	result := f(b.book, time.Now())
	last := b.batch
	b.mu.Unlock()
	<-last.done
	if last.err != nil {
		return fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, last.err)
	}
	return result
}

// retryEvery is how often a batch that could not be written is tried again.
const retryEvery = time.Second

// down is why nothing can be written, nil where it can: a movement would be
// queued for nobody. Now and then it tries again what could not be written. b.mu
// is held, but not while it tries.
func (b *Bolt) down() error {
	if b.failed != nil && !b.closed && !unsure(b.failed) && time.Since(b.tried) >= retryEvery {
		b.tried = time.Now() // others don't try meanwhile
		again := b.queue()
		b.mu.Unlock()
		<-again.done
		b.mu.Lock()
	}
	switch {
	case b.failed != nil:
		return fmt.Errorf("%w: the file cannot be written: %w", tenbit.ErrLedgerDown, b.failed)
	case b.closed:
		return fmt.Errorf("%w: the file is closed", tenbit.ErrLedgerDown)
	}
	return nil
}

// Reserve is [Memory.Reserve], durable. Errors of the file wrap [tenbit.ErrLedgerDown].
func (b *Bolt) Reserve(_ context.Context, t tenbit.Tenant, id string, want tenbit.Amount) (h tenbit.Hold, err error) {
	err = b.step(func(bk *book, now time.Time) error {
		var err error
		h, err = bk.reserve(t, id, want, now)
		return err
	})
	return h, err
}

// Settle is [Memory.Settle], durable.
func (b *Bolt) Settle(_ context.Context, h tenbit.Hold, spent tenbit.Amount) error {
	return b.step(func(bk *book, now time.Time) error { return bk.settle(h, spent, now) })
}

// Left is [Memory.Left]. Errors wrap [tenbit.ErrLedgerDown].
func (b *Bolt) Left(_ context.Context, t tenbit.Tenant) (tenbit.Bits, time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.down(); err != nil {
		return 0, time.Time{}, err
	}
	left, at := b.book.leftNow(t, time.Now())
	return left, at, nil
}

// Spent is [Memory.Spent]. Errors wrap [tenbit.ErrLedgerDown].
func (b *Bolt) Spent(_ context.Context, t tenbit.TenantID) (tenbit.Bits, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.down(); err != nil {
		return 0, err
	}
	b.book.tick(time.Now())
	return b.book.account(AccountOf(t)).spent.Bits(), nil
}

// Reset is [Memory.Reset], durable.
func (b *Bolt) Reset(_ context.Context, accounts ...string) error {
	return b.step(func(bk *book, now time.Time) error {
		bk.tick(now)
		bk.do(Entry{Op: OpReset, At: bk.clock, Accounts: accounts})
		return nil
	})
}

// Ready is nil while the file can be written.
func (b *Bolt) Ready(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down()
}

// Close writes what is queued and closes the file.
func (b *Bolt) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	if b.failed != nil {
		b.queue() // there may be room now
	}
	close(b.wake)
	b.mu.Unlock()
	b.idle.Wait()
	return b.db.Close()
}
