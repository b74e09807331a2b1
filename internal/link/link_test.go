package link

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit"
	"tenbit/codec"

	"github.com/google/go-cmp/cmp"
)

func TestEscalate(t *testing.T) {
	long := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2000)
	for _, tt := range []struct {
		name string
		text string
	}{
		{"empty", ""},
		{"one emoji", "🦊"},
		{"invalid UTF-8", "a\xffb\xc3"},
		{"many frames", long},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &echo{say: answer(tt.text)}
			o := newOrigin(t, h, nil)
			c := newClient(t, o.url, nil)
			a := newAsk(t, testID(1), "Say it.")
			a.Limit = 1 << 30
			a.Draft = &tenbit.Message{Content: "a draft"}
			a.Candidates = []tenbit.Candidate{{Answer: "x", Votes: 2}}
			got, err := c.Escalate(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			if got.Message.Content != tt.text || got.Mode != tenbit.ModeFull {
				t.Errorf("got %v %.50q, want %.50q", got.Mode, got.Message.Content, tt.text)
			}
			if want := (tenbit.Usage{Prompt: 11, Completion: 7}); got.Usage != want {
				t.Errorf("got usage %v, want %v", got.Usage, want)
			}
			if got.Cost.Bits < 8*tenbit.Bit || got.Cost.Bits > a.Limit {
				t.Errorf("got %v", got.Cost)
			}
			want := a
			want.Tenant = "ship/crew"
			if d := cmp.Diff([]tenbit.Ask{want}, h.asks); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStreams(t *testing.T) {
	next := make(chan struct{})
	h := &echo{say: func(_ context.Context, _ tenbit.Ask, write func(string) error) error {
		for range 3 {
			if err := write(strings.Repeat("some words to fill the coder ", 40)); err != nil {
				return err
			}
			<-next
		}
		return nil
	}}
	o := newOrigin(t, h, nil)
	c := newClient(t, o.url, nil)
	a := newAsk(t, testID(1), "Say it.")
	a.Limit = 1 << 30
	chunks := 0
	a.Sink = func(string) error {
		// The sink runs while the handler still waits, so the text streams.
		if chunks++; chunks <= 3 {
			next <- struct{}{}
		}
		return nil
	}
	if _, err := c.Escalate(t.Context(), a); err != nil || chunks < 3 {
		t.Errorf("got %d chunks, %v", chunks, err)
	}
}

func TestWithoutCommonModel(t *testing.T) {
	var got tenbit.Ask
	h := handler(func(_ context.Context, a tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
		got = a
		return tenbit.Sent{}, tenbit.ErrIncomplete
	})
	for _, tt := range []struct {
		name      string
		edge, far codec.Model
	}{
		{"neither", nil, nil},
		{"edge only", codec.Default(), nil},
		{"origin only", nil, codec.Default()},
		{"priors that differ", codec.Default(), otherPrior{codec.Default()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrigin(t, h, func(s *ServerConfig) { s.Model = tt.far })
			c := newClient(t, o.url, func(c *ClientConfig) { c.Model = tt.edge })
			a := newAsk(t, testID(1), "Say it.")
			if _, err := c.Escalate(t.Context(), a); !errors.Is(err, tenbit.ErrIncomplete) {
				t.Error(err)
			}
			if want := tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModePlain); got.Modes != want {
				t.Errorf("got modes %b, want %b", got.Modes, want)
			}
			if string(got.Request.Body) != string(a.Request.Body) {
				t.Errorf("got body %q", got.Request.Body)
			}
		})
	}
}

// otherPrior is the default model with another artifact's fingerprint.
type otherPrior struct{ codec.Model }

func (o otherPrior) Fingerprint() uint64 { return o.Model.Fingerprint() ^ 1 }

type handler func(ctx context.Context, a tenbit.Ask, send func([]byte) error) (tenbit.Sent, error)

func (h handler) Serve(ctx context.Context, _ codec.Model, a tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
	return h(ctx, a, send)
}

// TestErrors takes each error of a handler to the edge.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		code Code
		is   error
	}{
		{"unavailable", tenbit.ErrUnavailable, CodeUnavailable, tenbit.ErrUnavailable},
		{"incomplete", tenbit.ErrIncomplete, CodeIncomplete, tenbit.ErrIncomplete},
		{"bad request", &tenbit.RequestError{Msg: "bad"}, CodeBadRequest, nil},
		{"over budget", tenbit.ErrOverBudget, CodeOverLimit, tenbit.ErrOverBudget},
		{"any other", errors.New("secret"), CodeInternal, tenbit.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrigin(t, handler(func(context.Context, tenbit.Ask, func([]byte) error) (tenbit.Sent, error) {
				return tenbit.Sent{}, tt.err
			}), nil)
			c := newClient(t, o.url, nil)
			reply, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
			var far *RemoteError
			if !errors.As(err, &far) || far.Code != tt.code || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.code)
			}
			if reply.Cost.Bits != ErrorPrice || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, %v", reply.Cost, err)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	o := newOrigin(t, handler(func(context.Context, tenbit.Ask, func([]byte) error) (tenbit.Sent, error) {
		panic("oh")
	}), nil)
	c := newClient(t, o.url, nil)
	_, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
	var far *RemoteError
	if !errors.As(err, &far) || far.Code != CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	h := &echo{say: func(_ context.Context, a tenbit.Ask, write func(string) error) error {
		for range 20 {
			if err := write(a.Request.Question() + ", "); err != nil {
				return err
			}
		}
		return nil
	}}
	o := newOrigin(t, h, nil)
	c := newClient(t, o.url, nil)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			q := "Question " + testID(i)
			a := newAsk(t, testID(i), q)
			a.Limit = 1 << 30
			got, err := c.Escalate(t.Context(), a)
			if want := strings.Repeat(q+", ", 20); err != nil || got.Message.Content != want {
				t.Errorf("got %q, %v; want %q", got.Message.Content, err, want)
			}
		})
	}
	wg.Wait()
}

