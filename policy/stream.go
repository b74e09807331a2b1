package policy

import (
	"errors"
	"fmt"
	"strings"

	"tenbit"
	"tenbit/codec"
)

// errCut stops the large model once the grant is used up.
var errCut = errors.New("the grant is used up")

// stepPrice bounds what one byte of text costs: eight binary decisions and
// whether the text goes on, at most 16 bits each.
const stepPrice = 9 * 16 * tenbit.Bit

// stream encodes a full reply while the large model still talks. As long as the
// text repeats the draft it waits, since the draft may turn out to be right;
// from the first difference on it is committed to full.
type stream struct {
	scene  *scene
	send   func([]byte) error
	mirror *Decoder // what the edge knows after the bytes sent
	shown  int      // bytes of text that the mirror made of them

	begun bool
	cut   bool // the grant is used up, nothing more is taken
	held  []byte
	text  []byte
	enc   *codec.Encoder
	pred  codec.Predictor
	ahead *sizer // only near the limit
}

func newStream(s *scene, send func([]byte) error) *stream {
	st := &stream{scene: s, send: send, enc: codec.NewEncoder()}
	st.mirror = newDecoder(s, func(text string) error {
		if st.shown += len(text); st.shown > len(st.text) || string(st.text[st.shown-len(text):st.shown]) != text {
			return errors.New("the decoder reads another text")
		}
		return nil
	})
	return st
}

// streams reports whether a full reply may leave before the answer is whole.
func (s *scene) streams() bool {
	r := s.ask.Request
	return !s.closed && !r.Tools && !r.JSON && s.allows(tenbit.ModeFull)
}

// write is the large model's sink.
func (st *stream) write(text string) error {
	if !st.begun {
		st.held = append(st.held, text...)
		if s := strings.TrimSpace(string(st.held)); s == "" || st.repeatsDraft() ||
			judged(st.scene.ask, st.scene.closed) && strings.HasPrefix(draftOK, s) {
			return nil
		}
		text = string(st.held)
		st.begin()
	}
	return st.push([]byte(text))
}

func (st *stream) repeatsDraft() bool {
	d := st.scene.ask.Draft
	return d != nil && st.scene.allows(tenbit.ModeAccept) &&
		(strings.HasPrefix(d.Content, string(st.held)) || strings.TrimSpace(d.Content) == strings.TrimSpace(string(st.held)))
}

// prelude codes what comes before the text of a full reply.
func (s *scene) prelude(e *codec.Encoder) codec.Predictor {
	for i, m := range s.odds.modes {
		if m == tenbit.ModeFull {
			e.Symbol(i, s.odds.freqs)
		}
	}
	e.Symbol(int(formText), s.formOdds())
	return s.predictor()
}

func (st *stream) begin() {
	st.begun, st.held = true, nil
	st.pred = st.scene.prelude(st.enc)
}

// push codes as much of p as the grant allows and sends the bytes that are final.
func (st *stream) push(p []byte) error {
	if st.cut {
		return errCut
	}
	n := st.fit(p)
	st.enc.Write(st.pred, p[:n])
	st.text = append(st.text, p[:n]...)
	if err := st.forward(st.enc.Take()); err != nil {
		return err
	}
	if n < len(p) {
		st.cut = true
		return errCut
	}
	return nil
}

// fit is how many bytes of p leave room for the end mark and a cut behind them.
func (st *stream) fit(p []byte) int {
	n := min(len(p), st.scene.maxText()-len(st.text))
	room := st.scene.ask.Limit - reserve
	if st.ahead == nil && tenbit.Bits(st.enc.Millibits())+tenbit.Bits(n)*stepPrice > room {
		st.ahead = &sizer{enc: st.enc.Clone(), pred: codec.Fork(st.pred)}
	}
	if st.ahead != nil {
		n = st.ahead.take(p[:n], room)
	}
	if n < len(p) {
		n = codec.WholeRunes(p[:n])
	}
	return n
}

// reserve is what the end of a cut reply may cost.
const reserve = tenbit.Bits(codec.MaxEndMillibits) + cutPrice

// forward proves bytes with the mirror and sends them.
func (st *stream) forward(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := st.mirror.Feed(b); err != nil {
		return fmt.Errorf("prove full: %w", err)
	}
	return st.send(b)
}

// finish ends the reply. finish is the large model's reason to end.
func (st *stream) finish(finish tenbit.Finish) (tenbit.Sent, error) {
	r := tenbit.Reply{Mode: tenbit.ModeFull, Finish: finish, Cut: st.cut}
	if st.cut {
		r.Finish = tenbit.FinishLength
	}
	r.Message.Content = string(st.text)
	st.enc.EndText(st.pred)
	r, err := st.scene.codeFinish(writer{st.enc}, formText, r)
	if err != nil {
		return st.sent(), err
	}
	sent := st.sent()
	sent.Digest, sent.Reply = st.scene.digest(r), r
	rest := append(st.enc.Take(), st.enc.Finish()...)
	if len(rest) > 0 {
		if err := st.mirror.Feed(rest); err != nil {
			return sent, fmt.Errorf("prove full: %w", err)
		}
	}
	got, err := st.mirror.Finish(sent.Digest)
	if err != nil || got.Message.Content != r.Message.Content || got.Cost.Bits != sent.Bits {
		return sent, fmt.Errorf("prove full: %w", errors.Join(err, errors.New("the decoder reads another reply")))
	}
	if len(rest) > 0 {
		err = st.send(rest)
	}
	return sent, err
}

// sent is the account so far: what left is never more than what was coded.
func (st *stream) sent() tenbit.Sent {
	return tenbit.Sent{Bits: tenbit.Bits(st.enc.Millibits()), Mode: tenbit.ModeFull, Cut: st.cut}
}

// sizer codes the same text byte by byte ahead of the stream, to learn what the
// next bytes would cost.
type sizer struct {
	enc  *codec.Encoder
	pred codec.Predictor
}

// take is how many bytes of p stay within room. After less than all it is spent.
func (z *sizer) take(p []byte, room tenbit.Bits) int {
	for i := range p {
		z.enc.Write(z.pred, p[i:i+1])
		if tenbit.Bits(z.enc.Millibits()) > room {
			return i
		}
	}
	z.enc.Take()
	return len(p)
}
