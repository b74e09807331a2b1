package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tenbit"
	"tenbit/codec"
)

// ErrMismatch says that a reply isn't the codeword of anything, or not of what
// its digest says. The connection goes on without the model.
var ErrMismatch = fmt.Errorf("%w: reply doesn't decode", ErrProtocol)

// maxTries bounds the connections and retries that one request may use.
const maxTries = 4

// piece is how much is decoded at a time: few enough bytes that a cancelled
// request returns within milliseconds.
const piece = 128

// request is one Escalate. It belongs to the caller's goroutine; wire is the
// meter's.
type request struct {
	c        *Client
	ask      tenbit.Ask // as the caller gave it
	wire     wire
	limit    tenbit.Bits // what is left of the grant for the next try
	past     *past       // of the tenant, where this exchange changes it
	history  *history    // the tenant's, nil: without
	model    codec.Model // of this exchange, nil: none
	coded    bool        // with the history
	twinned  bool        // the draft stayed at home, since the origin has a twin
	show     bool        // the twin had another draft: it travels
	digest   proof       // of the ask
	answered uint32      // of the reply

	sent     bool // the ask may have reached the origin
	id       id
	settled  tenbit.Bits // of finished tries: retries draw on the same grant
	lowered  *grant
	dec      Decoder // nil before the first byte
	sinkErr  error
	fed      int         // codeword bytes that the decoder has
	received int         // codeword bytes that came
	final    tenbit.Bits // of an error frame
	state    outcome
}

// outcome says how the bits of the last try are counted.
type outcome uint8

const (
	nothing  outcome = iota // nothing was asked
	partial                 // what was decoded, or what the bytes can carry
	complete                // as the decoder says
	lost                    // nobody knows: the whole grant
)

// bits is what the request cost so far, never more than it was granted.
func (r *request) bits() tenbit.Bits {
	var b tenbit.Bits
	if r.dec != nil {
		b = r.dec.Bits()
	}
	switch r.state {
	case nothing:
		return r.settled
	case lost:
		return r.ask.Limit
	case partial:
		b = max(b, tenbit.Bits(r.received)*tenbit.Byte)
	case complete:
	}
	if r.lowered != nil {
		b += grantPrice
	}
	return min(r.settled+b+r.final, r.ask.Limit)
}

// run asks, and after a cut asks for the rest, until there is an outcome.
func (r *request) run(ctx context.Context) (tenbit.Reply, error) {
	if r.limit <= 0 {
		return tenbit.Reply{}, fmt.Errorf("nothing granted: %w", tenbit.ErrOverBudget)
	}
	plain := false
	var cut error
	for range maxTries {
		s, err := r.connect(ctx, cut)
		if err != nil {
			return tenbit.Reply{}, err
		}
		reply, err := r.try(ctx, s, plain)
		var far *RemoteError
		switch {
		case errors.Is(err, errCutOff):
			cut = err
		case errors.As(err, &far) && r.fed == 0 && !plain && far.Code == CodeMismatch,
			errors.As(err, &far) && r.fed == 0 && !r.show && far.Code == CodeNeedDraft,
			errors.As(err, &far) && r.fed == 0 && cut != nil && far.Code == CodeUnknownID:
			// The origin has nothing of it. What the refusal said is spent.
			switch far.Code {
			case CodeMismatch:
				plain = true
				r.forget()
			case CodeNeedDraft:
				r.show = true
				s.twinned(false)
			}
			r.again()
			if r.limit <= 0 {
				return reply, err
			}
		default:
			return reply, err
		}
	}
	r.state = lost
	return tenbit.Reply{}, fmt.Errorf("%w, %d times", ErrCut, maxTries)
}

// forget begins the tenant's history anew, since the ends no longer agree.
func (r *request) forget() {
	if r.history != nil {
		r.history, r.coded = new(history), false
	}
}

// learn takes a whole reply into the tenant's history.
func (r *request) learn(reply tenbit.Reply, err error) {
	switch {
	case !r.coded || r.past == nil:
	case errors.Is(err, ErrMismatch):
		r.forget()
	case err == nil:
		r.history = r.history.after(r.c.pasts.learner, exchange{r.ask, reply, [2]uint32{r.digest.short(), r.answered}})
	}
}

