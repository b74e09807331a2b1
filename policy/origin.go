package policy

import (
	"context"
	"errors"
	"fmt"

	"tenbit"
	"tenbit/codec"
)

// Origin answers escalations beside the large model: one call to it, one reply
// in the cheapest mode that fits the grant, every byte of it decoded before it
// leaves.
type Origin struct {
	Large Model
	Codec codec.Model // the one both ends agreed on; nil leaves accept, select, none and plain
	// Formats remembers what response_format Large takes; nil: each time anew.
	Formats *Formats
}

// Serve answers ask. It sends the codeword through send as its bytes become
// final and returns the digest that closes it and the information it carries.
//
// Where the edge streams, an open question's text leaves while the large model
// still talks; at the limit the reply ends with a coded cut, streamed or not. Everything else is judged whole: tool
// calls and JSON are never cut. Where nothing fits, or the large model says
// nothing, the reply is "cannot say".
//
// Errors: [ErrLimit] where the grant is under [MinLimit]; the large model's and
// send's own. After an error the [tenbit.Sent] says what may have left: a broken
// answer is never given a false end.
func (o Origin) Serve(ctx context.Context, ask tenbit.Ask, send func(p []byte) error) (tenbit.Sent, error) {
	served, err := o.serve(ctx, ask, send, ask.Stream)
	return served.Sent, err
}

// served is what came of an escalation, beyond what the edge learns.
type served struct {
	tenbit.Sent
	fits bool        // false: there was an answer and nothing could carry it
	cost tenbit.Cost // of the large model's call
}

func (o Origin) serve(ctx context.Context, ask tenbit.Ask, send func(p []byte) error, early bool) (out served, err error) {
	if ask.Limit < MinLimit {
		return out, ErrLimit
	}
	req := ask.Request
	if req.N > 1 { // a reply carries one message
		if req, err = req.With(map[string]any{"n": nil}); err != nil {
			return out, err
		}
	}
	s := newScene(o.Codec, ask)
	if s.plan == planNeed { // the large model is asked once, when they are there
		var need coded
		if need, err = s.prove(tenbit.Reply{Mode: tenbit.ModeAsk}); err == nil {
			err = out.leave(need, send)
		}
		return out, err
	}
	if s.plan != planWhole {
		err = o.condensed(ctx, s, req, &out, send)
		return out, err
	}
	told := ask
	told.Request = req
	if req, err = s.plan.request(told, s.closed); err != nil {
		return out, err
	}
	st := newStream(s, send)
	var sampling tenbit.Sampling
	if early && s.streams() {
		sampling.Sink = st.write
	}
	comp, err := o.Large.Complete(ctx, req, sampling)
	out.Usage, out.cost, out.fits = comp.Usage, comp.Cost, true
	if err != nil && !st.cut {
		if st.begun {
			out.Sent = st.sent()
			out.Usage = comp.Usage
		}
		return out, fmt.Errorf("ask the large model: %w", err)
	}
	if !st.begun {
		err = out.whole(s, st, comp)
		return out, err
	}
	if len(comp.Message.ToolCalls) > 0 {
		out.Sent = st.sent()
		return out, errors.New("the large model called tools that were not offered")
	}
	out.Sent, err = st.finish(comp.Finish)
	out.Usage = comp.Usage
	return out, err
}

// leave sends a reply that was proved.
func (out *served) leave(c coded, send func([]byte) error) error {
	out.Sent = tenbit.Sent{Digest: c.digest, Bits: c.bits, Mode: c.reply.Mode, Usage: out.Usage, Reply: c.reply}
	out.fits = true
	if len(c.bytes) == 0 {
		return nil
	}
	return send(c.bytes)
}

// whole answers with a completion that is all there.
func (out *served) whole(s *scene, st *stream, comp tenbit.Completion) error {
	best, fits, err := s.choose(comp)
	if err != nil {
		return err
	}
	if !fits && s.streams() && len(comp.Message.ToolCalls) == 0 {
		st.begin()
		if err := st.push([]byte(comp.Message.Content)); err != nil && !st.cut {
			return err
		}
		sent, err := st.finish(comp.Finish)
		sent.Usage = out.Usage
		out.Sent = sent
		return err
	}
	err = out.leave(best, st.send)
	out.fits = fits
	return err
}
