package link

import (
	"context"
	"errors"
	"time"

	"tenbit"
)

// follower sends one reply on one stream of one connection. Its methods' ctx
// ends with the connection, or with cause errCancelled when the edge cancels.
type follower struct {
	c      *conn
	stream uint16
	stop   context.CancelCauseFunc
}

// close frees the number and sends the last frame, in this order: the edge may
// use the number again as soon as the frame is there.
func (f *follower) close(ctx context.Context, fr frame) error {
	f.c.mu.Lock()
	delete(f.c.streams, f.stream)
	f.c.mu.Unlock()
	defer f.stop(nil)
	return f.c.send(ctx, fr)
}

// refuse closes a stream before anything was spent.
func (f *follower) refuse(ctx context.Context, code Code) error {
	return f.close(ctx, failure{stream: f.stream, code: code})
}

// ask reads the texts of an admitted ask, starts its reply, whose context is
// made, and sends it.
func (f *follower) ask(ctx, made context.Context, r *reply, a ask, size int64) {
	e, s := f.c.edge, f.c.srv
	tenant := tenbit.TenantID(e.Name) + "/" + tenbit.TenantID(a.tenant)
	k := kit{model: f.c.model, candidates: s.cfg.Candidates, key: f.c.key}
	o := owner{tenant, [8]byte(a.id[:8])}
	if a.shape&shapeHistory != 0 {
		if k.history = e.memories.find(o, f.c.learns, a.state, a.shape&shapeLearns != 0); k.history != nil {
			k.model = k.history.model
		}
	}
	t, err := a.unpack(k)
	if err == nil && a.shape&shapeTwin != 0 {
		t, err = s.twin(made, a, t, k)
	}
	code := CodeUnavailable
	if err == nil {
		t.Tenant = tenant
		t.Modes &= f.c.modes
		learn := func(tenbit.Sent) func() { return func() {} }
		if a.shape&shapeLearns != 0 {
			learn = func(sent tenbit.Sent) func() {
				return e.memories.keep(o, k.history, exchange{t, sent.Reply, [2]uint32{a.digest.short(), sent.Digest}})
			}
		}
		if s.run(func() {
			defer e.leave(size)
			s.serve(made, r, t, k.model, learn)
			r.retire()
		}) {
			f.follow(ctx, r, 0)
			return
		}
	} else {
		s.cfg.Log.Warn("bad ask", "edge", e.Name, "id", t.ID, "err", err)
		code = CodeBadRequest
		switch {
		case errors.Is(err, errDraft):
			code = CodeNeedDraft
		case errors.Is(err, errDigest):
			code = CodeMismatch
		}
	}
	e.leave(size)
	e.strike(r) // it may be asked again
	s.charge(made, r, tenant, t.ID+"/"+code.String())
	r.freeze(tenbit.Sent{}, code)
	r.finish()
	f.follow(ctx, r, 0)
}

// follow sends a reply from an offset to its end.
func (f *follower) follow(ctx context.Context, r *reply, from int) {
	for granted := false; ; {
		v, ok := f.gather(ctx, r, from)
		if !ok {
			f.abandon(ctx, r)
			return
		}
		if v.failed != 0 {
			_ = f.close(ctx, failure{f.stream, v.failed, v.spent})
			r.detach(0)
			return
		}
		if v.shift > 0 && !granted {
			granted = true
			if f.c.send(ctx, grant{f.stream, v.shift}) != nil {
				f.abandon(ctx, r)
				return
			}
		}
		if v.last {
			if f.close(ctx, end{f.stream, v.sent, v.chunk}) == nil {
				r.detach(0)
				return
			}
			r.detach(f.c.srv.cfg.Grace)
			return
		}
		if len(v.chunk) > 0 && f.c.send(ctx, data{f.stream, v.chunk}) != nil {
			f.abandon(ctx, r)
			return
		}
		from += len(v.chunk)
	}
}

// gather waits until bytes leave: Coalesce after the first of them, when
// CoalesceBytes are there, or at the end. False: the edge or the connection is gone.
func (f *follower) gather(ctx context.Context, r *reply, from int) (view, bool) {
	cfg := &f.c.srv.cfg
	var due <-chan time.Time
	for {
		v := r.look(from)
		if ctx.Err() != nil {
			return v, false
		}
		if v.failed != 0 || v.last || v.ready >= cfg.CoalesceBytes {
			return r.take(from), true
		}
		if v.ready > 0 && due == nil {
			t := time.NewTimer(cfg.Coalesce)
			defer t.Stop()
			due = t.C
		}
		select {
		case <-v.changed:
		case <-due:
			return r.take(from), true
		case <-ctx.Done():
			return v, false
		}
	}
}

// abandon ends a stream whose edge cancelled, or whose connection is gone.
func (f *follower) abandon(ctx context.Context, r *reply) {
	if errors.Is(context.Cause(ctx), errCancelled) {
		spent := r.abort()
		_ = f.close(ctx, failure{f.stream, CodeCancelled, spent})
		r.detach(0)
		return
	}
	f.c.mu.Lock()
	left := f.c.left
	f.c.mu.Unlock()
	grace := f.c.srv.cfg.Grace
	if left {
		grace = 0
	}
	r.detach(grace)
	f.stop(nil)
}
