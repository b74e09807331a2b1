package test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/freeport"
)

// TestTheOriginIsDown wants local answers, marked, until it is back.
func TestTheOriginIsDown(t *testing.T) {
	var config tree
	d := deploy(t, says("It is dark."), says(story), func(_, origin tree) {
		origin.set("listen", freeport.Addr(t)) // so that it can come back there
		config = origin
	})
	d.Origin.stop(t)
	for _, stream := range []bool{false, true} {
		a := d.post(t, fresh(open, stream))
		if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Route != "local" || a.Meter.Degraded == "" || a.Meter.Bits != 0 {
			t.Errorf("stream %v: got %d, %q, %+v; want the draft, marked, for nothing", stream, a.Status, a.Text, a.Meter)
		}
	}
	d.Origin = start(t, "origin", config)
	var a answer
	d.eventually(t, "the link's return", func() bool {
		a = d.post(t, fresh(open, false))
		return a.Meter.Degraded == ""
	})
	if a.Text != story || a.Meter.Route != "full" {
		t.Errorf("after its return: got %q, %+v; want the large model's answer", a.Text, a.Meter)
	}
}

// TestTheLocalModelIsDown wants 502, or the whole answer from the far side
// where the configuration says so.
func TestTheLocalModelIsDown(t *testing.T) {
	refuses := func(fake.Received) fake.Behaviour { return fake.Refuses(503, "server_error", "", "resting") }
	t.Run("reject", func(t *testing.T) {
		d := deploy(t, refuses, says(story), nil)
		a := d.post(t, chat(open))
		if a.Status != http.StatusBadGateway || a.Error == nil || !strings.Contains(a.Error.Message, "local model") {
			t.Errorf("got %d, %s; want 502 and a clear message", a.Status, a.Body)
		}
		if spent := d.settled(t, false); spent != 0 {
			t.Errorf("%v bits were spent", spent)
		}
	})
	t.Run("remote", func(t *testing.T) {
		d := deploy(t, refuses, says(story), func(edge, _ tree) { edge.set("policy.local_down", "remote") })
		for _, stream := range []bool{false, true} {
			a := d.post(t, fresh(open, stream))
			if a.Status != http.StatusOK || a.Text != story || a.Meter.Route != "full" {
				t.Errorf("stream %v: got %d, %+v, %.200s; want the large model's answer", stream, a.Status, a.Meter, a.Body)
			}
		}
	})
}

// TestTheLargeModelFails wants local answers, marked.
func TestTheLargeModelFails(t *testing.T) {
	for name, b := range map[string]fake.Behaviour{
		"an error":     fake.Refuses(500, "server_error", "", "oops"),
		"garbage":      fake.Garbage(),
		"a torn reply": {Content: story, NoDone: true, Finish: "null"},
		"rate limited": fake.RateLimited(1e9),
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, says("It is dark."), func(fake.Received) fake.Behaviour { return b }, nil)
			a := d.post(t, chat(open))
			if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Degraded == "" {
				t.Errorf("got %d, %+v, %.300s; want the draft, marked", a.Status, a.Meter, a.Body)
			}
			if spent := d.settled(t, true); spent != a.Meter.Bits {
				t.Errorf("the ledger says %v bits, the answer %v", spent, a.Meter.Bits)
			}
		})
	}
}

// TestTheLinkIsCut cuts a fresh connection somewhere from the greeting to the
// reply's end, and a warm one in the ask and in the reply; it comes back at once.
func TestTheLinkIsCut(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), nil)
	whole := d.post(t, fresh(open, false))
	if whole.Text != story {
		t.Fatalf("without a cut: got %d, %+v, %.300s", whole.Status, whole.Meter, whole.Body)
	}
	warm := d.post(t, fresh(open, false))
	sum := whole.Meter.Bits + warm.Meter.Bits
	cut := func(cold bool, up, down int64) {
		d.eventually(t, "the link", func() bool {
			a := d.post(t, fresh(open, false))
			sum += a.Meter.Bits
			return a.Meter.Degraded == ""
		})
		if cold {
			d.Link.Cut()
		}
		sum += d.cutOnce(t, up, down)
	}
	for _, w := range []struct {
		cold bool
		tenbit.Cost
	}{
		{true, tenbit.Cost{WireUp: whole.Meter.WireUp, WireDown: whole.Meter.WireDown}},
		{false, tenbit.Cost{WireUp: warm.Meter.WireUp, WireDown: warm.Meter.WireDown}},
	} {
		for up := int64(1); up < w.WireUp; up += 1 + w.WireUp/4 {
			cut(w.cold, up, 0)
		}
		for down := int64(1); down < w.WireDown; down += 1 + w.WireDown/6 {
			cut(w.cold, 0, down)
		}
	}
	if spent := d.settled(t, true); spent != sum {
		t.Errorf("the ledger says %v bits, the answers %v", spent, sum)
	}
	cuts := strings.Count(d.Edge.log.String(), "link was cut")
	t.Logf("%d cuts, %v bits", cuts, sum)
	if cuts < 5 {
		t.Errorf("the edge's log has %d cuts, want at least 5", cuts)
	}
}

