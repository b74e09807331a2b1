package cache

import (
	"context"
	"sync"
	"time"
)

// outage knows whether a server is away: after failures in a row, until a probe
// says otherwise.
type outage struct {
	began chan struct{} // has room for one: the server has gone away

	mu     sync.Mutex // guards what follows
	failed int        // in a row
}

// on reports whether the server is away.
func (o *outage) on() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed >= patience
}

// saw notes how a step ended.
func (o *outage) saw(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.failed = 0
		return
	}
	if o.failed++; o.failed >= patience {
		select {
		case o.began <- struct{}{}:
		default: // is known
		}
	}
}

// watch probes a server that is away, after each rest, until ctx ends.
func (o *outage) watch(ctx context.Context, probe func(context.Context) error) {
	for {
		select {
		case <-o.began:
		case <-ctx.Done():
			return
		}
		for o.on() {
			select {
			case <-time.After(rest):
			case <-ctx.Done():
				return
			}
			if probe(ctx) == nil {
				o.saw(nil)
			}
		}
	}
}
