package link

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tenbit"
	"tenbit/codec"

	"github.com/coder/websocket"
)

// rawOrigin is an origin with bytes of its own: ack answers the hello, and then
// each frame of reply the first ask. The connection stays until the edge goes.
func rawOrigin(t *testing.T, ack []byte, reply func(ask) [][]byte) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(MaxAsk)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
		_ = conn.Write(ctx, websocket.MessageBinary, ack)
		for {
			_, p, err := conn.Read(ctx)
			if err != nil {
				return
			}
			fr, err := parseFrame(p)
			if err != nil {
				t.Error(err)
			}
			if a, ok := fr.(ask); ok {
				for _, p := range reply(a) {
					_ = conn.Write(ctx, websocket.MessageBinary, p)
				}
			}
		}
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

var goodAck = ack{model: 1, modes: 0x1ff, streams: 8}.append(nil)

// TestBrokenOrigin: whatever an origin sends, the edge gets an error of the
// right kind in time and never counts less than what came.
func TestBrokenOrigin(t *testing.T) {
	good := newAsk(t, testID(1), "Say it.")
	good.Limit = 100 * tenbit.Bit
	e := codec.NewEncoder()
	e.Byte(byte(tenbit.ModeFull))
	p := codec.Default().Predictor([]byte(good.Request.Prompt()))
	e.Write(p, []byte("ok"))
	e.EndText(p)
	bits := tenbit.Bits(e.Millibits())
	word := append(e.Take(), e.Finish()...)
	right := end{1, tenbit.Sent{Digest: codec.Digest([]byte("ok")), Bits: bits, Mode: tenbit.ModeFull}, word}
	with := func(set func(*end)) func(ask) [][]byte {
		return func(ask) [][]byte { e := right; set(&e); return [][]byte{e.append(nil)} }
	}
	send := func(frames ...frame) func(ask) [][]byte {
		return func(ask) (ps [][]byte) {
			for _, fr := range frames {
				ps = append(ps, fr.append(nil))
			}
			return ps
		}
	}
	raw := func(p ...byte) func(ask) [][]byte { return func(ask) [][]byte { return [][]byte{p} } }
	const lost = -1
	for _, tt := range []struct {
		name  string
		reply func(ask) [][]byte
		err   error
		bits  tenbit.Bits // at least; lost: the whole grant
	}{
		{"the right one", send(right), nil, bits},
		{"another digest", with(func(e *end) { e.sent.Digest++ }), ErrMismatch, bits},
		{"more bits announced", with(func(e *end) { e.sent.Bits++ }), ErrMismatch, bits},
		{"another mode announced", with(func(e *end) { e.sent.Mode = tenbit.ModePlain }), ErrMismatch, bits},
		{"a cut announced", with(func(e *end) { e.sent.Cut = true }), ErrMismatch, bits},
		{"a padded codeword", with(func(e *end) { e.bytes = append(word[:len(word):len(word)], 0) }), ErrMismatch, bits},
		{"a codeword cut short", with(func(e *end) { e.bytes = word[:1] }), ErrMismatch, 0},
		{"data over the limit", send(data{1, make([]byte, 18)}), ErrOverLimit, lost},
		{"data over the limit, after the end is due", send(data{1, []byte{1}}, data{1, make([]byte, 17)}), ErrOverLimit, lost},
		{"a grant after data", send(data{1, word[:1]}, grant{1, 1}), ErrProtocol, lost},
		{"two grants", send(grant{1, 1}, grant{1, 1}), ErrProtocol, lost},
		{"a grant of nothing", send(grant{1, 15}), ErrProtocol, lost},
		{"a mode that wasn't offered", modeReply(t, good, tenbit.ModeHint), ErrProtocol, 8 * tenbit.Bit},
		{"an error that lies about its price", send(data{1, word[:2]}, failure{1, CodeInternal, 0}), tenbit.ErrUnavailable, 16*tenbit.Bit + ErrorPrice},
		{"an error that costs too much", send(failure{1, CodeInternal, 1 << 40}), tenbit.ErrUnavailable, lost},
		// What breaks the connection itself is asked for again, in vain: the
		// far end then sends the same.
		{"garbage", raw(0xff, 0xff, 0xff), ErrCut, lost},
		{"an idle stream", send(data{5, []byte{1}}), ErrCut, lost},
		{"a frame up", send(cancel{1}), ErrCut, lost},
		{"an oversize frame", raw(append([]byte{0x17}, make([]byte, maxDown)...)...), ErrCut, lost},
		{"an error on the connection", send(failure{0, CodeInternal, 0}), ErrCut, lost},
		{"silence", send(), ErrUnavailable, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, rawOrigin(t, goodAck, tt.reply), func(c *ClientConfig) {
				c.Silence, c.ResumeTimeout = 300*time.Millisecond, 200*time.Millisecond
			})
			got, err := c.Escalate(t.Context(), good)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				// A broken connection may be resumed into silence.
				if tt.err != ErrCut || !errors.Is(err, ErrUnavailable) {
					t.Errorf("got %v, want %v", err, tt.err)
				}
			}
			want := tt.bits
			if want == lost {
				want = good.Limit
			}
			if got.Cost.Bits < want || got.Cost.Bits > good.Limit || err == nil && got.Cost.Bits != want {
				t.Errorf("got %v, want at least %v", got.Cost.Bits, want)
			}
		})
	}
}

