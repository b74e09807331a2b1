package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tenbit"
)

// look asks what is left while the answer is being made: a ledger that is away
// and a cache that is away are waited for at the same time, not one after the
// other.
type look struct {
	began  time.Time
	done   chan struct{} // closed when what follows is set
	left   tenbit.Bits
	err    error
	ended  time.Time
	cancel context.CancelFunc
}

// lookAhead starts to look. It ends with the ledger's answer, or with end.
func lookAhead(ctx context.Context, l Ledger, t tenbit.Tenant) *look {
	ctx, cancel := context.WithCancel(ctx)
	k := &look{began: time.Now(), done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(k.done)
		k.left, _, k.err = l.Left(ctx, t)
		k.ended = time.Now()
	}()
	return k
}

// errTired says that a look failed just now after a time-out: another one would
// be a second wait for the same server.
var errTired = errors.New("waited for the ledger already")

func (k *look) wait() (tenbit.Bits, error) {
	<-k.done
	if k.err != nil && k.ended.Sub(k.began) > 2*lookAgain && time.Since(k.ended) < time.Second {
		return 0, fmt.Errorf("%w: %w", errTired, k.err)
	}
	return k.left, k.err
}

func (k *look) end() {
	k.cancel()
	<-k.done
}
