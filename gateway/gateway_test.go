package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tenbit"
	"tenbit/cache"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/internal/ledger"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

func TestMain(m *testing.M) {
	// The clock of regexp2's timeouts runs on for a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

const key = "tb-test"

// bench is a gateway over scripted models, in api mode.
type bench struct {
	*httptest.Server
	g      *gateway.Gateway
	ledger *ledger.Memory
	log    *bytes.Buffer
	tenant tenbit.Tenant
}

// memory is a cache of so many bytes, with nothing behind it.
func memory(bytes int64) *cache.Exact {
	c, err := cache.NewExact(cache.Options{Bytes: bytes, TTL: time.Hour})
	if err != nil {
		panic(err)
	}
	return c
}

func open(t *testing.T, local, large policy.Model, change func(*gateway.Gateway, *tenbit.Tenant)) *bench {
	t.Helper()
	b := wired(t, local, large, change)
	b.Server = httptest.NewServer(b.g.Handler())
	t.Cleanup(func() {
		b.Close()
		if err := b.g.Drain(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// wired is open without a server, for tests with a clock of their own.
func wired(t testing.TB, local, large policy.Model, change func(*gateway.Gateway, *tenbit.Tenant)) *bench {
	t.Helper()
	b := &bench{ledger: &ledger.Memory{}, log: new(bytes.Buffer)}
	b.tenant = tenbit.Tenant{ID: "t", MaxRequest: 1 << 30, OnEmpty: tenbit.EmptyLocal, Windows: []tenbit.Window{{Limit: 1 << 40, Per: 1000 * time.Hour}}}
	b.g = &gateway.Gateway{
		Models: []string{"tenbit"}, Drafter: policy.Drafter{Local: local, Samples: 3, Parallel: 1}, Gate: policy.Gate{Confidence: 0.99},
		Remote: policy.API{Large: large, Codec: codec.Default()}, Ledger: b.ledger, Cache: memory(1 << 20),
		Modes:   tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer, tenbit.ModeFull, tenbit.ModePlain),
		Metrics: telemetry.New(4), Log: slog.New(slog.NewTextHandler(b.log, nil)),
		LocalDown: gateway.LocalDownReject, MaxBody: 1 << 16, MaxActive: 8, Patience: time.Minute, PingEvery: time.Minute, SettleTime: time.Second, BodyTime: time.Minute, Stall: time.Minute,
	}
	if change != nil {
		change(b.g, &b.tenant)
	}
	secret := []byte("a secret for tests")
	h, err := gateway.ParseHash(gateway.HashKey(secret, key))
	if err != nil {
		t.Fatal(err)
	}
	b.g.Keys = gateway.Keys{Secret: secret, Entries: []gateway.KeyEntry{{Hash: h, Tenant: b.tenant}}}
	if _, err := gateway.New(b.g); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) post(t *testing.T, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func ask(question string) string {
	q, _ := json.Marshal(question)
	return fmt.Sprintf(`{"model":"tenbit","messages":[{"role":"user","content":%s}]}`, q)
}

func content(t *testing.T, body string) string {
	t.Helper()
	var c struct {
		Choices []struct {
			Message struct{ Content *string }
			Finish  string `json:"finish_reason"`
		}
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil || len(c.Choices) != 1 || c.Choices[0].Message.Content == nil {
		t.Fatalf("no completion: %v: %.300s", err, body)
	}
	return *c.Choices[0].Message.Content
}

const closed = "What is 6 times 7? End with Answer: X"

func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		name, question, local, large, route, want string
		gate                                      float64
	}{
		{"sure enough", closed, "Answer: 42", "Answer: 43", "local", "Answer: 42", 0},
		{"accept", closed, "Answer: 42", "It is 42. Answer: 42", "accept", "Answer: 42", 2},
		{"answer", closed, "Answer: 41", "It is 42. Answer: 42", "answer", "Answer: 42", 2},
		{"full", "Tell me about the sea.", "It is wet.", "It is wide and blue and old.", "full", "It is wide and blue and old.", 2},
		{"cannot say", "Tell me about the sea.", "It is wet.", "", "none", "It is wet.", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, fake.Says(tt.local), fake.Says(tt.large), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Gate.Confidence = tt.gate })
			resp, body := b.post(t, ask(tt.question))
			if got := resp.Header.Get("X-Tenbit-Route"); got != tt.route || content(t, body) != tt.want {
				t.Errorf("got %s %q, want %s %q", got, content(t, body), tt.route, tt.want)
			}
			bits, err := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
			spent, _ := b.ledger.Spent(t.Context(), "t")
			if err != nil || bits != spent || (tt.route == "local") != (bits == 0) {
				t.Errorf("header %v, ledger %v, %v", bits, spent, err)
			}
			b.Close() // what is logged behind the answer is there now
			if strings.Contains(b.log.String(), "sea") || strings.Contains(b.log.String(), "wet") || strings.Contains(b.log.String(), key) {
				t.Errorf("the log tells too much: %s", b.log)
			}
		})
	}
}

func TestCacheIsTheTenantsOwnAndFree(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says("It is wide."), nil)
	first, _ := b.post(t, ask("The sea?"))
	second, body := b.post(t, ask("The sea?"))
	if got := second.Header.Get("X-Tenbit-Route"); got != "cache" || second.Header.Get("X-Tenbit-Bits") != "0.000" || content(t, body) != "It is wide." {
		t.Errorf("got %s, %s bits, %s; first %s", got, second.Header.Get("X-Tenbit-Bits"), body, first.Header.Get("X-Tenbit-Route"))
	}
	third, _ := b.post(t, strings.Replace(ask("The sea?"), `{`, `{"tenbit":{"cache":"no-store"},`, 1))
	if got := third.Header.Get("X-Tenbit-Route"); got != "full" {
		t.Errorf("no-store: got %s, want full", got)
	}
}

