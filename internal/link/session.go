package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tenbit"
	"tenbit/codec"

	"github.com/coder/websocket"
)

// session is one connection of the client, from hello to its end.
type session struct {
	c     *Client
	conn  *websocket.Conn
	model codec.Model // nil: none in common
	modes tenbit.ModeSet
	most  int   // streams
	learn uint8 // the form of what both ends learn
	twin  bool  // the origin runs the same small model
	key   key   // of digests

	doubt  atomic.Bool   // a reply didn't decode: go on without the model
	misses atomic.Int32  // different drafts of the twin in a row
	out    chan outgoing // to the writer
	wake   chan struct{} // there are cancels to write
	done   chan struct{} // closed at the end, after err is set

	mu      sync.Mutex // guards all below
	streams map[uint16]*stream
	cancels []uint16 // not yet written
	err     error    // why the session ended
	leaving bool
}

// outgoing is a frame on its way to the writer.
type outgoing struct {
	frame frame
	wire  *wire
}

func newSession(c *Client, conn *websocket.Conn, a ack) *session {
	return &session{
		c: c, conn: conn, model: c.cfg.Model, modes: tenbit.ModeSet(a.modes), most: int(a.streams), learn: a.learns, twin: a.twin == twinSame, key: a.key,
		out: make(chan outgoing), wake: make(chan struct{}, 1), done: make(chan struct{}),
		streams: map[uint16]*stream{},
	}
}

// start runs the session's goroutines. They end with the connection or with
// the client; the client waits for them.
func (s *session) start() {
	ctx, cancel := context.WithCancel(s.c.ctx)
	s.c.wg.Go(func() {
		defer cancel()
		s.end(s.read(ctx))
	})
	s.c.wg.Go(func() {
		defer cancel()
		if err := s.write(ctx); err != nil {
			s.end(err)
		}
	})
	if s.c.cfg.PingEvery > 0 {
		s.c.wg.Go(func() {
			defer cancel()
			if err := s.ping(ctx); err != nil {
				s.end(err)
			}
		})
	}
}

func (s *session) alive() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// end closes the session once. This is where its reason is logged.
func (s *session) end(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	leaving := s.leaving
	s.mu.Unlock()
	if !leaving {
		s.c.cfg.Log.Warn("link was cut", "err", err)
	}
	close(s.done)
	if errors.Is(err, ErrProtocol) {
		s.close(websocket.StatusPolicyViolation)
		return
	}
	_ = s.conn.CloseNow()
}

// close says why. A peer that doesn't answer must not hold up the end.
func (s *session) close(why websocket.StatusCode) {
	t := time.AfterFunc(time.Second, func() { _ = s.conn.CloseNow() })
	defer t.Stop()
	_ = s.conn.Close(why, "")
}

// leave tells the origin that nobody comes back, and closes.
func (s *session) leave() {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	s.close(websocket.StatusGoingAway)
}

// read takes frames to their streams until the connection ends.
func (s *session) read(ctx context.Context) error {
	for {
		typ, p, err := s.conn.Read(ctx)
		if errors.Is(err, websocket.ErrMessageTooBig) {
			return fmt.Errorf("%w: %w", ErrProtocol, errTooLong)
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if typ == websocket.MessageBinary {
			err = s.take(p)
		} else {
			err = fmt.Errorf("%w: text message", ErrProtocol)
		}
		if err != nil {
			return err
		}
	}
}

// take handles one frame. An error ends the session.
func (s *session) take(p []byte) error {
	fr, err := parseFrame(p)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	n, last := uint16(0), false
	switch fr := fr.(type) {
	case grant:
		n = fr.stream
	case data:
		n = fr.stream
	case end:
		n, last = fr.stream, true
	case failure:
		if fr.stream == 0 {
			return fmt.Errorf("%w: %w", ErrUnavailable, &RemoteError{fr.code})
		}
		n, last = fr.stream, true
	default:
		return fmt.Errorf("%w: unexpected %T", ErrProtocol, fr)
	}
	s.mu.Lock()
	st := s.streams[n]
	if last {
		delete(s.streams, n)
	}
	s.mu.Unlock()
	if st == nil {
		return fmt.Errorf("%w: frame on idle stream %d", ErrProtocol, n)
	}
	s.c.meter.give(st.wire, 0, messageSize(len(p), false))
	return st.take(fr)
}

// write sends frames until the session ends, cancels first.
func (s *session) write(ctx context.Context) error {
	var brief shorthand
	for {
		if err := s.writeCancels(ctx); err != nil {
			return err
		}
		select {
		case <-s.wake:
		case o := <-s.out:
			if a, ok := o.frame.(ask); ok {
				brief.shorten(&a)
				o.frame = a
			}
			p := o.frame.append(nil)
			if err := send(ctx, s.conn, p); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			s.c.meter.give(o.wire, messageSize(len(p), true), 0)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *session) writeCancels(ctx context.Context) error {
	s.mu.Lock()
	cancels := s.cancels
	s.cancels = nil
	s.mu.Unlock()
	for _, n := range cancels {
		if err := send(ctx, s.conn, cancel{n}.append(nil)); err != nil {
			return fmt.Errorf("write a cancel: %w", err)
		}
	}
	return nil
}

// send writes one message, with time for a thousand bytes a second.
func send(ctx context.Context, conn *websocket.Conn, p []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second+time.Duration(len(p))*time.Millisecond)
	defer cancel()
	return conn.Write(ctx, websocket.MessageBinary, p)
}

// ping probes a connection that was quiet, so that a request doesn't wait on a
// dead one.
func (s *session) ping(ctx context.Context) error {
	t := time.NewTicker(s.c.cfg.PingEvery)
	defer t.Stop()
	var seen int64
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		up, down := s.c.meter.totals()
		if seen != up+down {
			seen = up + down
			continue
		}
		pingCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := s.conn.Ping(pingCtx)
		cancel()
		if err != nil {
			return fmt.Errorf("ping: %w", err)
		}
	}
}

// open gives st a number.
func (s *session) open(st *stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return errCutOff
	}
	for n := uint16(1); int(n) <= s.most; n++ {
		if s.streams[n] == nil {
			s.streams[n], st.number = st, n
			return nil
		}
	}
	return fmt.Errorf("%w: %d requests under way", ErrUnavailable, s.most)
}

// drop frees a number that the origin never heard of.
func (s *session) drop(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st.number)
}

// twinned notes whether the origin's twin had the draft of an ask.
func (s *session) twinned(same bool) {
	if same {
		s.misses.Store(0)
	} else {
		s.misses.Add(1)
	}
	if f := s.c.cfg.Twinned; f != nil {
		f(same)
	}
}

// abandon cancels st. Its number stays taken until the origin has closed it;
// what still comes is thrown away.
func (s *session) abandon(st *stream) {
	s.mu.Lock()
	open := s.streams[st.number] == st
	if open {
		s.cancels = append(s.cancels, st.number)
	}
	s.mu.Unlock()
	st.discard()
	if open {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// errCutOff says that the session ended under a request.
var errCutOff = errors.New("connection ended")
