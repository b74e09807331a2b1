package link

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit"
	"tenbit/codec"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a handler whose reply is a full message: a mode byte and a text, the
// text coded given the prompt. What it says is up to say.
type echo struct {
	say func(ctx context.Context, a tenbit.Ask, write func(text string) error) error

	mu    sync.Mutex // guards asks
	asks  []tenbit.Ask
	ended []error
}

func (h *echo) Serve(ctx context.Context, m codec.Model, a tenbit.Ask, send func([]byte) error) (sent tenbit.Sent, err error) {
	h.mu.Lock()
	h.asks = append(h.asks, a)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.ended = append(h.ended, context.Cause(ctx))
		h.mu.Unlock()
	}()
	e := codec.NewEncoder()
	e.Byte(byte(tenbit.ModeFull))
	p := modelOr(m).Predictor([]byte(a.Request.Prompt()))
	var text strings.Builder
	flush := func(b []byte) error {
		if len(b) == 0 {
			return nil
		}
		return send(b)
	}
	err = h.say(ctx, a, func(s string) error {
		text.WriteString(s)
		e.Write(p, []byte(s))
		return flush(e.Take())
	})
	if err != nil {
		return tenbit.Sent{Bits: tenbit.Bits(e.Millibits())}, err
	}
	e.EndText(p)
	bits := tenbit.Bits(e.Millibits())
	if err := flush(append(e.Take(), e.Finish()...)); err != nil {
		return tenbit.Sent{Bits: bits}, err
	}
	return tenbit.Sent{
		Digest: codec.Digest([]byte(text.String())), Bits: bits, Mode: tenbit.ModeFull,
		Usage: tenbit.Usage{Prompt: 11, Completion: 7}, Reply: tenbit.Reply{Mode: tenbit.ModeFull, Message: tenbit.Message{Content: text.String()}},
	}, nil
}

func modelOr(m codec.Model) codec.Model {
	if m == nil {
		return codec.Default()
	}
	return m
}

func (h *echo) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.asks)
}

// countOf is the number of asks with an id.
func (h *echo) countOf(id string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.asks {
		if a.ID == id {
			n++
		}
	}
	return n
}

// answer says one text for every ask.
func answer(text string) func(context.Context, tenbit.Ask, func(string) error) error {
	return func(_ context.Context, _ tenbit.Ask, write func(string) error) error { return write(text) }
}

// decoder reads what echo sends.
type decoder struct {
	ask   tenbit.Ask
	d     *codec.Decoder
	p     codec.Predictor
	mode  byte
	head  bool
	text  []byte
	done  bool
	shown int
}

func newDecoder(m codec.Model, a tenbit.Ask) Decoder {
	return &decoder{ask: a, d: codec.NewDecoder(), p: modelOr(m).Predictor([]byte(a.Request.Prompt()))}
}

func (d *decoder) Feed(p []byte) error {
	d.d.Feed(p)
	return d.advance()
}

func (d *decoder) advance() error {
	var err error
	if !d.head {
		if d.mode, err = d.d.Byte(); err != nil {
			return more(err)
		}
		d.head = true
	}
	if !d.done {
		d.text, d.done, err = d.d.Text(d.p, d.text, 2<<20)
	}
	if s := d.ask.Sink; s != nil && len(d.text) > d.shown {
		if err := s(string(d.text[d.shown:])); err != nil {
			return err
		}
		d.shown = len(d.text)
	}
	return more(err)
}

func more(err error) error {
	if errors.Is(err, codec.ErrMore) {
		return nil
	}
	return err
}

func (d *decoder) Finish(digest uint32) (tenbit.Reply, error) {
	d.d.End()
	if err := d.advance(); err != nil {
		return tenbit.Reply{}, err
	}
	if err := d.d.Finish(); err != nil {
		return tenbit.Reply{}, err
	}
	if !d.done || codec.Digest(d.text) != digest {
		return tenbit.Reply{}, errors.New("digest differs")
	}
	return tenbit.Reply{Mode: tenbit.Mode(d.mode), Message: tenbit.Message{Content: string(d.text)}, Finish: tenbit.FinishStop}, nil
}

func (d *decoder) Bits() tenbit.Bits { return tenbit.Bits(d.d.Millibits()) }

const testToken = "edge-token-1"

var testKey = []byte("a key of the origin's own")

// origin is a server on loopback.
type origin struct {
	*Server
	http *httptest.Server
	url  string
}

func newOrigin(t testing.TB, h Handler, set func(*ServerConfig)) *origin {
	t.Helper()
	cfg := ServerConfig{
		Edges: []Edge{{Name: "ship", Token: HashToken(testKey, testToken), Tenant: tenbit.Tenant{ID: "ship"}}},
		Key:   testKey, Handler: h, Model: codec.Default(), Coalesce: 5 * time.Millisecond,
	}
	if set != nil {
		set(&cfg)
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{Server: s, http: httptest.NewServer(s)}
	o.url = "ws" + strings.TrimPrefix(o.http.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(ctx) // the deadline is meant: tests leave requests behind
		o.http.Close()
	})
	return o
}

func newClient(t testing.TB, url string, set func(*ClientConfig)) *Client {
	t.Helper()
	cfg := ClientConfig{URL: url, Token: testToken, Model: codec.Default(), NewDecoder: newDecoder, PingEvery: -1}
	if set != nil {
		set(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func testID(n int) string { return fmt.Sprintf("%032x", n) }