// Many who ask the same at once share one walk, and one of them pays.
func TestFlightIsShared(t *testing.T) {
	large := fake.Says("It is wide.")
	b := open(t, fake.Says("It is wet."), large, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sum tenbit.Bits
	for range 8 {
		wg.Go(func() {
			resp, _ := b.post(t, ask("The sea?"))
			bits, err := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
			mu.Lock()
			defer mu.Unlock()
			if sum += bits; err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if spent, _ := b.ledger.Spent(t.Context(), "t"); spent != sum || len(large.Calls()) != 1 {
		t.Errorf("headers %v, ledger %v, %d calls of the large model; want equal and 1", sum, spent, len(large.Calls()))
	}
}

func TestStream(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says("It is wide 🌊."), nil)
	resp, body := b.post(t, strings.Replace(ask("The sea?"), `{`, `{"stream":true,"stream_options":{"include_usage":true},`, 1))
	var text, last, comment string
	for s := bufio.NewScanner(strings.NewReader(body)); s.Scan(); {
		line := s.Text()
		if c, ok := strings.CutPrefix(line, ": tenbit "); ok {
			comment = c
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		last = data
		var c struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if json.Unmarshal([]byte(data), &c) == nil && len(c.Choices) == 1 {
			text += c.Choices[0].Delta.Content
		}
	}
	if text != "It is wide 🌊." || last != "[DONE]" {
		t.Errorf("got %q, closed by %q", text, last)
	}
	var f struct{ Route, Bits string }
	spent, _ := b.ledger.Spent(t.Context(), "t")
	if err := json.Unmarshal([]byte(comment), &f); err != nil || f.Bits != spent.String() || f.Route != "full" {
		t.Errorf("comment %q (%v), ledger %v", comment, err, spent)
	}
	if got := resp.Trailer.Get("X-Tenbit-Bits"); got != f.Bits {
		t.Errorf("trailer %q, comment %q", got, f.Bits)
	}
	if !strings.Contains(body, `"choices":[],"usage"`) {
		t.Errorf("no usage chunk with empty choices:\n%s", body)
	}
}

func TestDown(t *testing.T) {
	down := fake.NewModel(func(fake.Call) fake.Reply { return fake.Fails(fmt.Errorf("dial: %w", tenbit.ErrUnavailable)) })
	for _, tt := range []struct {
		name            string
		local, large    policy.Model
		change          func(*gateway.Gateway, *tenbit.Tenant)
		status          int
		route, degraded string
	}{
		{"local", down, fake.Says("It is wide."), nil, 502, "", ""},
		{"local, buy", down, fake.Says("It is wide."), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.LocalDown = gateway.LocalDownRemote }, 200, "full", ""},
		{"large", fake.Says("It is wet."), down, nil, 200, "local", "remote unavailable"},
		{"both", down, down, func(g *gateway.Gateway, _ *tenbit.Tenant) { g.LocalDown = gateway.LocalDownRemote }, 502, "", ""},
		{"budget, local", fake.Says("It is wet."), fake.Says("x"), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.Windows = nil }, 200, "local", "over budget"},
		{"budget, reject", fake.Says("It is wet."), fake.Says("x"), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.Windows, t.OnEmpty = nil, tenbit.EmptyReject }, 429, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, tt.local, tt.large, tt.change)
			resp, body := b.post(t, ask("The sea?"))
			if resp.StatusCode != tt.status || resp.Header.Get("X-Tenbit-Route") != tt.route || resp.Header.Get("X-Tenbit-Degraded") != tt.degraded {
				t.Errorf("got %d %s %q: %s; want %d %s %q", resp.StatusCode, resp.Header.Get("X-Tenbit-Route"), resp.Header.Get("X-Tenbit-Degraded"), body, tt.status, tt.route, tt.degraded)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	b := open(t, fake.Says("Answer: 1"), fake.Says("Answer: 2"), nil)
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"no JSON", "{", 400},
		{"null", "null", 400},
		{"array", "[]", 400},
		{"deep", strings.Repeat("[", 20000), 400},
		{"no model", `{"messages":[{"role":"user","content":"x"}]}`, 400},
		{"model of a wrong type", `{"model":1,"messages":[{"role":"user","content":"x"}]}`, 400},
		{"unknown model", `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404},
		{"no messages", `{"model":"tenbit"}`, 400},
		{"unknown role", `{"model":"tenbit","messages":[{"role":"god","content":"x"}]}`, 400},
		{"stream of a wrong type", `{"model":"tenbit","stream":"yes","messages":[{"role":"user","content":"x"}]}`, 400},
		{"temperature out of range", `{"model":"tenbit","temperature":9,"messages":[{"role":"user","content":"x"}]}`, 400},
		{"n", `{"model":"tenbit","n":9,"messages":[{"role":"user","content":"x"}]}`, 400},
		{"unknown mode", `{"model":"tenbit","tenbit":{"modes":["x"]},"messages":[{"role":"user","content":"x"}]}`, 400},
		{"negative bits", `{"model":"tenbit","tenbit":{"max_bits":-1},"messages":[{"role":"user","content":"x"}]}`, 400},
		{"too large", ask(strings.Repeat("x", 1<<17)), 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := b.post(t, tt.body)
			var e struct {
				Error *struct {
					Message, Type string
					Param, Code   *string
				}
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error == nil || e.Error.Message == "" || resp.StatusCode != tt.status {
				t.Errorf("got %d %s (%v), want %d and OpenAI's error", resp.StatusCode, body, err, tt.status)
			}
		})
	}
	for auth, want := range map[string]int{"": 401, "Bearer wrong": 401, "Basic " + key: 401} {
		if resp, _ := b.post(t, ask("x"), "Authorization", auth); resp.StatusCode != want {
			t.Errorf("authorization %q: got %d, want %d", auth, resp.StatusCode, want)
		}
	}
	if spent, _ := b.ledger.Spent(t.Context(), "t"); spent != 0 {
		t.Errorf("bad input cost %v bits", spent)
	}
}

// The client leaves: the model under way is cancelled, what crossed is settled.
func TestClientLeaves(t *testing.T) {
	never := make(chan struct{})
	called := make(chan struct{})
	large := fake.NewModel(func(fake.Call) fake.Reply { close(called); return fake.Reply{Gate: never} })
	b := open(t, fake.Says("It is wet."), large, nil)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/v1/chat/completions", strings.NewReader(ask("The sea?")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	gone := make(chan error, 1)
	go func() { _, err := b.Client().Do(req); gone <- err }() //nolint:bodyclose // it never comes
	<-called
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-large.Left()
	if err := b.g.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, _, _ := b.ledger.Left(t.Context(), b.tenant)
	spent, _ := b.ledger.Spent(t.Context(), "t")
	if left+spent != 1<<40 {
		t.Errorf("%v left and %v spent: a hold is open", left, spent)
	}
}

// The one who started a walk leaves: whoever waits for the same gets its answer,
// and when the last has left the model is.
func TestTheStarterLeaves(t *testing.T) {
	for _, stays := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			say := make(chan struct{})
			local := fake.NewModel(func(fake.Call) fake.Reply { r := fake.Text("It is wet."); r.Gate = say; return r })
			b := wired(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote = nil })
			h := b.g.Handler()
			var wg sync.WaitGroup
			send := func() (*httptest.ResponseRecorder, context.CancelFunc) {
				ctx, leave := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(ask("The sea?")))
				r.Header.Set("Authorization", "Bearer "+key)
				w := httptest.NewRecorder()
				wg.Go(func() { h.ServeHTTP(w, r) })
				synctest.Wait()
				return w, leave
			}
			_, leave := send()
			second, leaveToo := send()
			leave()
			synctest.Wait()
			if stays {
				close(say)
			} else {
				leaveToo()
			}
			wg.Wait()
			leaveToo()
			if n := len(local.Calls()); n != 1 {
				t.Errorf("the model was asked %d times", n)
			}
			if got := strings.Contains(second.Body.String(), "It is wet."); got != stays {
				t.Errorf("the second stays %v, and got %s", stays, second.Body)
			}
			select {
			case <-local.Left():
				if stays {
					t.Error("the model was left while somebody waited")
				}
			default:
				if !stays {
					t.Error("the model goes on for nobody")
				}
			}
		})
	}
}

// What a sender's own limits led to is not another's answer, and the cache
// controls are kept.
func TestCacheKeepsToTheTerms(t *testing.T) {
	large := fake.Says("The tide turns at noon.")
	b := open(t, fake.Says("It is dark."), large, nil)
	q := ask("Tell me of the tide.")
	for _, tt := range []struct {
		name, route string
		header      []string
	}{
		{"nothing may be bought", "local", []string{"X-Tenbit-Max-Bits", "0"}},
		{"the tenant's limits", "full", nil},
		{"again", "cache", nil},
		{"the narrow one again", "cache", []string{"X-Tenbit-Max-Bits", "0"}},
		{"not from the cache", "full", []string{"Cache-Control", "max-age=0, No-Cache"}},
		{"not into it either", "full", []string{"Cache-Control", "no-store"}},
	} {
		resp, _ := b.post(t, q, tt.header...)
		if got := resp.Header.Get("X-Tenbit-Route"); got != tt.route {
			t.Errorf("%s: got route %s, want %s", tt.name, got, tt.route)
		}
	}
	if got := len(large.Calls()); got != 3 {
		t.Errorf("the large model was asked %d times, want 3", got)
	}
	b.g.Version = "another model"
	if resp, _ := b.post(t, q); resp.Header.Get("X-Tenbit-Route") == "cache" {
		t.Error("an answer of another model is a hit")
	}
}
