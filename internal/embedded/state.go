package embedded

import (
	"context"
	"sync"
)

// network is the arithmetic of one architecture.
type network interface {
	start() state
}

// state is one sequence of tokens that a network has read.
type state interface {
	// eval reads tokens, which must fit the context. An error comes from ctx only.
	eval(ctx context.Context, tokens []int32, threads int) error
	// logits are those after the last token, valid until the next eval.
	logits() []int64
	// fork returns a sequence with the first n tokens, and these logits if
	// that is all of them. States that are not evaluated may be forked concurrently.
	fork(n int) state
	len() int
}

// spread calls f(0) to f(n-1) on up to threads goroutines and waits for them.
func spread(threads, n int, f func(i int)) {
	threads = min(threads, n/4) // fewer are not worth a goroutine
	if threads < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var wg sync.WaitGroup
	for k := range threads {
		wg.Go(func() {
			for i := k; i < n; i += threads {
				f(i)
			}
		})
	}
	wg.Wait()
}
