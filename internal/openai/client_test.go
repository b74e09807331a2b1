package openai_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/openai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-very-secret"

func client(t *testing.T, cfg openai.Config) *openai.Client {
	t.Helper()
	c, err := openai.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve starts an upstream with one behaviour and a client of it.
func serve(t *testing.T, b fake.Behaviour) (*openai.Client, *fake.Upstream) {
	t.Helper()
	u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return b })
	return client(t, openai.Config{BaseURL: u.URL, Key: secret, Model: "big"}), u
}

func request(t *testing.T, body string) tenbit.Request {
	t.Helper()
	r, err := tenbit.ParseRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const hello = `{"model":"m","messages":[{"role":"user","content":"hello"}]}`

func TestNewChecks(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  openai.Config
		want string
	}{
		{"no URL", openai.Config{}, "base_url"},
		{"no scheme", openai.Config{BaseURL: "localhost:8000/v1"}, "base_url"},
		{"another scheme", openai.Config{BaseURL: "ftp://x/v1"}, "base_url"},
		{"password in the URL", openai.Config{BaseURL: "http://u:p@x/v1"}, "base_url"},
		{"query", openai.Config{BaseURL: "http://x/v1?key=1"}, "base_url"},
		{"line end in the key", openai.Config{BaseURL: "http://x/v1", Key: "a\nb"}, "key"},
		{"negative limit", openai.Config{BaseURL: "http://x/v1", MaxAnswer: -1}, "max_answer"},
		{"good", openai.Config{BaseURL: "http://x/v1/", Key: "k"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := openai.New(tt.cfg)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want+":")) {
				t.Errorf("got %v, want an error of %q", err, tt.want)
			}
		})
	}
}

func TestKeyIsHidden(t *testing.T) {
	cfg := openai.Config{BaseURL: "http://x/v1", Key: secret, Model: "m"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg)
	for _, s := range []string{log.String(), cfg.String(), fmt.Sprint(cfg), fmt.Sprintf("%v %+v %s", cfg, cfg, cfg)} {
		if strings.Contains(s, secret) || !strings.Contains(s, "http://x/v1") {
			t.Errorf("got %q, want the address without the key", s)
		}
	}
}