func TestCancel(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string // written before the handler waits
	}{
		{"before the first byte", ""},
		{"in mid-stream", strings.Repeat("many different words, 12345 of them; ", 30)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			waiting, ended := make(chan struct{}), make(chan time.Time, 1)
			h := &echo{say: func(ctx context.Context, _ tenbit.Ask, write func(string) error) error {
				if err := write(tt.text); err != nil {
					return err
				}
				close(waiting)
				<-ctx.Done()
				ended <- time.Now()
				return ctx.Err()
			}}
			o := newOrigin(t, h, nil)
			c := newClient(t, o.url, nil)
			a := newAsk(t, testID(1), "Say it.")
			shown := make(chan struct{})
			var once sync.Once
			a.Sink = func(string) error { once.Do(func() { close(shown) }); return nil }
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var at time.Time
			go func() { // ends before Escalate does
				<-waiting
				if tt.text != "" {
					<-shown
				}
				at = time.Now()
				cancel()
			}()
			reply, err := c.Escalate(ctx, a)
			took := time.Since(at)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			far := (<-ended).Sub(at)
			t.Logf("cancelled: Escalate after %v, the origin after %v (the bar is 50 ms on a quiet machine)", took, far)
			if tt.text == "" && reply.Cost.Bits != 0 || tt.text != "" && (reply.Cost.Bits <= 8*tenbit.Bit || reply.Cost.Bits >= a.Limit) {
				t.Errorf("got %v", reply.Cost)
			}
			// The connection lives on.
			h.say = answer("yes")
			if got, err := c.Escalate(t.Context(), newAsk(t, testID(2), "And now?")); err != nil || got.Message.Content != "yes" {
				t.Errorf("got %q, %v", got.Message.Content, err)
			}
		})
	}
}
