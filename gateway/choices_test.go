package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

// TestAFailedChoiceHidesNoCost: of two choices one has just been bought when the
// other fails.
func TestAFailedChoiceHidesNoCost(t *testing.T) {
	bothWays(t, func(t *testing.T, more string) {
		bought := make(chan struct{})
		local := fake.NewModel(func(c fake.Call) fake.Reply {
			if strings.Contains(string(c.Request.Body), `"seed":1`) {
				r := fake.Fails(tenbit.ErrUnavailable)
				r.Gate = bought
				return r
			}
			return fake.Text("It is wet.")
		})
		b := open(t, local, fake.Says("It is wide and blue."), func(g *gateway.Gateway, _ *tenbit.Tenant) {
			far := g.Remote
			g.Remote = remote(func(ctx context.Context, a tenbit.Ask) (tenbit.Reply, error) {
				defer close(bought)
				a.Sink = nil // text would open the stream
				return far.Escalate(ctx, a)
			})
		})
		got := b.chat(t, "The sea?", more+`"n":2,`)
		spent, _ := b.ledger.Spent(t.Context(), "t")
		said := got.header.Get("X-Tenbit-Bits") == spent.String() || strings.Contains(got.body, `"bits":"`+spent.String()+`"`)
		if got.err == nil || spent == 0 || !said {
			t.Errorf("got %d and %s bits, charged %v: %s", got.status, got.header.Get("X-Tenbit-Bits"), spent, got.body)
		}
	})
}

// TestLeftAfterAMixedRequest: the first choice was cached, the second bought.
func TestLeftAfterAMixedRequest(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says("It is wide and blue."), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.MaxRequest = 1000 * tenbit.Bit })
	b.chat(t, "The sea?", `"tenbit":{"max_bits":500},`)
	got := b.chat(t, "The sea?", `"n":2,`)
	left, _, err := b.ledger.Left(t.Context(), b.tenant)
	if err != nil {
		t.Fatal(err)
	}
	if got.header.Get("X-Tenbit-Route") != "cache" || got.header.Get("X-Tenbit-Bits") == "0.000" || got.header.Get("X-Tenbit-Budget-Left") != left.String() {
		t.Errorf("got %v, want a cached and a bought choice, and %v left", got.header, left)
	}
}

// TestTokensOfAnotherText go with it as they are, at once however many they are.
func TestTokensOfAnotherText(t *testing.T) {
	r := fake.Text(strings.Repeat("word ", 1<<17))
	for range 1 << 17 {
		r.Completion.Tokens = append(r.Completion.Tokens, tenbit.TokenProb{Token: " word", LogProb: -1})
	}
	b := open(t, fake.NewModel(func(fake.Call) fake.Reply { return r }), nil, localOnly)
	if got := b.chat(t, "The sea?", `"stream":true,"logprobs":true,`); got.deltas != 1 || len(got.choices[0].tokens) != 1<<17 {
		t.Errorf("got %d deltas, %d tokens", got.deltas, len(got.choices[0].tokens))
	}
}

// TestCallsAreUTF8: a model's calls may hold anything.
func TestCallsAreUTF8(t *testing.T) {
	bothWays(t, func(t *testing.T, more string) {
		r := fake.Text("")
		r.Completion.Message.ToolCalls = json.RawMessage("[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"anchor\",\"arguments\":\"{\\\"a\\\":\\\"\xe9\\\"}\"}}]")
		r.Completion.Finish = tenbit.FinishToolCalls
		b := open(t, fake.NewModel(func(fake.Call) fake.Reply { return r }), nil, localOnly)
		if got := b.chat(t, "The sea?", more+tools); got.status != 200 || !utf8.ValidString(got.body) || !strings.Contains(got.body, "\uFFFD") {
			t.Errorf("got %d %q", got.status, got.body)
		}
	})
}

// TestLargeIntegersStay in the schemas of responses.
func TestLargeIntegersStay(t *testing.T) {
	b := open(t, fake.Says(`{"id":9007199254740993}`), nil, localOnly)
	format := `"text":{"format":{"type":"json_schema","name":"n","schema":{"properties":{"id":{"const":9007199254740993}}}}}`
	if resp, body := b.call(t, http.MethodPost, "/v1/responses", `{"model":"tenbit","input":"x",`+format+`}`); resp.StatusCode != 200 || strings.Count(body, "9007199254740993") != 2 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

// TestAClientThatLeft is no failure of ours.
func TestAClientThatLeft(t *testing.T) {
	asked := make(chan struct{})
	b := open(t, fake.NewModel(func(fake.Call) fake.Reply {
		close(asked)
		return fake.Reply{Gate: make(chan struct{})}
	}), nil, localOnly)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }() // ends with the request
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/v1/chat/completions", strings.NewReader(ask("The sea?")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if resp, err := b.Client().Do(req); err == nil {
		resp.Body.Close()
		t.Error("got an answer")
	}
	b.Close() // waits for the handler
	if said := b.log.String(); !strings.Contains(said, "status=499") || strings.Contains(said, "level=WARN") {
		t.Errorf("logged %s", said)
	}
}

type later struct{ error }

func (later) Later() time.Duration { return 7 * time.Second }

func (l later) Unwrap() error { return l.error }

// TestTheServersTime reaches the client, and what won't help is not tried again.
func TestTheServersTime(t *testing.T) {
	for _, tt := range []struct {
		err                error
		status             int
		after, shouldRetry string
	}{
		{later{tenbit.ErrUnavailable}, 503, "7", ""},
		{tenbit.ErrUnavailable, 502, "", ""},
		{fmt.Errorf("no such model"), 502, "", "false"},
		{tenbit.ErrTooLong, 400, "", ""},
	} {
		b := open(t, fake.NewModel(func(fake.Call) fake.Reply { return fake.Fails(tt.err) }), nil, localOnly)
		got := b.chat(t, "The sea?", "")
		if got.status != tt.status || got.header.Get("Retry-After") != tt.after || got.header.Get("X-Should-Retry") != tt.shouldRetry {
			t.Errorf("%v: got %d %v", tt.err, got.status, got.header)
		}
		if tt.status == 400 && got.err.Code != "context_length_exceeded" {
			t.Errorf("%v: got %s", tt.err, got.body)
		}
	}
}
