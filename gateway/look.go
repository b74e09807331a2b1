package gateway

import (
	"context"

	"tenbit"
)

// look asks what is left while the answer is being made: a ledger that is away
// and a cache that is away are waited for at the same time, not one after the
// other.
type look struct {
	done   chan struct{} // closed when left and err are set
	left   tenbit.Bits
	err    error
	cancel context.CancelFunc
}

// lookAhead starts to look. It ends with the ledger's answer, or with end.
func lookAhead(ctx context.Context, l Ledger, t tenbit.Tenant) *look {
	ctx, cancel := context.WithCancel(ctx)
	k := &look{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(k.done)
		k.left, _, k.err = l.Left(ctx, t)
	}()
	return k
}

func (k *look) wait() (tenbit.Bits, error) {
	<-k.done
	return k.left, k.err
}

func (k *look) end() {
	k.cancel()
	<-k.done
}