func TestRequestIsPassedOn(t *testing.T) {
	const body = `{"model":"m","messages":[{"role":"user","content":"a<b & c"}],"n":3,"temperature":0.5,"stream":true,` +
		`"stream_options":{"include_usage":false},"future_field":{"a":[1,2.50]},"max_completion_tokens":7,"seed":1}`
	temperature, seed := 1.25, int64(1<<60)
	stream := func(string) error { return nil }
	for _, tt := range []struct {
		name string
		cfg  openai.Config
		s    tenbit.Sampling
		want string
	}{
		{
			"as it is",
			openai.Config{},
			tenbit.Sampling{},
			`{"future_field":{"a":[1,2.50]},"max_completion_tokens":7,"messages":[{"content":"a<b & c","role":"user"}],"model":"m","seed":1,"temperature":0.5}`,
		},
		{
			"overrides",
			openai.Config{Model: "big", LegacyMaxTokens: true},
			tenbit.Sampling{Temperature: &temperature, Seed: &seed, LogProbs: true},
			`{"future_field":{"a":[1,2.50]},"logprobs":true,"max_tokens":7,"messages":[{"content":"a<b & c","role":"user"}],"model":"big","seed":1152921504606846976,"temperature":1.25}`,
		},
		{
			"stream",
			openai.Config{Model: "big"},
			tenbit.Sampling{Sink: stream},
			`{"future_field":{"a":[1,2.50]},"max_completion_tokens":7,"messages":[{"content":"a<b & c","role":"user"}],"model":"big","seed":1,"stream":true,"stream_options":{"include_usage":true},"temperature":0.5}`,
		},
		{
			"stream without usage",
			openai.Config{NoStreamUsage: true},
			tenbit.Sampling{Sink: stream},
			`{"future_field":{"a":[1,2.50]},"max_completion_tokens":7,"messages":[{"content":"a<b & c","role":"user"}],"model":"m","seed":1,"stream":true,"temperature":0.5}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return fake.Answers("x") })
			tt.cfg.BaseURL, tt.cfg.Key = u.URL, secret
			if _, err := client(t, tt.cfg).Complete(t.Context(), request(t, body), tt.s); err != nil {
				t.Fatal(err)
			}
			got := u.Seen()[0]
			if diff := cmp.Diff(tt.want, string(got.Body)); diff != "" || got.Path != "/v1/chat/completions" {
				t.Errorf("path %q; body (-want +got):\n%s", got.Path, diff)
			}
			if a := got.Header.Get("Authorization"); a != "Bearer "+secret {
				t.Errorf("authorization: got %q", a)
			}
		})
	}
}

// The content arrives byte for byte, whole or streamed in pieces of any size;
// the sink's pieces are cut between characters.
func TestContentIsExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	for _, tt := range []struct{ name, content string }{
		{"empty", ""},
		{"one emoji", "😀"},
		{"text", "The answer is 42 — \"quoted\" \\ back\nslash\tand <html> & \u2028."},
		{"flags and families", "🇩🇪👨‍👩‍👧‍👦 e\u0301"},
		{"invalid UTF-8", "a\xffb\xc3(\xe2\x82 \xf0\x9f\x98"},
		{"noise", string(noise)},
		{"1 MiB", strings.Repeat("Größe 😀 ok\n", 1<<20/15)},
	} {
		for _, size := range []int{0, 1, 3, 64 << 10} { // 0: not streamed
			if size == 1 && len(tt.content) > 1<<16 {
				continue // a million events
			}
			if size == 3 && len(tt.content) > 1<<16 {
				size = 100
			}
			t.Run(fmt.Sprintf("%s/%d", tt.name, size), func(t *testing.T) {
				c, _ := serve(t, fake.Behaviour{Content: tt.content, Chunk: size, Prompt: 3, Tokens: 4, CRLF: size == 3})
				var s tenbit.Sampling
				var sunk strings.Builder
				valid := utf8.ValidString(tt.content)
				if size > 0 {
					s.Sink = func(text string) error {
						if text == "" || valid && !utf8.ValidString(text) {
							t.Errorf("the sink got %q: empty, or cut inside a character", text)
						}
						sunk.WriteString(text)
						return nil
					}
				}
				got, err := c.Complete(t.Context(), request(t, hello), s)
				if err != nil {
					t.Fatal(err)
				}
				if got.Message.Content != tt.content || size > 0 && sunk.String() != tt.content {
					t.Errorf("got %.60q (%d bytes), sink %.60q; want %.60q (%d bytes)",
						got.Message.Content, len(got.Message.Content), sunk.String(), tt.content, len(tt.content))
				}
				if got.Finish != tenbit.FinishStop || got.Usage != (tenbit.Usage{Prompt: 3, Completion: 4}) {
					t.Errorf("got finish %q, usage %+v", got.Finish, got.Usage)
				}
			})
		}
	}
}

func TestEscapedContent(t *testing.T) {
	// Raw streams and bodies, as servers that escape everything write them.
	c, _ := serve(t, fake.Behaviour{Raw: []byte("data: {\"choices\":[{\"delta\":{\"content\":\"a\\ud83d\"}}]}\n\n" +
		"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\ude00\\ud83d\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")})
	var parts []string
	got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(s string) error { parts = append(parts, s); return nil }})
	if diff := cmp.Diff([]string{"a", "😀", "\ufffd"}, parts); diff != "" || err != nil || got.Message.Content != "a😀\ufffd" {
		t.Errorf("got %q, %v; parts (-want +got):\n%s", got.Message.Content, err, diff)
	}
}

func TestMeanLogProb(t *testing.T) {
	for _, sink := range []tenbit.Sink{nil, func(string) error { return nil }} {
		c, _ := serve(t, fake.Behaviour{Content: "abc", LogProbs: []float64{-0.5, -1.5, -1}})
		got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink, LogProbs: true})
		if err != nil || got.LogProb != -1 {
			t.Errorf("stream %v: got %v, %v; want -1", sink != nil, got.LogProb, err)
		}
	}
}

func TestFinishReasons(t *testing.T) {
	calls := json.RawMessage(`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]`)
	for _, tt := range []struct {
		reason string
		calls  json.RawMessage
		want   tenbit.Finish
		err    error
	}{
		{"stop", nil, tenbit.FinishStop, nil},
		{"length", nil, tenbit.FinishLength, nil},
		{"content_filter", nil, tenbit.FinishFilter, nil},
		{"tool_calls", calls, tenbit.FinishToolCalls, nil},
		{"stop", calls, tenbit.FinishToolCalls, nil},
		{"length", calls, tenbit.FinishLength, nil},
		{"eos", nil, tenbit.FinishStop, nil},
		{"STOP", nil, tenbit.FinishStop, nil},
		{"END_TURN", nil, tenbit.FinishStop, nil},
		{"end", nil, tenbit.FinishStop, nil},
		{"MAX_TOKENS", nil, tenbit.FinishLength, nil},
		{"max_output_tokens", nil, tenbit.FinishLength, nil},
		{"model_length", nil, tenbit.FinishLength, nil},
		{"null", nil, "", tenbit.ErrIncomplete},
		{"abort", nil, "", tenbit.ErrIncomplete},
	} {
		for _, sink := range []tenbit.Sink{nil, func(string) error { return nil }} {
			t.Run(fmt.Sprintf("%s/calls %v/stream %v", tt.reason, tt.calls != nil, sink != nil), func(t *testing.T) {
				c, _ := serve(t, fake.Behaviour{Content: "half", ToolCalls: tt.calls, Finish: tt.reason})
				got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: sink})
				if got.Finish != tt.want || !errors.Is(err, tt.err) || got.Message.Content != "half" {
					t.Errorf("got %q, %v, content %q; want %q, %v", got.Finish, err, got.Message.Content, tt.want, tt.err)
				}
			})
		}
	}
}

func TestErrors(t *testing.T) {
	leak := "the prompt was: attack at dawn"
	type want struct {
		status      int
		code        string
		unavailable bool
		incomplete  bool
		after       time.Duration
	}
	for _, tt := range []struct {
		name string
		b    fake.Behaviour
		want want
	}{
		{"500", fake.Refuses(500, "server_error", "", leak), want{500, "", true, false, 0}},
		{"503 with HTML", fake.Behaviour{Status: 503, Raw: []byte("<html>" + leak)}, want{503, "", true, false, 0}},
		{"429", fake.RateLimited(7 * time.Second), want{429, "rate_limit_exceeded", true, false, 7 * time.Second}},
		{"400", fake.Refuses(400, "invalid_request_error", "context_length_exceeded", leak), want{400, "context_length_exceeded", false, false, 0}},
		{"401", fake.Refuses(401, "", "invalid_api_key", leak), want{401, "invalid_api_key", false, false, 0}},
		{"a code that quotes", fake.Refuses(400, leak, leak, leak), want{400, "", false, false, 0}},
		{"302", fake.Behaviour{Status: 302, Raw: []byte{}, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}}, want{302, "", false, false, 0}},
		{"error in a 200", fake.Behaviour{Raw: []byte(`{"error":{"message":"` + leak + `","code":429}}`), Type: "application/json"}, want{429, "429", true, false, 0}},
		{"error string in a 200", fake.Behaviour{Raw: []byte(`{"error":"` + leak + `"}`), Type: "application/json"}, want{502, "", true, false, 0}},
		{"garbage", fake.Behaviour{Raw: []byte("<html>" + leak), Type: "application/json"}, want{0, "", true, false, 0}},
		{"no choices", fake.Behaviour{Raw: []byte(`{"choices":[]}`), Type: "application/json"}, want{0, "", true, false, 0}},
		{"wrong types", fake.Behaviour{Raw: []byte(`{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}`), Type: "application/json"}, want{0, "", true, false, 0}},
		{"tool calls are no array", fake.Behaviour{Raw: []byte(`{"choices":[{"message":{"tool_calls":7},"finish_reason":"stop"}]}`), Type: "application/json"}, want{0, "", true, false, 0}},
		{"cut JSON", fake.Behaviour{Raw: []byte(`{"choices":[{"message":{"content":"` + leak), Type: "application/json"}, want{0, "", false, true, 0}},
		{"cut connection", fake.Behaviour{Content: strings.Repeat(leak, 100), Type: "application/json", CutAfter: 200, Raw: []byte(strings.Repeat(leak, 100))}, want{0, "", false, true, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, tt.b)
			_, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{})
			got := want{unavailable: errors.Is(err, tenbit.ErrUnavailable), incomplete: errors.Is(err, tenbit.ErrIncomplete)}
			var e *openai.Error
			if errors.As(err, &e) {
				got.status, got.code, got.after = e.Status, e.Code, e.RetryAfter
			}
			if err == nil || got != tt.want {
				t.Errorf("got %+v (%v), want %+v", got, err, tt.want)
			}
			if s := fmt.Sprint(err); strings.Contains(s, "dawn") || strings.Contains(s, secret) {
				t.Errorf("the error quotes: %s", s)
			}
		})
	}
}

// A prompt that is too long is told from other faults of a request.
func TestPromptTooLong(t *testing.T) {
	const words = "This model's maximum context length is 8 tokens. You said: attack at dawn"
	inside := func(body string) fake.Behaviour { return fake.Behaviour{Raw: []byte(body), Type: "application/json"} }
	for _, tt := range []struct {
		name string
		b    fake.Behaviour
		want error
	}{
		{"OpenAI", fake.Refuses(400, "invalid_request_error", "context_length_exceeded", "attack at dawn"), tenbit.ErrTooLong},
		{"OpenAI, 413", fake.Refuses(413, "invalid_request_error", "context_length_exceeded", "attack at dawn"), tenbit.ErrTooLong},
		{"llama.cpp", fake.Behaviour{Status: 400, Raw: []byte(`{"error":{"code":400,"message":"attack at dawn","type":"exceed_context_size_error","n_ctx":8}}`)}, tenbit.ErrTooLong},
		{"vLLM", fake.Behaviour{Status: 400, Raw: []byte(`{"object":"error","message":"` + words + `","type":"BadRequestError","param":null,"code":400}`)}, tenbit.ErrTooLong},
		{"Ollama", fake.Refuses(400, "invalid_request_error", "", "the input length exceeds the context length"), tenbit.ErrTooLong},
		{"in a 200, with a status", inside(`{"error":{"code":400,"message":"` + words + `"}}`), tenbit.ErrTooLong},
		{"in a 200, without", inside(`{"error":{"code":"context_length_exceeded","message":"attack at dawn"}}`), tenbit.ErrTooLong},
		{"with a format beside it", fake.Refuses(400, "", "context_length_exceeded", "shorten the messages or the response_format"), tenbit.ErrTooLong},
		{"a format", fake.Refuses(400, "", "", "response_format is not supported; "+words), tenbit.ErrFormat},
		{"another fault", fake.Refuses(400, "", "", "attack at dawn"), tenbit.ErrRejected},
		{"a large body", fake.Behaviour{Status: 413, Raw: []byte{}}, tenbit.ErrRejected},
		{"another status", fake.Refuses(500, "", "context_length_exceeded", words), tenbit.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := serve(t, tt.b)
			_, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			for _, other := range []error{tenbit.ErrTooLong, tenbit.ErrFormat} {
				if other != tt.want && errors.Is(err, other) {
					t.Errorf("got %v, which is %v, too", err, other)
				}
			}
			if s := fmt.Sprintf("%v %+v", err, err); strings.Contains(s, "dawn") {
				t.Errorf("the error quotes: %s", s)
			}
		})
	}
}

// The gateway finds how long to wait without knowing the package.
func TestLater(t *testing.T) {
	c, _ := serve(t, fake.RateLimited(7*time.Second))
	_, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{})
	var e interface{ Later() time.Duration }
	if !errors.As(err, &e) || e.Later() != 7*time.Second {
		t.Errorf("got %v, want an error that says 7 s", err)
	}
}