// cutOnce asks while the link is about to be cut, and returns the bits charged.
// A reply that the link resumes is as good as one in one piece.
func (d *deployment) cutOnce(t *testing.T, up, down int64) tenbit.Bits {
	t.Helper()
	d.Link.CutAfter(up, down)
	a := d.post(t, fresh(open, false))
	d.Link.CutAfter(0, 0)
	degraded := a.Text == "It is dark." && a.Meter.Degraded != ""
	if a.Status != http.StatusOK || !degraded && (a.Text != story || a.Meter.Degraded != "") {
		t.Errorf("cut after %d up, %d down: got %d, %+v, %.300s; want the reply, or the draft, marked", up, down, a.Status, a.Meter, a.Body)
	}
	return a.Meter.Bits
}

// TestTheLinkIsCutForGood takes the link away while the large model is at work.
// Nobody can say what crossed, so the whole grant is spent.
func TestTheLinkIsCutForGood(t *testing.T) {
	const window, request = 10_000, 1000 // bits
	gate := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(gate) })
	large := fake.Behaviour{Content: story, Gate: gate}
	d := deploy(t, says("It is dark."), func(fake.Received) fake.Behaviour { return large }, func(edge, _ tree) {
		setWindow(edge, window, request)
		edge.set("remote.timeout", "2s")
	})
	defer goOn()
	answers := make(chan answer, 1)
	go func() { answers <- d.post(t, fresh(open, false)) }()
	d.eventually(t, "the large model being asked", func() bool { return len(d.Large.Seen()) > 0 })
	d.Link.Close()
	a := await(t, "the answer", answers)
	if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Degraded == "" {
		t.Errorf("got %d, %+v, %.300s; want the draft, marked", a.Status, a.Meter, a.Body)
	}
	if a.Meter.Bits != request*tenbit.Bit || a.Meter.Left != (window-request)*tenbit.Bit {
		t.Errorf("got %v bits and %v left, want the whole grant of %d spent", a.Meter.Bits, a.Meter.Left, request)
	}
}

// TestTheLinkIsCutInMidStream cuts it after text has left.
func TestTheLinkIsCutInMidStream(t *testing.T) {
	long := story + story
	for _, tt := range []struct {
		name string
		back bool // the link comes back
	}{
		{"and comes back", true},
		{"for good", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			large, goOn := stoppable(long)
			defer goOn()
			d := deploy(t, says("It is dark."), func(fake.Received) fake.Behaviour { return large }, func(edge, _ tree) {
				edge.set("remote.timeout", "3s")
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			resp, err := d.send(ctx, http.MethodPost, "/chat/completions", fresh(open, true))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text := make(chan struct{})
			body := &recorded{from: resp.Body}
			ended := make(chan error, 1)
			go func() { ended <- awaitText(body, text) }() // ends with the response
			await(t, "the first text", text)
			if tt.back {
				d.Link.Cut()
			} else {
				d.Link.Close()
			}
			goOn()
			await(t, "the stream's end", ended)
			a := answer{Body: body.String()}
			a.readStream(t)
			switch {
			case tt.back && (!a.Done || a.Error != nil || a.Text != long || a.Finish != "stop"):
				t.Errorf("got %+v; want the whole text and [DONE]", a)
			case !tt.back && (a.Done || a.Error == nil || a.Finish != "" || !strings.HasPrefix(long, a.Text)):
				// Text has left, so nothing may look like a whole answer.
				t.Errorf("got %+v; want an error event after part of the text, and no [DONE]", a)
			}
		})
	}
}

// TestAWrongToken keeps an edge without a link, and its log says why.
func TestAWrongToken(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) { edge.set("remote.token", strings.Repeat("wrong", 8)) })
	a := d.post(t, chat(open))
	if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Degraded == "" || a.Meter.Bits != 0 {
		t.Errorf("got %d, %+v, %.300s; want the draft, marked, for nothing", a.Status, a.Meter, a.Body)
	}
	if len(d.Large.Seen()) != 0 {
		t.Error("the large model was asked")
	}
	d.Edge.stop(t) // what it logged has arrived when it has ended
	if log := d.Edge.log.String(); !strings.Contains(log, "token refused") {
		t.Errorf("the edge's log does not say why:\n%s", log)
	}
}