// again makes ready to ask anew under the same id, with what is left.
func (r *request) again() {
	r.settled = r.bits()
	r.limit = r.ask.Limit - r.settled
	r.sent, r.state, r.final, r.lowered, r.dec = false, nothing, 0, nil, nil
}

// connect finds a session. After a cut it waits for one, since an unanswered
// question about the rest costs the whole grant.
func (r *request) connect(ctx context.Context, cut error) (*session, error) {
	if cut == nil {
		s, err := r.c.session(ctx, false)
		return s, err
	}
	if r.sent {
		r.state = lost
	}
	// After an origin's restart not all edges and requests come at once.
	jitter := time.NewTimer(rand.N(50 * time.Millisecond))
	defer jitter.Stop()
	select {
	case <-jitter.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.c.cfg.ResumeTimeout, ErrCut)
	defer cancel()
	s, err := r.c.session(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("resume: %w", err)
	}
	return s, nil
}

// try puts the request on s and follows it to its end. errCutOff says that the
// connection ended first.
func (r *request) try(ctx context.Context, s *session, plain bool) (tenbit.Reply, error) {
	t, model, err := r.terms(s, plain)
	if err != nil {
		return tenbit.Reply{}, err
	}
	st := newStream(&r.wire, t.Limit, r.fed)
	var a ask
	if !r.sent {
		if a, err = r.pack(s, t, model); err != nil {
			return tenbit.Reply{}, err
		}
	}
	if err := s.open(st); err != nil {
		return tenbit.Reply{}, err
	}
	a.stream = st.number
	var fr frame = a
	if r.sent {
		fr = resume{st.number, r.id, uint64(r.fed)}
	}
	select {
	case s.out <- outgoing{fr, &r.wire}:
		if !r.sent {
			r.sent, r.state = true, partial
		}
	case <-s.done:
		return tenbit.Reply{}, errCutOff
	case <-ctx.Done():
		s.drop(st)
		return tenbit.Reply{}, context.Cause(ctx)
	}
	reply, err := r.follow(ctx, s, st, t)
	switch {
	case errors.Is(err, errCutOff):
		r.received = r.fed // the rest is asked for
	case err != nil:
		r.received = st.received()
		s.abandon(st)
	}
	return reply, err
}

// pack makes the ask's frame for s, and notes what it is coded with.
func (r *request) pack(s *session, t tenbit.Ask, model codec.Model) (ask, error) {
	k := kit{model: model, candidates: r.c.cfg.Candidates, key: s.key, twin: s.twin && !r.show && s.misses.Load() < maxTwinMisses}
	r.model, r.coded = s.model, false
	if r.history != nil && model != nil && s.learn != 0 {
		if r.history.form != s.learn {
			r.history = newHistory(r.c.pasts.learner, s.learn)
		}
		k.history, k.model, k.learns = r.history, r.history.model, r.past != nil
		r.model, r.coded = k.model, true
	}
	if t.Draft == nil && len(t.Candidates) == 0 || t.Revised {
		k.twin = false
	}
	if !t.Modes.Has(tenbit.ModeAsk) || t.Held && !k.twin {
		t.Questions, r.ask.Questions = nil, nil
	}
	if t.Stays && !k.twin {
		t.Draft, r.ask.Draft = nil, nil
	}
	a, err := packAsk(t, k)
	r.id, r.digest, r.twinned = a.id, a.digest, k.twin
	return a, err
}

// terms is the ask as it goes out on s: within what is left, and in modes that
// both ends know.
func (r *request) terms(s *session, plain bool) (tenbit.Ask, codec.Model, error) {
	t, model := r.ask, s.model
	t.Limit = r.limit
	if s.doubt.Load() || plain {
		model = nil
	}
	if r.sent {
		return t, model, nil // already agreed, on the connection before
	}
	t.Modes &= s.modes
	if s.model == nil || s.doubt.Load() {
		t.Modes &= noModel
	}
	if t.Modes == 0 && r.ask.Modes != 0 {
		return t, nil, fmt.Errorf("%w: no mode in common", ErrUnavailable)
	}
	r.ask.Modes = t.Modes
	return t, model, nil
}

