package link

import (
	"context"
	"sync"
	"time"
)

// edge is what the server holds for one edge, all of it bounded.
type edge struct {
	Edge
	cfg      *ServerConfig
	memories memories

	mu      sync.Mutex // guards all below
	conns   int
	active  int   // asks between admission and settlement
	users   int   // asks, and followers that send
	bytes   int64 // of their texts and replies
	idle    chan struct{}
	replies map[id]*reply
	kept    []*reply // finished, oldest first
	keeping int64    // their bytes
}

func newEdge(e Edge, cfg *ServerConfig) *edge {
	made := &edge{Edge: e, cfg: cfg, replies: map[id]*reply{}}
	if cfg.Histories > 0 {
		made.memories = memories{learner: learnerOr(cfg.Learner, cfg.Model, cfg.Histories), most: cfg.Histories}
	}
	return made
}

func (e *edge) connect() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conns >= e.cfg.MaxConns {
		return false
	}
	e.conns++
	return true
}

func (e *edge) disconnect() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns--
}

// admit takes in an ask with n bytes, if there is room. Each true needs a leave.
func (e *edge) admit(n int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.active >= e.cfg.MaxStreams || e.bytes+n > e.cfg.MaxBytes {
		return false
	}
	e.active++
	e.users++
	e.bytes += n
	return true
}

func (e *edge) leave(n int64) {
	e.mu.Lock()
	e.active--
	e.bytes -= n
	e.mu.Unlock()
	e.exit()
}

// enter and exit count what drain waits for.
func (e *edge) enter() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users++
}

func (e *edge) exit() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users--
	if e.users == 0 && e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// grow takes n more bytes for a reply, or gives them back below 0.
func (e *edge) grow(n int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n > 0 && e.bytes+n > e.cfg.MaxBytes {
		return false
	}
	e.bytes += n
	return true
}

// drain waits until nothing is under way.
func (e *edge) drain(ctx context.Context) error {
	e.mu.Lock()
	if e.users == 0 {
		e.mu.Unlock()
		return nil
	}
	if e.idle == nil {
		e.idle = make(chan struct{})
	}
	idle := e.idle
	e.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enroll finds the reply of an id or makes it; then ctx isn't nil. Another ask
// under the same id, or one whose reply is gone, is a repeated id: nil.
func (e *edge) enroll(parent context.Context, a ask) (r *reply, ctx context.Context) {
	key, hash := a.id, hashAsk(a)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.evict()
	if r := e.replies[key]; r != nil {
		if r.hash != hash || r.gone {
			return nil, nil
		}
		return r, nil
	}
	ctx, cancel := context.WithCancelCause(parent)
	r = &reply{edge: e, id: key, hash: hash, piece: a.shape&shapeStream == 0, cancel: cancel, changed: make(chan struct{})}
	e.replies[key] = r
	return r, ctx
}

// strike forgets a reply that was never begun, with its id.
func (e *edge) strike(r *reply) {
	r.strike()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.replies, r.id)
}

// find is the reply of an id, nil when it is unknown.
func (e *edge) find(key id) *reply {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.evict()
	return e.replies[key]
}

// keep holds a finished reply that nobody follows, within the bounds. Its bytes
// no longer count as under way.
func (e *edge) keep(r *reply, size int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.size, r.since = int64(size), time.Now()
	e.bytes -= r.size
	e.keeping += r.size
	e.kept = append(e.kept, r)
	e.evict()
}

// evict drops the bytes of replies that are too many or too old, but remembers
// their ids sixteen times as long: a repeated id must not buy a second reply.
func (e *edge) evict() {
	old := time.Now().Add(-e.cfg.KeepFor)
	for i := len(e.kept) - 1 - e.cfg.Keep; i >= 0 && !e.kept[i].gone; i-- {
		e.forget(e.kept[i])
	}
	for _, r := range e.kept {
		if e.keeping <= e.cfg.KeepBytes && r.since.After(old) {
			break
		}
		e.forget(r)
	}
	for len(e.kept) > idsPerReply*e.cfg.Keep {
		delete(e.replies, e.kept[0].id)
		e.kept = e.kept[1:]
	}
}

// idsPerReply is how many ids are remembered for each reply that may be kept.
const idsPerReply = 16

func (e *edge) forget(r *reply) {
	if !r.gone {
		r.gone = true
		e.keeping -= r.size
		r.clear()
	}
}
