package policy

import (
	"errors"
	"fmt"

	"tenbit"
	"tenbit/codec"
)

// Decoder reads one reply at the edge. The text of a full reply goes to the
// Ask's sink while it arrives; every other reply is read when it is whole. It
// trusts nothing: bytes that are not the one encoding of a valid reply within
// the grant are an error, and memory stays within the grant and [MaxText].
type Decoder struct {
	scene *scene
	dec   *codec.Decoder
	fed   tenbit.Bits // price of the bytes fed, 8 bits each
	stage stage
	reply tenbit.Reply
	pred  codec.Predictor
	text  []byte
	out   flow
	err   error // sticky
}

type stage int

const (
	atMode    stage = iota
	atForm          // full: the form comes next
	atText          // full, text: inside the text
	atFinish        // full, text: the reason it ended comes next
	atMessage       // full, with tool calls: the rest is read when it is whole
	atRest          // another mode: the rest is read when it is whole
	atEnd           // all is read
)

// slack is how many bytes a codeword may be longer than its information.
const slack = 8 * tenbit.Byte

// NewDecoder makes the decoder of the reply to ask. m is the codec's model that
// both ends agreed on, nil when they have none in common.
func NewDecoder(m codec.Model, ask tenbit.Ask) *Decoder {
	return newDecoder(newScene(m, ask), ask.Sink)
}

func newDecoder(s *scene, sink tenbit.Sink) *Decoder {
	return &Decoder{scene: s, dec: codec.NewDecoder(), out: flow{sink: sink}}
}

// Bits is the information decoded so far; after an error never more than the
// grant.
func (d *Decoder) Bits() tenbit.Bits {
	return min(tenbit.Bits(d.dec.Millibits()), d.scene.ask.Limit)
}

// Feed takes the next bytes of the codeword and decodes as far as they reach.
// Errors wrap [ErrReply] or [ErrOverLimit], or are the sink's; they are final.
func (d *Decoder) Feed(p []byte) error {
	if d.err != nil {
		return d.err
	}
	// Zero bytes at the end are dropped and every other byte that was sent
	// carries its share of the information, so more bytes than that are padding.
	if d.fed += tenbit.Bits(len(p)) * tenbit.Byte; d.fed > d.scene.ask.Limit+slack {
		return d.fail(ErrOverLimit)
	}
	d.dec.Feed(p)
	if err := d.step(); err != nil && !errors.Is(err, codec.ErrMore) {
		return d.fail(err)
	}
	return nil
}

// Finish takes the digest that closed the reply and returns the reply, decoded
// and checked, with its price.
func (d *Decoder) Finish(digest uint32) (tenbit.Reply, error) {
	if d.err != nil {
		return tenbit.Reply{}, d.err
	}
	d.dec.End()
	err := d.step()
	switch {
	case err != nil:
	case d.stage == atRest:
		d.reply, err = d.scene.codePayload(reader{d.dec}, d.reply)
	case d.stage == atMessage:
		d.reply, err = d.scene.codeFull(reader{d.dec}, formMessage, d.reply)
	}
	if err == nil {
		err = d.dec.Finish()
	}
	if err == nil {
		err = d.within()
	}
	if err != nil {
		return tenbit.Reply{}, d.fail(err)
	}
	if d.scene.digest(d.reply) != digest {
		return tenbit.Reply{}, d.fail(errDigest)
	}
	if err := d.out.flush(); err != nil {
		return tenbit.Reply{}, d.fail(sinkError{err})
	}
	d.reply.Cost.Bits = d.Bits()
	return d.reply, nil
}

// fail makes err final and says whose it is.
func (d *Decoder) fail(err error) error {
	var sink sinkError
	switch {
	case errors.As(err, &sink):
		d.err = sink.error
	case errors.Is(err, ErrOverLimit):
		d.err = err
	default:
		d.err = fmt.Errorf("%w: %w", ErrReply, err)
	}
	return d.err
}

var errDigest = errors.New("digest differs")

// sinkError is the sink's own error on its way up.
type sinkError struct{ error }

// within reports whether what was decoded is still inside the grant.
func (d *Decoder) within() error {
	if tenbit.Bits(d.dec.Millibits()) > d.scene.ask.Limit {
		return ErrOverLimit
	}
	return nil
}

// step decodes as far as the bytes reach. [codec.ErrMore] leaves everything as
// it is, to be called again.
func (d *Decoder) step() error {
	s := d.scene
	for {
		switch d.stage {
		case atMode:
			i, err := d.dec.Symbol(s.odds.freqs)
			if err != nil {
				return err
			}
			d.reply.Mode = s.odds.modes[i]
			if d.stage = atRest; d.reply.Mode == tenbit.ModeFull {
				d.stage = atForm
			}
		case atForm:
			i, err := d.dec.Symbol(s.formOdds())
			if err != nil {
				return err
			}
			if form(i) == formMessage {
				d.stage = atMessage
				continue
			}
			d.pred = s.last()
			d.stage = atText
		case atText:
			if err := d.stepText(); err != nil {
				return err
			}
			d.stage = atFinish
		case atFinish:
			r, err := s.codeFinish(reader{d.dec}, formText, d.reply)
			if err != nil {
				return err
			}
			d.reply, d.stage = r, atEnd
			d.reply.Message.Content = string(d.text)
		default:
			return nil
		}
		if err := d.within(); err != nil {
			return err
		}
	}
}

// stepText decodes text and hands on what is new; nil when the text has ended.
func (d *Decoder) stepText() error {
	had := len(d.text)
	text, done, err := d.dec.Text(d.pred, d.text, d.scene.maxText())
	d.text = text
	if err != nil && !errors.Is(err, codec.ErrMore) {
		return err
	}
	if over := d.within(); over != nil {
		return over
	}
	if serr := d.out.write(text[had:]); serr != nil {
		return sinkError{serr}
	}
	if err == nil && !done {
		return codec.ErrMore
	}
	return err
}
