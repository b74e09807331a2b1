package link

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"tenbit"
	"tenbit/codec"

	"github.com/coder/websocket"
)

// helloTimeout bounds the wait for an edge's hello.
const helloTimeout = 10 * time.Second

// conn is one connection of an edge, at the origin.
type conn struct {
	srv    *Server
	edge   *edge
	ws     *websocket.Conn
	model  codec.Model    // nil: none in common
	modes  tenbit.ModeSet // that both ends know
	key    key            // of digests
	learns uint8          // the form of what both ends learn
	wg     sync.WaitGroup // followers

	mu      sync.Mutex // guards all below
	streams map[uint16]*follower
	idle    *time.Timer
	left    bool // the edge said so: nobody comes back for the rest
}

// serve handles one connection to its end. Nil: the edge left in good order.
func (c *conn) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	idle := time.AfterFunc(c.srv.cfg.Idle, func() { cancel(errors.New("idle")) })
	c.mu.Lock()
	c.idle = idle
	c.mu.Unlock()

	c.ws.SetReadLimit(MaxAsk)
	err := c.hello(ctx)
	if err == nil {
		err = c.read(ctx)
	}
	switch {
	case websocket.CloseStatus(err) == websocket.StatusGoingAway || websocket.CloseStatus(err) == websocket.StatusNormalClosure:
		c.mu.Lock()
		c.left = true
		c.mu.Unlock()
		err = nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	idle.Stop()
	cancel(errCutOff)
	switch {
	case errors.Is(err, ErrProtocol):
		c.close(websocket.StatusPolicyViolation)
	case errors.Is(err, errStopping):
		c.close(websocket.StatusGoingAway)
	}
	_ = c.ws.CloseNow()
	c.wg.Wait()
	return err
}

// close says why. A peer that doesn't answer must not hold up the end.
func (c *conn) close(why websocket.StatusCode) {
	t := time.AfterFunc(time.Second, func() { _ = c.ws.CloseNow() })
	defer t.Stop()
	_ = c.ws.Close(why, "")
}

// pinged keeps the connection open.
func (c *conn) pinged(context.Context, []byte) bool {
	c.touch()
	return true
}

func (c *conn) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.Reset(c.srv.cfg.Idle)
	}
}

// next reads one frame.
func (c *conn) next(ctx context.Context) (frame, error) {
	typ, p, err := c.ws.Read(ctx)
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, errTooLong)
	}
	if err != nil {
		return nil, err
	}
	c.touch()
	if typ != websocket.MessageBinary {
		return nil, fmt.Errorf("%w: text message", ErrProtocol)
	}
	fr, err := parseFrame(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return fr, nil
}

// hello agrees on version, model and modes.
func (c *conn) hello(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, helloTimeout, errors.New("no hello"))
	defer cancel()
	fr, err := c.next(ctx)
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	h, ok := fr.(hello)
	if !ok {
		return fmt.Errorf("hello: %w: got %T", ErrProtocol, fr)
	}
	if h.version != Version {
		if err := c.send(ctx, failure{code: CodeVersion, spent: Version}); err != nil {
			return fmt.Errorf("hello: refuse version %d: %w", h.version, err)
		}
		return fmt.Errorf("hello: %w: here %d, there %d", ErrProtocol, Version, h.version)
	}
	_, _ = rand.Read(c.key[:]) // never fails
	a := ack{modes: uint64(c.srv.cfg.Modes), streams: uint16(c.srv.cfg.MaxStreams), key: c.key}
	c.modes = c.srv.cfg.Modes & h.modes
	for i, m := range h.models {
		if c.srv.cfg.Model != nil && c.srv.cfg.Model.Fingerprint() == m {
			c.model, a.model = c.srv.cfg.Model, uint8(i+1)
			break
		}
	}
	if c.model == nil {
		c.modes &= noModel
	}
	if l := c.edge.memories.learner; c.model != nil && l != nil {
		c.learns = l.Form() & h.learns
		a.learns = c.learns
	}
	if t := c.srv.cfg.Twin; t != nil && h.twin != 0 {
		if a.twin = twinSame; h.twin != t.Fingerprint() {
			a.twin = twinOther
			t.Checked(false)
			c.srv.cfg.Log.Warn("edge's small model is not the twin's: drafts travel", "edge", c.edge.Name)
		}
	}
	if err := c.send(ctx, a); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	return nil
}

