package gateway

import (
	"context"
	"strings"
	"sync"

	"tenbit"
	"tenbit/cache"
)

// flight is one walk with everybody who waits for it. The walk is cancelled
// when the last of them has left.
type flight struct {
	cancel context.CancelFunc

	mu      sync.Mutex // guards what follows
	text    strings.Builder
	answer  tenbit.Answer
	err     error
	done    bool
	waiting int
	changed chan struct{} // closed and replaced at every change
}

// flights are the walks under way, by cache key.
type flights struct {
	mu  sync.Mutex // guards all
	all map[cache.Key]*flight
	wg  sync.WaitGroup // walks that have not ended
}

// join finds the walk for key or starts it with walk, which runs until it
// returns or the last who waits has left. The first result is false for all
// but the one who started it: that one is told the cost.
func (fs *flights) join(ctx context.Context, key cache.Key, share bool, walk func(context.Context, tenbit.Sink) (tenbit.Answer, error)) (*flight, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.all[key]; share && f != nil && f.enter() {
		return f, false
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, waiting: 1, changed: make(chan struct{})}
	if share {
		if fs.all == nil {
			fs.all = map[cache.Key]*flight{}
		}
		fs.all[key] = f
	}
	fs.wg.Go(func() {
		defer cancel()
		a, err := walk(ctx, f.write)
		fs.mu.Lock()
		if fs.all[key] == f {
			delete(fs.all, key)
		}
		fs.mu.Unlock()
		f.finish(a, err)
	})
	return f, true
}

// enter joins a flight that somebody still waits for.
func (f *flight) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting == 0 {
		return false // its walk is being cancelled
	}
	f.waiting++
	return true
}

// leave gives up waiting; the last to leave cancels the walk.
func (f *flight) leave() {
	f.mu.Lock()
	f.waiting--
	last := f.waiting == 0
	f.mu.Unlock()
	if last {
		f.cancel()
	}
}

func (f *flight) write(text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.WriteString(text)
	f.signal()
	return nil
}

func (f *flight) finish(a tenbit.Answer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.err, f.done = a, err, true
	f.signal()
}

func (f *flight) signal() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// next returns the text after the first n bytes, whether the walk has ended,
// and a channel that closes when there is more to see.
func (f *flight) next(n int) (text string, done bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()[n:], f.done, f.changed
}

// wait waits for the end of the walk.
func (f *flight) wait(ctx context.Context) (tenbit.Answer, error) {
	for {
		_, done, changed := f.next(0)
		if done {
			return f.answer, f.err // final: written before done
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return tenbit.Answer{}, context.Cause(ctx)
		}
	}
}
