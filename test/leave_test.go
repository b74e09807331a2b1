package test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"tenbit"
	"tenbit/internal/fake"
)

// TestTheClientLeaves ends requests in every phase and sees that the models are
// left too, and that what crossed is charged, no more and no less than the
// metric says.
func TestTheClientLeaves(t *testing.T) {
	never := make(chan struct{})
	held := fake.Behaviour{Content: story, Gate: never}
	for _, tt := range []struct {
		name         string
		stream       bool
		local, large fake.Behaviour
		far          bool // the large model is the one that is left
		read         bool // leave after the first text
		noBits       bool // answered by the local model alone
	}{
		{name: "before the first byte, local model at work", stream: true, local: held},
		{name: "a plain answer, local model at work", local: held},
		{name: "in mid-stream, local model at work", stream: true, local: stalled(story), read: true, noBits: true},
		{name: "before the first byte, large model at work", stream: true, local: fake.Answers("Dark."), large: held, far: true},
		{name: "a plain answer, large model at work", local: fake.Answers("Dark."), large: held, far: true},
		{name: "in mid-stream, large model at work", stream: true, local: fake.Answers("Dark."), large: stalled(story + story), far: true, read: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			script := func(b fake.Behaviour) func(fake.Received) fake.Behaviour {
				return func(fake.Received) fake.Behaviour { return b }
			}
			d := deploy(t, script(tt.local), script(tt.large), nil)
			at := d.Local
			if tt.far {
				at = d.Large
			}
			var header []string
			if tt.noBits {
				header = []string{"x-tenbit-max-bits", "0"}
			}
			left := d.leave(t, chat(open, "stream", tt.stream), at, tt.read, header...)
			await(t, "the model being left", at.Left())
			t.Logf("the model was left %v after the client had gone", time.Since(left)) // `make bench` measures it
			spent := d.settled(t, tt.far)
			if tt.read && tt.far && spent <= 0 {
				t.Errorf("text crossed and %v bits are charged", spent)
			}
			if !tt.far && spent != 0 {
				t.Errorf("nothing crossed and %v bits are charged", spent)
			}
		})
	}
}

// stalled sends two thirds of a text and then no more.
func stalled(text string) fake.Behaviour {
	b, _ := stoppable(text)
	return b
}

// stoppable sends two thirds of a text, and the rest when it is told to.
func stoppable(text string) (b fake.Behaviour, goOn func()) {
	step := make(chan struct{}, len(text))
	for range len(text) / 5 * 2 / 3 {
		step <- struct{}{}
	}
	return fake.Behaviour{Content: text, Step: step, Prompt: 7, Tokens: 9}, sync.OnceFunc(func() { close(step) })
}

// leave sends a request, waits until the model at has it (or, with read, until
// text arrives), and leaves; it returns when it left.
func (d *deployment) leave(t *testing.T, body map[string]any, at *fake.Upstream, read bool, header ...string) time.Time {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gone := make(chan error, 1)
	text := make(chan struct{})
	go func() { // ends when ctx does
		resp, err := d.send(ctx, http.MethodPost, "/chat/completions", body, header...)
		if err == nil {
			defer resp.Body.Close()
			err = awaitText(resp.Body, text)
		}
		gone <- err
	}()
	if read {
		await(t, "the first text", text)
	} else {
		d.eventually(t, "the model being asked", func() bool { return len(at.Seen()) > 0 })
	}
	cancel()
	left := time.Now()
	if err := await(t, "the request's end", gone); err == nil {
		t.Error("the request ended by itself")
	}
	return left
}

// awaitText reads a stream, closes text at the first content, and goes on until
// the stream ends.
func awaitText(body io.Reader, text chan struct{}) error {
	var all []byte
	buf := make([]byte, 4096)
	for told := false; ; {
		n, err := body.Read(buf)
		if all = append(all, buf[:n]...); !told && hasText(string(all)) {
			close(text)
			told = true
		}
		if err != nil {
			return err
		}
	}
}

// settled waits until the ledger holds nothing open and returns what is spent,
// which must be what the metric says. With wait, a settlement must have come.
func (d *deployment) settled(t *testing.T, wait bool) tenbit.Bits {
	t.Helper()
	d.localSays("Dark.") // left has to be answered
	var spent tenbit.Bits
	d.eventually(t, "settlement", func() bool {
		settlements := d.metric(t, "tenbit_settled_millibits_total", "tenant")
		spent = max(0, tenbit.Bits(settlements))
		return budget*tenbit.Bit-d.left(t) == spent && (!wait || settlements >= 0)
	})
	return spent
}

// eventually asks again and again until it is so.
func (d *deployment) eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within %v", what, patience)
		}
	}
}
