package gateway

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"tenbit"
	"tenbit/cache"
)

// flight is one walk with everybody who waits for it. The walk is cancelled
// when the last of them has left.
type flight struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed when the walk has ended

	mu      sync.Mutex // guards what follows
	text    strings.Builder
	answer  tenbit.Answer
	err     error
	done    bool
	waiting map[chan struct{}]int // those who wait, woken at every change; a number, since one may wait twice
}

// flights are the walks under way, by cache key.
type flights struct {
	mu  sync.Mutex // guards all
	all map[cache.Key]*flight
	wg  sync.WaitGroup // walks that have not ended
}

// join finds the walk for key, or makes one of walk. run is nil for all but the
// one who makes it: that one must call it, is told the cost, and whoever else
// waits is told the answer. It returns when the walk has ended, also where the
// last who waits has left. Whoever waits is woken by wake, which has room for one.
func (fs *flights) join(ctx context.Context, key cache.Key, share bool, wake chan struct{}, walk func(context.Context, tenbit.Sink) (tenbit.Answer, error)) (f *flight, run func()) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.all[key]; share && f != nil && f.enter(wake) {
		return f, nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f = &flight{cancel: cancel, ended: make(chan struct{}), waiting: map[chan struct{}]int{wake: 1}}
	if share {
		if fs.all == nil {
			fs.all = map[cache.Key]*flight{}
		}
		fs.all[key] = f
	}
	fs.wg.Add(1)
	return f, func() {
		defer fs.wg.Done()
		defer cancel()
		a, err := guarded(ctx, f.write, walk)
		fs.mu.Lock()
		if fs.all[key] == f {
			delete(fs.all, key)
		}
		fs.mu.Unlock()
		f.finish(a, err)
	}
}

// guarded keeps a walk that panics from ending the process: it is one request's.
func guarded(ctx context.Context, sink tenbit.Sink, walk func(context.Context, tenbit.Sink) (tenbit.Answer, error)) (a tenbit.Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	return walk(ctx, sink)
}

// panicked is a panic on the way to an answer.
type panicked struct {
	what  any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.what, p.stack) }

// enter joins a flight that somebody still waits for.
func (f *flight) enter(wake chan struct{}) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return false // its walk is being cancelled
	}
	f.waiting[wake]++
	return true
}

// leave gives up waiting; the last to leave cancels the walk, and is told so.
func (f *flight) leave(wake chan struct{}) (last bool) {
	f.mu.Lock()
	if f.waiting[wake]--; f.waiting[wake] == 0 {
		delete(f.waiting, wake)
	}
	last = len(f.waiting) == 0
	f.mu.Unlock()
	if last {
		f.cancel()
	}
	return last
}

func (f *flight) write(text string) error {
	f.mu.Lock()
	f.text.WriteString(text)
	f.signal()
	f.mu.Unlock()
	runtime.Gosched() // whoever waits for text goes before the model's next
	return nil
}

func (f *flight) finish(a tenbit.Answer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.err, f.done = a, err, true
	close(f.ended)
	f.signal()
}

func (f *flight) signal() {
	for wake := range f.waiting {
		select {
		case wake <- struct{}{}:
		default: // is awake
		}
	}
}

// next returns the text after the first n bytes, and whether the walk has ended.
func (f *flight) next(n int) (text string, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()[n:], f.done
}

// result is how the walk ended, once next says that it has.
func (f *flight) result() (tenbit.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answer, f.err
}
