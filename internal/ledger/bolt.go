package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"tenbit"
)

// Bolt keeps budgets in one file. Every reservation and every settlement is
// one transaction, on disk (fsync) before the call returns: after kill -9 what
// was acknowledged is there, and holds that were under way are charged in full
// when they expire.
type Bolt struct {
	db *bbolt.DB
}

var accounts = []byte("accounts")

// OpenBolt opens or makes the file at path, which one process holds at a time.
func OpenBolt(path string) (*Bolt, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("open the ledger %s: %w", path, err)
	}
	db.MaxBatchDelay = time.Millisecond // waits for company, but not for long
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(accounts)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the ledger %s: %w", path, err), db.Close())
	}
	return &Bolt{db}, nil
}

// update changes one account in one transaction. The account is written also
// when f fails: sweeping may have charged it.
func (b *Bolt) update(t tenbit.TenantID, f func(*account, time.Time) error) error {
	var result error
	err := b.db.Batch(func(tx *bbolt.Tx) error {
		a, err := load(tx, t)
		if err != nil {
			return err
		}
		result = f(a, time.Now())
		val, err := json.Marshal(a)
		if err != nil {
			return err
		}
		return tx.Bucket(accounts).Put([]byte("t"+t), val) // "t": bbolt takes no empty key
	})
	if err != nil {
		return fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
	}
	return result
}

func load(tx *bbolt.Tx, t tenbit.TenantID) (*account, error) {
	a := &account{}
	if val := tx.Bucket(accounts).Get([]byte("t" + t)); val != nil {
		if err := json.Unmarshal(val, a); err != nil {
			return nil, fmt.Errorf("read an account: %w", err)
		}
	}
	return a, nil
}

// Reserve is [Memory.Reserve], durable. Errors of the file wrap [tenbit.ErrLedgerDown].
func (b *Bolt) Reserve(_ context.Context, t tenbit.Tenant, id string, want tenbit.Bits) (h tenbit.Hold, err error) {
	err = b.update(t.ID, func(a *account, now time.Time) error {
		var err error
		h, err = a.reserve(t, id, want, now)
		return err
	})
	return h, err
}

// Settle is [Memory.Settle], durable.
func (b *Bolt) Settle(_ context.Context, h tenbit.Hold, spent tenbit.Bits) error {
	return b.update(h.Tenant, func(a *account, now time.Time) error { return a.settle(h.ID, spent, now) })
}

// Left is [Memory.Left].
func (b *Bolt) Left(_ context.Context, t tenbit.Tenant) (left tenbit.Bits, at time.Time, err error) {
	now := time.Now()
	err = b.view(t.ID, func(a *account) { left = a.left(t, now) })
	return left, refill(t, now), err
}

// Spent is [Memory.Spent].
func (b *Bolt) Spent(_ context.Context, t tenbit.TenantID) (spent tenbit.Bits, err error) {
	err = b.view(t, func(a *account) { a.sweep(time.Now()); spent = a.Spent })
	return spent, err
}

func (b *Bolt) view(t tenbit.TenantID, f func(*account)) error {
	err := b.db.View(func(tx *bbolt.Tx) error {
		a, err := load(tx, t)
		if err == nil {
			f(a)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
	}
	return nil
}

// Close closes the file.
func (b *Bolt) Close() error { return b.db.Close() }