func modeReply(t *testing.T, a tenbit.Ask, m tenbit.Mode) func(ask) [][]byte {
	t.Helper()
	e := codec.NewEncoder()
	e.Byte(byte(m))
	p := codec.Default().Predictor([]byte(a.Request.Prompt()))
	e.EndText(p)
	bits := tenbit.Bits(e.Millibits())
	word := append(e.Take(), e.Finish()...)
	return func(ask) [][]byte {
		return [][]byte{end{1, tenbit.Sent{Digest: codec.Digest(nil), Bits: bits, Mode: m}, word}.append(nil)}
	}
}

func TestBrokenAck(t *testing.T) {
	for _, tt := range []struct {
		name string
		ack  []byte
		err  error
	}{
		{"garbage", []byte{0xff}, ErrProtocol},
		{"another frame", cancel{1}.append(nil), ErrProtocol},
		{"a model nobody named", ack{model: 2, modes: 1, streams: 1}.append(nil), ErrProtocol},
		{"another version", failure{code: CodeVersion, spent: 9}.append(nil), ErrVersion},
		{"busy", failure{code: CodeBusy}.append(nil), ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, rawOrigin(t, tt.ack, nil), nil)
			got, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
			if !errors.Is(err, tt.err) || !errors.Is(err, ErrUnavailable) || got.Cost.Bits != 0 {
				t.Errorf("got %v, %v; want %v", got.Cost, err, tt.err)
			}
			if tt.err == ErrVersion && !strings.Contains(err.Error(), "here 2, there 9") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTextsWithoutTheModel: an origin that can't decode the texts gets them
// through zstd, on the same grant.
func TestTextsWithoutTheModel(t *testing.T) {
	var asks []ask
	url := rawOrigin(t, goodAck, func(a ask) [][]byte {
		asks = append(asks, a)
		code := CodeMismatch
		if len(asks) > 1 {
			code = CodeIncomplete
		}
		return [][]byte{failure{1, code, 0}.append(nil)}
	})
	c := newClient(t, url, nil)
	a := newAsk(t, testID(1), "How many legs have three spiders and a cat, together?")
	got, err := c.Escalate(t.Context(), a)
	wantCode(t, "the second try", err, CodeIncomplete)
	if len(asks) != 2 || asks[0].shape&shapeCoded == 0 || asks[1].shape&shapeCoded != 0 || asks[1].limit != a.Limit-ErrorPrice {
		t.Errorf("got asks %+v", asks)
	}
	if got.Cost.Bits != 2*ErrorPrice {
		t.Errorf("got %v, want two errors", got.Cost.Bits)
	}
}

// TestDoubt: after a reply that doesn't decode, the connection goes on without
// the model.
func TestDoubt(t *testing.T) {
	var asks []ask
	url := rawOrigin(t, goodAck, func(a ask) [][]byte {
		asks = append(asks, a)
		return [][]byte{end{1, tenbit.Sent{Mode: tenbit.ModeFull}, []byte{1, 2, 3}}.append(nil)}
	})
	c := newClient(t, url, nil)
	for i := range 2 {
		if _, err := c.Escalate(t.Context(), newAsk(t, testID(i), "Say it, but say it with many words.")); !errors.Is(err, ErrProtocol) {
			t.Errorf("got %v", err)
		}
	}
	if len(asks) != 2 || !asks[0].modes.Has(tenbit.ModeFull) || asks[1].modes&^noModel != 0 || asks[1].shape&shapeCoded != 0 {
		t.Errorf("got asks %+v", asks)
	}
}

// TestSinkFailsAtTheEnd: that is no fault of the origin's.
func TestSinkFailsAtTheEnd(t *testing.T) {
	h := &echo{say: answer("yes")}
	o := newOrigin(t, h, nil)
	c := newClient(t, o.url, nil)
	gone := errors.New("gone")
	a := newAsk(t, testID(1), "Say it.")
	a.Sink = func(string) error { return gone }
	if _, err := c.Escalate(t.Context(), a); !errors.Is(err, gone) || errors.Is(err, ErrProtocol) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Escalate(t.Context(), newAsk(t, testID(2), "Say it.")); err != nil {
		t.Errorf("the model is given up: %v", err)
	}
}

// TestSinkFails: the client of the client is gone; the origin is told.
func TestSinkFails(t *testing.T) {
	ended := make(chan error, 1)
	o := newOrigin(t, &echo{say: func(ctx context.Context, _ tenbit.Ask, write func(string) error) error {
		if err := write(strings.Repeat("many words, 12345; ", 40)); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	}}, nil)
	c := newClient(t, o.url, nil)
	gone := errors.New("gone")
	a := newAsk(t, testID(1), "Say it.")
	a.Sink = func(string) error { return gone }
	if _, err := c.Escalate(t.Context(), a); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if err := <-ended; !errors.Is(err, errCancelled) {
		t.Errorf("got %v", err)
	}
}