// send writes a frame. A context that ends in the middle of a write closes the
// connection, with all that others do there, so a stream's end must not reach it.
func (c *conn) send(ctx context.Context, fr frame) error {
	return send(context.WithoutCancel(ctx), c.ws, fr.append(nil))
}

// read takes the edge's frames until the connection ends.
func (c *conn) read(ctx context.Context) error {
	var brief shorthand
	for {
		fr, err := c.next(ctx)
		if err != nil {
			return err
		}
		switch fr := fr.(type) {
		case ask:
			if err = brief.expand(&fr); err == nil {
				err = c.ask(ctx, fr)
			}
		case resume:
			err = c.resume(ctx, fr)
		case cancel:
			c.cancel(fr.stream)
		default:
			err = fmt.Errorf("%w: unexpected %T", ErrProtocol, fr)
		}
		if err != nil {
			return err
		}
	}
}

// open takes a stream number, and a context that its cancel ends. A number
// that is taken or too high comes from a broken edge.
func (c *conn) open(ctx context.Context, n uint16) (*follower, context.Context, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams[n] != nil || int(n) > c.srv.cfg.MaxStreams {
		return nil, nil, fmt.Errorf("%w: stream %d is taken or too high", ErrProtocol, n)
	}
	ctx, stop := context.WithCancelCause(ctx)
	f := &follower{c: c, stream: n, stop: stop}
	c.streams[n] = f
	return f, ctx, nil
}

// cancel ends a stream. One that is already closed crossed on the way.
func (c *conn) cancel(n uint16) {
	c.mu.Lock()
	f := c.streams[n]
	c.mu.Unlock()
	if f != nil {
		f.stop(errCancelled)
	}
}

// ask admits a request and leaves it to a goroutine.
func (c *conn) ask(ctx context.Context, a ask) error {
	f, ctx, err := c.open(ctx, a.stream)
	if err != nil {
		return err
	}
	size := a.room()
	switch {
	case c.srv.stopping():
		return f.refuse(ctx, CodeUnavailable)
	case !c.edge.admit(size):
		return f.refuse(ctx, CodeBusy)
	}
	// Enrolled before its texts are read, so that a resume on another connection
	// finds it.
	r, made := c.edge.enroll(c.srv.ctx, a)
	if r == nil {
		c.edge.leave(size)
		return f.refuse(ctx, CodeRepeatedID)
	}
	r.attach()
	if made == nil {
		c.edge.leave(size)
		c.follow(func() { f.follow(ctx, r, 0) })
		return nil
	}
	c.follow(func() { f.ask(ctx, made, r, a, size) })
	return nil
}

// resume looks up a request and sends its rest.
func (c *conn) resume(ctx context.Context, rs resume) error {
	f, ctx, err := c.open(ctx, rs.stream)
	if err != nil {
		return err
	}
	r := c.edge.find(rs.id)
	switch {
	case r == nil:
		return f.refuse(ctx, CodeUnknownID)
	case rs.have > MaxReply:
		return f.refuse(ctx, CodeBadRequest)
	}
	r.attach()
	c.follow(func() { f.follow(ctx, r, int(rs.have)) })
	return nil
}

// follow runs a follower. The connection waits for it; it ends when its reply
// is sent, and soon after the connection does.
func (c *conn) follow(f func()) {
	c.edge.enter()
	c.wg.Go(func() {
		defer c.edge.exit()
		f()
	})
}

// hashAsk names an ask, wherever it comes in. Its digest is another on each
// connection.
func hashAsk(a ask) [sha256.Size]byte {
	a.stream, a.digest = 1, proof{}
	return sha256.Sum256(a.append(nil))
}