func TestNobodyThere(t *testing.T) {
	p := fake.NewProxy(t, "127.0.0.1:1")
	for _, url := range []string{"http://127.0.0.1:1/v1", "http://" + p.Addr + "/v1", "https://" + p.Addr + "/v1"} {
		c := client(t, openai.Config{BaseURL: url, Key: secret})
		_, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{})
		if !errors.Is(err, tenbit.ErrUnavailable) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v, want ErrUnavailable", url, err)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    fake.Behaviour
		sink tenbit.Sink
	}{
		{"whole", fake.Huge(16 << 20), nil},
		{"whole, a little over", fake.Huge(1<<16 + 1), nil},
		{"stream", fake.Huge(8 << 20), func(string) error { return nil }},
		{"one huge event", fake.Behaviour{Content: strings.Repeat("x", 16<<20), Chunk: 16 << 20}, func(string) error { return nil }},
		{"endless empty events", fake.Behaviour{Raw: []byte(strings.Repeat("data: {\"choices\":[]}\n\n", 400<<10))}, func(string) error { return nil }},
		{"huge tool call", fake.Behaviour{ToolCalls: json.RawMessage(`[{"id":"` + strings.Repeat("x", 2<<20) + `"}]`)}, func(string) error { return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return tt.b })
			c := client(t, openai.Config{BaseURL: u.URL, MaxAnswer: 1 << 16})
			got, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: tt.sink})
			if !errors.Is(err, openai.ErrTooLarge) || !errors.Is(err, tenbit.ErrIncomplete) || len(got.Message.Content) > 1<<18 {
				t.Errorf("got %d bytes, %v; want ErrTooLarge", len(got.Message.Content), err)
			}
		})
	}
	t.Run("header", func(t *testing.T) {
		c, _ := serve(t, fake.Behaviour{Content: "x", Header: http.Header{"X-Long": {strings.Repeat("x", 100<<10)}}})
		if _, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{}); !errors.Is(err, tenbit.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
}

func TestDeadline(t *testing.T) {
	c, _ := serve(t, fake.Behaviour{Gate: make(chan struct{})})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Complete(ctx, request(t, hello), tenbit.Sampling{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}
