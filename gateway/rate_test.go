package gateway_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

// TestRateHeaders: a tenant's own limit on requests is what its headers count
// down, and what is over it is told when to come back.
func TestRateHeaders(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), func(g *gateway.Gateway, t *tenbit.Tenant) { g.Remote, t.Requests, t.Span = nil, 3, 1000*time.Hour })
	for i, want := range []string{"2", "1", "0", "0"} {
		resp, body := b.post(t, ask("The sea?"))
		h := resp.Header
		if h.Get("X-Ratelimit-Limit-Requests") != "3" || h.Get("X-Ratelimit-Remaining-Requests") != want || h.Get("X-Ratelimit-Reset-Requests") == "0s" {
			t.Errorf("request %d: got %v, want %s left", i, h, want)
		}
		if i == 3 && (resp.StatusCode != http.StatusTooManyRequests || h.Get("Retry-After") == "" || h.Get("X-Should-Retry") != "false") {
			t.Errorf("over the limit: got %d %v %s", resp.StatusCode, h, body)
		}
	}
}

// TestEmptyBudgetSaysWhen: the error names the time when the budget grows, and
// tells clients not to try again where that is far.
func TestEmptyBudgetSaysWhen(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says("It is wide."), func(_ *gateway.Gateway, t *tenbit.Tenant) {
		t.OnEmpty, t.Windows = tenbit.EmptyReject, []tenbit.Window{{Limit: 1, Per: time.Hour}}
	})
	resp, body := b.post(t, ask("The sea?"))
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" && resp.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
	}
}

// TestPings: a stream without text opens after a while and is kept alive.
func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		local := fake.NewModel(func(fake.Call) fake.Reply { r := fake.Text("It is wet."); r.Gate = never; return r })
		b := wired(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
			g.Remote, g.Patience, g.PingEvery = nil, 5*time.Second, 15*time.Second
		})
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "POST", "/v1/chat/completions", strings.NewReader(strings.Replace(ask("The sea?"), `{`, `{"stream":true,`, 1)))
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		var wg sync.WaitGroup
		wg.Go(func() { b.g.Handler().ServeHTTP(w, r) })
		time.Sleep(51 * time.Second) // of the bubble's clock
		leave()
		wg.Wait()
		// Open after 5 s; a ping then and each 15 s behind it: at 5, 20, 35 and 50.
		if got := strings.Count(w.Body.String(), ": ping\n\n"); got != 4 || strings.Index(w.Body.String(), `"role":"assistant"`) > strings.Index(w.Body.String(), ": ping") {
			t.Errorf("got %d pings, want 4 behind the role:\n%s", got, w.Body)
		}
		synctest.Wait()
	})
}

// listener calls then when the end of an answer is written.
type listener struct {
	*httptest.ResponseRecorder
	then func()
}

func (h listener) Write(b []byte) (int, error) {
	if bytes.HasSuffix(b, []byte("}\n")) || bytes.Contains(b, []byte("[DONE]")) {
		h.then()
	}
	return h.ResponseRecorder.Write(b)
}

// TestPlacesAreFree: who hears the end of an answer, whole or streamed, can ask
// again at once where one request may be under way.
func TestPlacesAreFree(t *testing.T) {
	b := wired(t, fake.Says("It is wet."), fake.Says(""), func(g *gateway.Gateway, t *tenbit.Tenant) { g.Remote, g.MaxActive, t.Active = nil, 1, 1 })
	post := func(body string, then func()) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/chat/completions", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		w := listener{httptest.NewRecorder(), then}
		if b.g.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
	again := 0
	for _, body := range []string{ask("The sea?"), strings.Replace(ask("The sea?"), `{`, `{"stream":true,`, 1)} {
		post(body, func() { post(body, func() { again++ }) })
	}
	if again != 2 {
		t.Errorf("got %d answers to second requests, want 2", again)
	}
}
