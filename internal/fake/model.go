package fake

import (
	"context"
	"fmt"
	"sync"

	"tenbit"
	"tenbit/policy"
)

var _ policy.Model = (*Model)(nil)

// Model is a [policy.Model] that follows a script. Make it with NewModel or Says.
type Model struct {
	script func(Call) Reply
	left   chan Call

	mu    sync.Mutex // guards calls
	calls []Call
}

// Call is one call of a Model.
type Call struct {
	N        int // counts from 0
	Request  tenbit.Request
	Sampling tenbit.Sampling
}

// Reply is what a Model makes of a call. The zero value is an empty answer that
// ends with "stop".
type Reply struct {
	Completion tenbit.Completion // an empty Finish is "stop", unless Err is set
	// Chunks are what the sink receives, one by one; nil: the content in one.
	// When Content is empty they make it up.
	Chunks []string
	Gate   <-chan struct{} // nothing happens before it is closed or sends; nil: at once
	Step   <-chan struct{} // one receive before each chunk; nil: at once
	Err    error           // returned in the end, with what came
}

// maxLeft is how many cancelled calls a Model remembers unread.
const maxLeft = 1024

// NewModel makes a model that asks script about each call. The script may be
// called concurrently.
func NewModel(script func(Call) Reply) *Model {
	return &Model{script: script, left: make(chan Call, maxLeft)}
}

// Says makes a model that gives one answer to everything.
func Says(content string) *Model {
	return NewModel(func(Call) Reply { return Text(content) })
}

// Knows makes a model that answers by the last user turn, and fails with
// [tenbit.ErrUnavailable] on others.
func Knows(answers map[string]string) *Model {
	return NewModel(func(c Call) Reply {
		if a, ok := answers[c.Request.Question()]; ok {
			return Text(a)
		}
		return Fails(tenbit.ErrUnavailable)
	})
}

// Text is a whole answer.
func Text(content string) Reply {
	return Reply{Completion: tenbit.Completion{
		Message: tenbit.Message{Content: content},
		Usage:   tenbit.Usage{Prompt: 1, Completion: 1 + len(content)/4},
	}}
}

// Fails is an answer that never begins.
func Fails(err error) Reply { return Reply{Err: err} }

// Complete follows the script.
func (m *Model) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	m.mu.Lock()
	call := Call{len(m.calls), req, s}
	m.calls = append(m.calls, call)
	m.mu.Unlock()
	out, err := m.script(call).play(ctx, s.Sink)
	if ctx.Err() != nil {
		select {
		case m.left <- call:
		default: // nobody reads them
		}
	}
	return out, err
}

// Calls are the calls so far, finished or not.
func (m *Model) Calls() []Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Call(nil), m.calls...)
}

// Left receives each call that ended with its context cancelled, when it ends.
func (m *Model) Left() <-chan Call { return m.left }

func (r Reply) play(ctx context.Context, sink tenbit.Sink) (tenbit.Completion, error) {
	if err := wait(ctx, r.Gate); err != nil {
		return tenbit.Completion{}, err
	}
	out := r.Completion
	chunks := r.Chunks
	if chunks == nil && out.Message.Content != "" {
		chunks = []string{out.Message.Content}
	}
	out.Message.Content = ""
	for _, c := range chunks {
		if err := wait(ctx, r.Step); err != nil {
			return out, err
		}
		out.Message.Content += c
		if sink == nil {
			continue
		}
		if err := sink(c); err != nil {
			return out, fmt.Errorf("pass the answer on: %w", err)
		}
	}
	if r.Err != nil {
		return out, r.Err
	}
	if r.Completion.Message.Content != "" {
		out.Message.Content = r.Completion.Message.Content
	}
	if out.Finish == "" {
		out.Finish = tenbit.FinishStop
	}
	return out, ctx.Err()
}

// wait receives from c, or returns at once where it is nil.
func wait(ctx context.Context, c <-chan struct{}) error {
	if c == nil {
		return ctx.Err()
	}
	select {
	case <-c:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