// follow takes the reply as it comes.
func (r *request) follow(ctx context.Context, s *session, st *stream, t tenbit.Ask) (tenbit.Reply, error) {
	silence := time.NewTimer(r.c.cfg.Silence)
	defer silence.Stop()
	for over := false; ; {
		select {
		case <-st.signal:
		case <-ctx.Done():
			return tenbit.Reply{}, context.Cause(ctx)
		case <-silence.C:
			return tenbit.Reply{}, fmt.Errorf("%w: nothing for %v", ErrUnavailable, r.c.cfg.Silence)
		case <-s.done:
			over = true // but take what came before
		}
		lowered, p, last, err := st.next()
		if err != nil {
			r.state = lost // who breaks the rules may have said anything
			return tenbit.Reply{}, err
		}
		if lowered != nil || len(p) > 0 || last != nil {
			r.state = partial // the origin answers
		}
		if lowered != nil {
			if r.lowered == nil && r.dec != nil || r.lowered != nil && r.lowered.shift != lowered.shift {
				return tenbit.Reply{}, fmt.Errorf("%w: the grant changed", ErrProtocol)
			}
			r.lowered = lowered
		}
		limit := t.Limit
		if r.lowered != nil {
			limit = r.lowered.lowered(t.Limit)
		}
		if err := r.feed(ctx, p, limit); err != nil {
			return tenbit.Reply{}, r.undecoded(s, err)
		}
		switch last := last.(type) {
		case end:
			return r.finish(s, last, limit)
		case failure:
			return tenbit.Reply{}, r.fail(last, st)
		}
		if over {
			return tenbit.Reply{}, errCutOff
		}
		silence.Reset(r.c.cfg.Silence)
	}
}

// feed decodes p in pieces, up to the limit.
func (r *request) feed(ctx context.Context, p []byte, limit tenbit.Bits) error {
	if len(p) > 0 {
		r.decode(limit)
	}
	for len(p) > 0 {
		n := min(piece, len(p))
		r.fed += n
		if err := r.dec.Feed(p[:n]); err != nil {
			return fmt.Errorf("decode reply: %w", err)
		}
		if r.dec.Bits() > limit {
			return ErrOverLimit
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p = p[n:]
	}
	return nil
}

// decode makes the decoder, with what the ask became on its way. Its sink tells
// a client that is gone from a codeword that makes no sense.
func (r *request) decode(limit tenbit.Bits) {
	if r.dec != nil {
		return
	}
	t := r.ask
	t.Limit = limit
	if t.Sink != nil {
		t.Sink = func(text string) error {
			r.sinkErr = r.ask.Sink(text)
			return r.sinkErr
		}
	}
	r.dec = r.c.cfg.NewDecoder(r.model, t)
}

// undecoded notes a codeword that makes no sense.
func (r *request) undecoded(s *session, err error) error {
	if r.sinkErr != nil {
		return err
	}
	if errors.Is(err, codec.ErrCorrupt) || errors.Is(err, codec.ErrTooLong) {
		s.doubt.Store(true)
		return fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	return err
}

// finish checks the whole reply.
func (r *request) finish(s *session, e end, limit tenbit.Bits) (tenbit.Reply, error) {
	r.decode(limit)
	reply, err := r.dec.Finish(e.sent.Digest)
	if r.sinkErr != nil {
		return tenbit.Reply{}, fmt.Errorf("decode reply: %w", r.sinkErr)
	}
	if err != nil {
		s.doubt.Store(true)
		return tenbit.Reply{}, fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	bits := r.dec.Bits()
	switch {
	case bits > limit:
		return tenbit.Reply{}, ErrOverLimit
	case reply.Mode != e.sent.Mode || reply.Cut != e.sent.Cut || bits != e.sent.Bits:
		return tenbit.Reply{}, fmt.Errorf("%w: %v of %v decoded, %v of %v announced",
			ErrMismatch, reply.Mode, bits, e.sent.Mode, e.sent.Bits)
	case reply.Mode != tenbit.ModeNone && !r.ask.Modes.Has(reply.Mode):
		return tenbit.Reply{}, fmt.Errorf("%w: mode %v wasn't offered", ErrProtocol, reply.Mode)
	}
	r.state, r.answered = complete, e.sent.Digest
	if r.twinned {
		s.twinned(true)
	}
	reply.Usage = e.sent.Usage
	return reply, nil
}

// fail takes an error frame. It costs what the origin says, but no less than
// what came and what the code itself says.
func (r *request) fail(f failure, st *stream) error {
	r.received = st.received()
	r.final = max(ErrorPrice, f.spent-(r.bits()-r.settled))
	return &RemoteError{f.code}
}
