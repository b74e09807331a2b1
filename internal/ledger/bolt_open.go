package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unicode/utf8"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

var (
	errDamaged = errors.New("the file is damaged; restore a copy, or move it away to begin anew")
	errOld     = errors.New("an older version made it; move it away to begin anew")
	errHeld    = errors.New("another process holds it")
)

// OpenBolt opens or makes the file at path, which one process holds at a time.
// keep is how long the journal keeps entries, 0: [Keep]; hold is how long a hold
// waits for its settlement, 0: [HoldFor].
func OpenBolt(path string, keep, hold time.Duration) (*Bolt, error) {
	if keep == 0 {
		keep = Keep
	}
	b := &Bolt{keep: keep, wake: make(chan struct{}, 1), batch: &batch{taken: true, done: make(chan struct{})}}
	close(b.batch.done)
	b.book = newBook(hold, b.add)
	if err := b.open(path); err != nil {
		return nil, fmt.Errorf("open the ledger %s: %w", path, err)
	}
	b.idle.Go(b.writer)
	return b, nil
}

// open opens the file and reads all of it: bbolt panics where a page makes no
// sense, and faults where one is missing from its mapping.
func (b *Bolt) open(path string) (err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if _, fault := p.(runtime.Error); fault {
				p = "a page is missing or makes no sense"
			}
			// bbolt may hold its locks, so that it can't be closed: the mapping, and
			// with it the file's lock, stays until the process ends.
			err = errors.Join(fmt.Errorf("%w: %v", errDamaged, p), file.Close())
		}
	}()
	b.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: 2 * time.Second, FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return errHeld
	case err != nil && !errors.As(err, new(syscall.Errno)): // not the system's
		return fmt.Errorf("%w: %w", errDamaged, err)
	case err != nil:
		return err
	}
	if err = b.db.View(survey); err == nil {
		err = b.load()
	}
	if err != nil {
		return errors.Join(err, b.db.Close())
	}
	return nil
}

// survey reads every key and value, so that damage shows before anything is
// written. All values are text; to parse them would take too long.
func survey(tx *bbolt.Tx) error {
	return tx.ForEach(func(name []byte, in *bbolt.Bucket) error {
		number := bytes.Equal(name, journalBucket)
		return in.ForEach(func(k, v []byte) error {
			if !utf8.Valid(v) || number && len(k) != 8 {
				return fmt.Errorf("%w: %s %x", errDamaged, name, k)
			}
			return nil
		})
	})
}

// load makes the buckets and replays what follows the checkpoint.
func (b *Bolt) load() error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(oldBucket) != nil {
			return errOld
		}
		for _, name := range [][]byte{journalBucket, openingBucket, stateBucket, recordBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := b.replay(tx); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		return nil
	})
}

func (b *Bolt) replay(tx *bbolt.Tx) error {
	var p checkpoint
	if val := tx.Bucket(stateBucket).Get(pointKey); val != nil {
		if err := json.Unmarshal(val, &p); err != nil {
			return fmt.Errorf("read the checkpoint: %w", err)
		}
	}
	p.restore(b.book)
	b.next = p.Next
	c := tx.Bucket(journalBucket).Cursor()
	for k, v := c.Seek(numberKey(p.Next)); k != nil; k, v = c.Next() {
		e, err := ParseEntry(string(v))
		if err != nil {
			return fmt.Errorf("entry %x: %w", k, err)
		}
		b.book.apply(e)
		b.next = binary.BigEndian.Uint64(k) + 1
		b.points++
	}
	return nil
}
