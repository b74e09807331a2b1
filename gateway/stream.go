package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// errSent marks an error that the client has been told in its stream.
var errSent = errors.New("told in the stream")

// streaming is one stream on its way to a client.
type streaming struct {
	g     *Gateway
	ctx   context.Context
	c     *call
	p     *party
	s     *events
	voice voice

	speaker speaker // nil until the stream is open
	spoken  bool    // text has been told
	sent    []int   // bytes of each choice's text
	left    int     // choices that have not ended
	ended   []bool
}

// stream serves walks as server-sent events. It opens the stream with the first
// text, or after a while of silence, so that errors before that are plain JSON
// with their status.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, c *call, p *party, t task) error {
	n := len(p.flights)
	st := &streaming{
		g: g, ctx: r.Context(), c: c, p: p, voice: t.voice, sent: make([]int, n), ended: make([]bool, n), left: n,
		s: &events{w: w, ctl: http.NewResponseController(w), c: c, usage: t.deliver.includeUsage()},
	}
	silence := time.NewTimer(g.Patience)
	defer silence.Stop()
	for {
		for i := range p.flights {
			if err := st.pump(i); err != nil {
				return st.fail(err)
			}
		}
		if st.left == 0 {
			return st.fail(st.finish(nil))
		}
		silence.Reset(st.quiet())
		select {
		case <-p.wake:
		case <-silence.C:
			if err := st.ping(); err != nil {
				return st.fail(err)
			}
		case <-r.Context().Done():
			return st.fail(context.Cause(r.Context()))
		}
	}
}

// pump passes on what is new of a choice.
func (st *streaming) pump(i int) error {
	if st.ended[i] {
		return nil
	}
	text, done := st.p.flights[i].next(st.sent[i])
	if text != "" {
		if err := st.say(i, piece{text: strings.ToValidUTF8(text, "\uFFFD")}); err != nil {
			return err
		}
		st.sent[i] += len(text)
	}
	if !done {
		return nil
	}
	st.ended[i] = true
	st.left--
	if err := st.p.end(i, st.c); err != nil {
		st.p.abandon(st.c)
		return st.finish(err)
	}
	a := st.c.answers[i]
	if st.speaker == nil && len(st.p.flights) == 1 {
		st.g.report(st.ctx, st.c).set(st.s.w.Header(), "") // nothing has left: the headers can say it too
	}
	for _, p := range pieces(a, min(st.sent[i], len(a.Message.Content))) {
		if err := st.say(i, p); err != nil {
			return err
		}
	}
	if err := st.open(); err != nil {
		return err
	}
	return st.speaker.end(i, a)
}

// say tells a piece of text.
func (st *streaming) say(i int, p piece) error {
	if !st.spoken {
		st.spoken = true
		st.g.Metrics.FirstToken(time.Since(st.c.start))
	}
	if err := st.open(); err != nil {
		return err
	}
	return st.speaker.text(i, p)
}

// open tells what goes before all text. It leaves together with what follows, which
// is at hand: on its own it would wake the client for nothing.
func (st *streaming) open() (err error) {
	if st.speaker != nil {
		return nil
	}
	h := st.s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	st.s.held = true
	st.speaker, err = st.voice.speak(st.s)
	st.s.held = false
	return err
}

func (st *streaming) ping() error {
	if err := st.open(); err != nil {
		return err
	}
	return st.s.write([]byte(": ping\n\n"))
}

func (st *streaming) quiet() time.Duration {
	if st.speaker != nil {
		return st.g.PingEvery
	}
	return st.g.Patience
}

// finish ends a stream with its meter and the last event, or with the error;
// before anything has left the error is the caller's to tell.
func (st *streaming) finish(cause error) error {
	report := st.g.report(st.ctx, st.c)
	st.c.release()
	if cause != nil && st.speaker == nil {
		report.set(st.s.w.Header(), "")
		return cause
	}
	st.s.closing = report.comment()
	if cause != nil {
		_ = st.speaker.close(publish(cause)) // the client may have left
		return cause
	}
	report.set(st.s.w.Header(), http.TrailerPrefix)
	return st.speaker.close(nil)
}

// fail marks err as told where the stream is open: its status has left.
func (st *streaming) fail(err error) error {
	if err != nil && st.speaker != nil {
		return errors.Join(errSent, err)
	}
	return err
}

// events writes one client's stream.
type events struct {
	w       http.ResponseWriter
	ctl     *http.ResponseController
	c       *call
	usage   bool   // is asked for
	closing []byte // the meter's comment, which goes before the last event
	held    bool   // what is written waits for what follows
}

// data writes one event without a name.
func (s *events) data(v any) error { return s.event("", v) }

// event writes one event in one write: simple parsers want it so.
func (s *events) event(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	if name != "" {
		name = "event: " + name + "\n"
	}
	return s.write(fmt.Appendf(nil, "%sdata: %s\n\n", name, b))
}

func (s *events) write(b []byte) error {
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("write to the client: %w", err)
	}
	if s.held {
		return nil
	}
	return s.ctl.Flush()
}

// broken writes an error as the last event. The meter's comment follows it: a
// client takes lines before the error that hold no data for a part of it.
func (s *events) broken(e *Error) error {
	if err := s.write(fmt.Appendf(nil, "data: %s\n\n", e.body())); err != nil {
		return err
	}
	return s.write(s.closing)
}

// last writes the meter's comment and a last event.
func (s *events) last(event string) error {
	return s.write(append(s.closing, event...))
}
