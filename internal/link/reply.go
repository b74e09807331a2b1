package link

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"tenbit"
)

// reply is one reply of the origin, made once and sent as often as the edge's
// connections need: a follower on each sends it from wherever the edge stands.
type reply struct {
	edge *edge
	id   id
	hash [sha256.Size]byte // of the ask
	// piece says that nobody reads the text as it is made: it leaves in one piece.
	piece bool

	size  int64     // guarded by edge.mu, as are the next two
	since time.Time // when it was finished
	gone  bool      // its bytes were dropped

	cancel context.CancelCauseFunc // of the handler

	// mu guards all below. It may be taken under edge.mu, never the other way.
	mu        sync.Mutex
	limit     tenbit.Bits // granted
	shift     uint8       // of the grant frame, 0: none
	buf       []byte      // the codeword so far
	wired     int         // how much of it left, at most
	frozen    bool        // the outcome is set
	finished  bool        // and settled
	sent      tenbit.Sent // when code is 0; without the Reply, whose bytes are in buf
	code      Code
	spent     tenbit.Bits
	followers int
	kept      bool // the edge has it
	cleared   bool // the edge dropped its bytes
	orphaned  *time.Timer
	changed   chan struct{} // closed and replaced at each change
}

// errOrphan says that a cut connection was not resumed in time.
var errOrphan = errors.New("nobody asked for the rest")

// errCancelled says that the edge cancelled.
var errCancelled = errors.New("cancelled by the edge")

// change wakes the followers. The caller holds mu.
func (r *reply) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// begin sets the terms of a new reply.
func (r *reply) begin(limit tenbit.Bits, shift uint8) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit, r.shift = limit, shift
}

// append is the handler's send.
func (r *reply) append(p []byte) error {
	if !r.edge.grow(int64(len(p))) {
		return fmt.Errorf("send: %w", errBusy)
	}
	err := r.put(p)
	if err != nil {
		r.edge.grow(-int64(len(p)))
	}
	return err
}

func (r *reply) put(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.frozen:
		return errCancelled
	case len(r.buf)+len(p) > maxPayload(r.limit):
		return fmt.Errorf("send %d bytes after %d: %w", len(p), len(r.buf), ErrOverLimit)
	}
	r.buf = append(r.buf, p...)
	r.change()
	return nil
}

var errBusy = errors.New("edge holds too many bytes")

// freeze sets the outcome and says what was spent. Nothing is added any more
// and, of a reply that failed, nothing leaves.
func (r *reply) freeze(sent tenbit.Sent, code Code) tenbit.Bits {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent.Reply = tenbit.Reply{}
	r.sent, r.code, r.frozen = sent, code, true
	r.spent = sent.Bits
	if r.shift > 0 {
		r.spent += grantPrice
	}
	if code != 0 {
		r.spent = r.crossed()
	}
	return r.spent
}

// finish lets the followers tell the outcome.
func (r *reply) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished = true
	if r.orphaned != nil {
		r.orphaned.Stop()
	}
	r.change()
}

// crossed is what a reply that isn't whole has cost. The caller holds mu.
func (r *reply) crossed() tenbit.Bits {
	b := tenbit.Bits(r.wired) * tenbit.Byte
	most := r.limit
	if r.shift > 0 {
		most += grantPrice
		b += grantPrice
	}
	return min(b+ErrorPrice, most)
}

// attach adds a follower.
func (r *reply) attach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followers++
	if r.orphaned != nil {
		r.orphaned.Stop()
		r.orphaned = nil
	}
}

// detach removes one. An unfinished reply without followers is made for grace
// longer, then cancelled.
func (r *reply) detach(grace time.Duration) {
	r.mu.Lock()
	r.followers--
	switch {
	case r.followers > 0 || r.finished:
	case grace <= 0:
		r.cancel(errCancelled)
	default:
		r.orphaned = time.AfterFunc(grace, func() { r.cancel(errOrphan) })
	}
	r.mu.Unlock()
	r.retire()
}

// retire hands a reply to the edge when it is finished and nobody follows it.
func (r *reply) retire() {
	r.mu.Lock()
	now := r.finished && r.followers == 0 && !r.kept
	r.kept = r.kept || now
	size := len(r.buf)
	r.mu.Unlock()
	if now {
		r.cancel(nil)
		r.edge.keep(r, size)
	}
}

// abort cancels the reply and says what has crossed.
func (r *reply) abort() tenbit.Bits {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel(errCancelled)
	if r.frozen {
		return r.spent
	}
	return r.crossed()
}

// strike keeps the reply from the edge's memory.
func (r *reply) strike() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = true
	r.cancel(nil)
}

// clear drops the bytes.
func (r *reply) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf, r.cleared = nil, true
}

// view is what a follower sees of a reply.
type view struct {
	ready   int // bytes that may leave
	chunk   []byte
	last    bool // the chunk is the end of the codeword
	failed  Code
	spent   tenbit.Bits
	sent    tenbit.Sent
	shift   uint8
	changed <-chan struct{}
}

// look shows what follows after the first from bytes, without taking it.
func (r *reply) look(from int) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.see(from)
}

// take is look, and the bytes leave.
func (r *reply) take(from int) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.see(from)
	n := min(v.ready, maxChunk)
	if n > 0 {
		v.chunk = r.buf[from : from+n : from+n]
		r.wired = max(r.wired, from+n)
	}
	return v
}

// see is look under mu.
func (r *reply) see(from int) view {
	v := view{changed: r.changed, shift: r.shift, spent: r.spent, sent: r.sent}
	switch {
	case r.finished && r.code != 0:
		v.failed = r.code
	case r.frozen && r.code != 0: // soon
	case r.cleared:
		v.failed = CodeRepeatedID
	case r.piece && !r.finished: // a frame costs more than it is worth
	case from <= len(r.buf):
		v.ready = len(r.buf) - from
		v.last = r.finished && v.ready <= maxChunk
	case r.finished:
		v.failed = CodeBadRequest // the edge says that it has more than there is
	}
	return v
}
