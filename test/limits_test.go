package test

import (
	"net/http"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
)

// TestLimitsHold gives a request fewer bits than the whole answer takes.
func TestLimitsHold(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), nil)
	for _, limit := range []string{"0", "7.999", "8", "10", "50.5", "200", "500", "100000"} {
		most, err := tenbit.ParseBits(limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range []bool{false, true} {
			a := d.post(t, fresh(open, stream), "x-tenbit-max-bits", limit)
			t.Logf("limit %s, stream %v: route %s, %v bits, finish %s, %d bytes", limit, stream, a.Meter.Route, a.Meter.Bits, a.Finish, len(a.Text))
			if a.Status != http.StatusOK || a.Meter.Bits > most {
				t.Errorf("limit %s, stream %v: got %d, %+v", limit, stream, a.Status, a.Meter)
			}
			prefix := a.Finish == "length" && strings.HasPrefix(story, a.Text)
			if a.Text != story && a.Text != "It is dark." && !prefix {
				t.Errorf("limit %s, stream %v: got %q, finish %s", limit, stream, a.Text, a.Finish)
			}
		}
	}
}

// TestAnEmptyBudgetRejects: 429 insufficient_quota, and SDKs are told whether
// to try again.
func TestAnEmptyBudgetRejects(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
		setWindow(edge, 1, 1) // under what any reply may cost
		edge["tenants"].([]tree)[0].set("budget.per_request", 1000)
		edge["tenants"].([]tree)[0].set("budget.on_empty", "reject")
	})
	client := newOpenAI(t)
	for _, stream := range []bool{false, true} {
		r := client.do(t, order{Base: d.URL, Key: d.Key, Body: fresh(open, stream)})
		if r.Error == nil || r.Error.Name != "RateLimitError" || r.Error.Type != "insufficient_quota" || r.Error.Code != "insufficient_quota" {
			t.Errorf("stream %v: got %d, %+v; want a RateLimitError for insufficient_quota", stream, r.Status, r.Error)
		}
		if r.Headers["retry-after"] == "" && r.Headers["x-should-retry"] != "false" {
			t.Errorf("stream %v: got %v; want retry-after or x-should-retry: false", stream, r.Headers)
		}
	}
	if n := len(d.Large.Seen()); n != 0 {
		t.Errorf("the large model was asked %d times", n)
	}
}

// TestTrailersSayWhatTheCommentSays on streams.
func TestTrailersSayWhatTheCommentSays(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), nil)
	a := d.post(t, fresh(open, true))
	if a.Trailer.Get("X-Tenbit-Bits") == "" {
		t.Fatalf("trailers: got %v", a.Trailer)
	}
	if got := headerMeter(t, a.Trailer); got != a.Meter || got.Bits <= 0 {
		t.Errorf("got %+v in trailers, %+v in the comment", got, a.Meter)
	}
}

// TestAPIMode is an edge that asks the large model's API itself: the same
// routes, charged alike.
func TestAPIMode(t *testing.T) {
	peer := deploy(t, byQuestion(torn...), says(story), nil)
	api := deploy(t, byQuestion(torn...), says(story), func(edge, origin tree) {
		edge["remote"] = tree{"kind": "api", "api": origin["large"]}
	})
	for _, tt := range []struct{ question, large string }{
		{open, story},
		{closed, "So 5. Answer: 5"},
		{closed, "It is 29. Answer: 29"},
		{"How many cats are there?", "I count again. Answer: 7777"},
	} {
		var got [2]answer
		for i, d := range []*deployment{peer, api} {
			d.largeSays(tt.large)
			got[i] = d.post(t, fresh(tt.question, false))
			if got[i].Status != http.StatusOK {
				t.Fatalf("got %d, %.300s", got[i].Status, got[i].Body)
			}
		}
		p, a := got[0], got[1]
		t.Logf("route %s, %v bits; wire: %d up and %d down by the link, %d and %d by the API",
			a.Meter.Route, a.Meter.Bits, p.Meter.WireUp, p.Meter.WireDown, a.Meter.WireUp, a.Meter.WireDown)
		if a.Text != p.Text || a.Meter.Route != p.Meter.Route || a.Meter.Bits != p.Meter.Bits {
			t.Errorf("api mode: got %q, %+v; the link: %q, %+v", a.Text, a.Meter, p.Text, p.Meter)
		}
		if a.Meter.WireUp <= 0 || a.Meter.WireDown <= 0 {
			t.Errorf("api mode: no wire bytes: %+v", a.Meter)
		}
	}
	if left := api.left(t); left >= budget*tenbit.Bit {
		t.Errorf("api mode spent nothing: %v left", left)
	}
}

// TestWithoutOllamaTheEmbeddedModelAnswers: the shipped edge names no local
// model, and where no Ollama answers it takes its own.
func TestWithoutOllamaTheEmbeddedModelAnswers(t *testing.T) {
	d := &deployment{Key: "tb-example"}
	d.Edge = startFile(t, "edge", "../configs/edge.yaml", "TENBIT_LISTEN=127.0.0.1:0", "TENBIT_ADMIN_LISTEN=127.0.0.1:0",
		"TENBIT_LOCAL_URL=http://127.0.0.1:1", "TENBIT_REMOTE_KIND=none", "TENBIT_LEDGER_PATH="+t.TempDir()+"/ledger")
	d.URL = "http://" + d.Edge.Addr + "/v1"
	a := d.post(t, chat("Anna buys 3 pens at $1.20 each. Anna pays with $10. How much change is there?"))
	if a.Status != http.StatusOK || a.Meter.Route != "local" || !strings.Contains(a.Text, "Answer: ") {
		t.Errorf("got %d, %+v, %.300s; want the embedded model's answer", a.Status, a.Meter, a.Body)
	}
}

// TestTheShippedConfigurationsWork runs both roles as the README does, but for
// addresses, models and files, which the environment overrides.
func TestTheShippedConfigurationsWork(t *testing.T) {
	d := &deployment{Key: "tb-example"}
	d.Local = fake.NewUpstream(t, says("It is dark."))
	d.Large = fake.NewUpstream(t, says(story))
	d.Origin = startFile(t, "origin", "../configs/origin.yaml", "TENBIT_LISTEN=127.0.0.1:0", "TENBIT_ADMIN_LISTEN=127.0.0.1:0",
		"TENBIT_LARGE_URL="+d.Large.URL, "TENBIT_LEDGER_PATH="+t.TempDir()+"/ledger")
	d.Edge = startFile(t, "edge", "../configs/edge.yaml", "TENBIT_LISTEN=127.0.0.1:0", "TENBIT_ADMIN_LISTEN=127.0.0.1:0",
		"TENBIT_LOCAL_KIND=openai", "TENBIT_LOCAL_MODEL=small", "TENBIT_LOCAL_URL="+d.Local.URL, "TENBIT_LEDGER_PATH="+t.TempDir()+"/ledger",
		"TENBIT_REMOTE_URL=ws://"+d.Origin.Addr+"/link")
	d.URL = "http://" + d.Edge.Addr + "/v1"
	a := d.post(t, chat(open))
	if a.Status != http.StatusOK || a.Text != story || a.Meter.Route != "full" {
		t.Errorf("got %d, %+v, %.300s; want the large model's answer", a.Status, a.Meter, a.Body)
	}
	for _, f := range []string{"../configs/edge.yaml", "../configs/origin.yaml"} {
		if out, errs, code := once(t, "", "check", "-config", f); code != 0 || strings.Contains(out, "example secret") {
			t.Errorf("check %s: got %d, %s%s", f, code, out, errs)
		}
	}
}
