package ollama_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tenbit"
	"tenbit/internal/ollama"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a stand-in for Ollama with one answer.
type server struct {
	*httptest.Server
	left chan struct{} // receives when a client leaves

	mu   sync.Mutex // guards body
	body map[string]any
}

// serve answers each chat with status and lines. A line "<cut>" cuts the
// connection, "<wait>" waits until the client leaves.
func serve(t *testing.T, status int, lines ...string) *server {
	t.Helper()
	s := &server{left: make(chan struct{}, 8)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var got map[string]any
		if r.URL.Path != "/api/chat" || json.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		s.mu.Lock()
		s.body = got
		s.mu.Unlock()
		w.WriteHeader(status)
		for _, l := range lines {
			switch l {
			case "<cut>":
				panic(http.ErrAbortHandler)
			case "<wait>":
				<-r.Context().Done()
				s.left <- struct{}{}
				return
			}
			_, _ = io.WriteString(w, l+"\n")
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, cfg ollama.Config) *ollama.Client {
	t.Helper()
	c, err := ollama.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func request(t *testing.T, body string) tenbit.Request {
	t.Helper()
	r, err := tenbit.ParseRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	hello = `{"model":"m","messages":[{"role":"user","content":"attack at dawn"}]}`
	done  = `{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":5,"eval_count":2}`
)

func say(text string) string {
	return fmt.Sprintf(`{"message":{"role":"assistant","content":%q}}`, text)
}

func TestAnswers(t *testing.T) {
	length := strings.Replace(done, `"stop"`, `"length"`, 1)
	for _, tt := range []struct {
		name   string
		status int
		lines  []string
		parts  []string
		finish tenbit.Finish
		calls  string
		err    error // nil: none
	}{
		{"whole", 200, []string{say("4"), say("2 😀"), done}, []string{"4", "2 😀"}, tenbit.FinishStop, "", nil},
		{"empty", 200, []string{done}, nil, tenbit.FinishStop, "", nil},
		{"length", 200, []string{say("4"), length}, []string{"4"}, tenbit.FinishLength, "", nil},
		{
			"tool calls", 200,
			[]string{
				`{"message":{"content":"","tool_calls":[{"id":"call_a","function":{"index":0,"name":"f","arguments":{"z":1,"a":"<b>"}}}]}}`,
				`{"message":{"content":"","tool_calls":[{"function":{"index":1,"name":"g","arguments":{}}}]}}`, done,
			},
			nil, tenbit.FinishToolCalls,
			`[{"id":"call_a","type":"function","function":{"name":"f","arguments":"{\"z\":1,\"a\":\"\\u003cb\\u003e\"}"}},` +
				`{"id":"call_689d71046e67ebe5daf8ea5c","type":"function","function":{"name":"g","arguments":"{}"}}]`, nil,
		},
		{
			"no arguments", 200,
			[]string{`{"message":{"tool_calls":[{"id":"a","function":{"name":"f"}},{"id":"b","function":{"name":"f","arguments":null}}]}}`, done},
			nil, tenbit.FinishToolCalls,
			`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]`, nil,
		},
		{"just ends", 200, []string{say("4")}, []string{"4"}, "", "", tenbit.ErrIncomplete},
		{"nothing at all", 200, nil, nil, "", "", tenbit.ErrIncomplete},
		{"done without a reason", 200, []string{say("4"), strings.Replace(done, `"stop"`, `""`, 1)}, []string{"4"}, "", "", tenbit.ErrIncomplete},
		{"only loaded", 200, []string{strings.Replace(done, `"stop"`, `"load"`, 1)}, nil, "", "", tenbit.ErrIncomplete},
		{"cut", 200, []string{say("4"), "<cut>"}, []string{"4"}, "", "", tenbit.ErrIncomplete},
		{"error in the middle", 200, []string{say("4"), `{"error":"dawn"}`}, []string{"4"}, "", "", tenbit.ErrIncomplete},
		{"error at once", 200, []string{`{"error":"dawn"}`}, nil, "", "", tenbit.ErrUnavailable},
		{"garbage", 200, []string{`<html>dawn`}, nil, "", "", tenbit.ErrUnavailable},
		{"wrong types", 200, []string{`{"message":7}`}, nil, "", "", tenbit.ErrUnavailable},
		{"no model", 404, []string{`{"error":"model 'm' not found"}`}, nil, "", "", ollama.ErrNoModel},
		{"overloaded", 503, []string{`{"error":"dawn"}`}, nil, "", "", tenbit.ErrUnavailable},
		{"500 without JSON", 500, []string{`dawn`}, nil, "", "", tenbit.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.status, tt.lines...)
			var parts []string
			got, err := client(t, ollama.Config{BaseURL: s.URL}).Complete(t.Context(), request(t, hello),
				tenbit.Sampling{Sink: func(s string) error { parts = append(parts, s); return nil }})
			if diff := cmp.Diff(tt.parts, parts); diff != "" || got.Message.Content != strings.Join(parts, "") {
				t.Errorf("content %q; parts (-want +got):\n%s", got.Message.Content, diff)
			}
			if got.Finish != tt.finish || string(got.Message.ToolCalls) != tt.calls || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %s, %v; want %q, %s, %v", got.Finish, got.Message.ToolCalls, err, tt.finish, tt.calls, tt.err)
			}
			if err == nil && got.Usage != (tenbit.Usage{Prompt: 5, Completion: 2}) {
				t.Errorf("got usage %+v", got.Usage)
			}
			if err != nil && strings.Contains(err.Error(), "dawn") {
				t.Errorf("the error quotes: %v", err)
			}
		})
	}
}

// A 400 is neither: trying again would not help.
func TestBadRequestIsTyped(t *testing.T) {
	s := serve(t, 400, `{"error":"the input length exceeds the context length"}`)
	_, err := client(t, ollama.Config{BaseURL: s.URL}).Complete(t.Context(), request(t, hello), tenbit.Sampling{})
	var e *ollama.Error
	if !errors.As(err, &e) || e.Status != 400 || !errors.Is(err, tenbit.ErrTooLong) || errors.Is(err, tenbit.ErrUnavailable) {
		t.Errorf("got %v, want status 400 and ErrTooLong", err)
	}
	s = serve(t, 400, `{"error":"invalid options: dawn"}`)
	_, err = client(t, ollama.Config{BaseURL: s.URL}).Complete(t.Context(), request(t, hello), tenbit.Sampling{})
	if !errors.Is(err, tenbit.ErrRejected) || errors.Is(err, tenbit.ErrTooLong) || strings.Contains(err.Error(), "dawn") {
		t.Errorf("got %v, want ErrRejected alone", err)
	}
}

func TestRequestIsConverted(t *testing.T) {
	temperature, seed := 0.25, int64(1)<<33+7
	cfg := ollama.Config{Model: "small", NumThread: 1, NumCtx: 2048, KeepAlive: -1, MaxTokens: 100}
	for _, tt := range []struct {
		name, body string
		cfg        ollama.Config
		s          tenbit.Sampling
		want       string
	}{
		{
			"plain", hello,
			ollama.Config{},
			tenbit.Sampling{},
			`{"model":"m","messages":[{"role":"user","content":"attack at dawn"}],"stream":true,"truncate":false,"shift":false,"options":{"num_predict":4096}}`,
		},
		{
			"everything", `{"model":"m","messages":[
				{"role":"developer","content":"be brief"},
				{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}},{"type":"text","text":"b"}]},
				{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"z\":1,\"a\":2}"}}]},
				{"role":"tool","tool_call_id":"call_1","content":"3"}],
				"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"z":{"type":"integer"}},"required":["z"]}}}],
				"temperature":1,"top_p":0.5,"presence_penalty":1,"seed":3,"stop":["x","y"],"max_tokens":9,"max_completion_tokens":7,"reasoning_effort":"none","logprobs":true,"top_logprobs":3}`,
			cfg,
			tenbit.Sampling{Temperature: &temperature, Seed: &seed},
			`{"model":"small","messages":[
				{"role":"system","content":"be brief"},
				{"role":"user","content":"a\nb","images":["aGk="]},
				{"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":{"index":0,"name":"f","arguments":{"a":2,"z":1}}}]},
				{"role":"tool","content":"3","tool_name":"f","tool_call_id":"call_1"}],
				"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"z":{"type":"integer"}},"required":["z"]}}}],
				"stream":true,"truncate":false,"shift":false,"keep_alive":-1,"think":false,"logprobs":true,"top_logprobs":3,
				"options":{"num_predict":7,"num_thread":1,"num_ctx":2048,"temperature":0.25,"top_p":0.5,"presence_penalty":1,"seed":7,"stop":["x","y"]}}`,
		},
		{
			"names that are none, and an integer with a point",
			`{"model":"m","Temperature":99,"toolſ":[{"type":"function","function":{"name":"f"}}],"meſſages":[{"role":"user","content":"another question"}],"seed":5.0,
				"messages":[{"role":"user","content":"attack at dawn"},{"role":"assistant","Content":"at noon","tool_callſ":[{"id":"a","function":{"name":"f"}}]}]}`,
			ollama.Config{},
			tenbit.Sampling{},
			`{"model":"m","messages":[{"role":"user","content":"attack at dawn"},{"role":"assistant","content":""}],"stream":true,"truncate":false,"shift":false,"options":{"num_predict":4096,"seed":5}}`,
		},
		{
			"most tokens", `{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":500,"stop":"z","response_format":{"type":"json_object"}}`,
			cfg,
			tenbit.Sampling{LogProbs: true},
			`{"model":"small","messages":[{"role":"user","content":"x"}],"stream":true,"truncate":false,"shift":false,"keep_alive":-1,"format":"json","logprobs":true,
				"options":{"num_predict":100,"num_thread":1,"num_ctx":2048,"stop":["z"]}}`,
		},
		{
			"schema, tool_choice none", `{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"none","tools":[{"type":"function","function":{"name":"f"}}],
				"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`,
			ollama.Config{},
			tenbit.Sampling{},
			`{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"truncate":false,"shift":false,"format":{"type":"object"},"options":{"num_predict":4096}}`,
		},
		{
			"tool_choice names one", `{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"function","function":{"name":"g"}},
				"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}]}`,
			ollama.Config{},
			tenbit.Sampling{},
			`{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"truncate":false,"shift":false,"options":{"num_predict":4096},
				"tools":[{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}]}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, 200, done)
			tt.cfg.BaseURL = s.URL
			if _, err := client(t, tt.cfg).Complete(t.Context(), request(t, tt.body), tt.s); err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, s.body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

// What the local model cannot read is the client's fault, and Ollama is not asked.
func TestRequestsThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct{ name, body, param string }{
		{"image from the net", `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x/y.png"}}]}]}`, "messages[0].content[0].image_url.url"},
		{"image that is no base64", `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,###"}}]}]}`, "messages[0].content[0].image_url.url"},
		{"sound", `{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}`, "messages[0].content[0].type"},
		{"arguments are no JSON", `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]}]}`, "messages[0].tool_calls[0].function.arguments"},
		{"no schema", `{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema"}}`, "response_format.json_schema.schema"},
		{"tool with odd parameters", `{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":7}}]}`, "tools[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, 200, done)
			_, err := client(t, ollama.Config{BaseURL: s.URL}).Complete(t.Context(), request(t, tt.body), tenbit.Sampling{})
			var e *tenbit.RequestError
			if !errors.As(err, &e) || e.Param != tt.param || s.body != nil {
				t.Errorf("got %v, asked %v; want an error of %q and no call", err, s.body, tt.param)
			}
		})
	}
}

func TestLogProbIsTheMean(t *testing.T) {
	s := serve(t, 200, `{"message":{"content":"4"},"logprobs":[{"token":"4","logprob":-1},{"token":"2","logprob":-2}]}`, done)
	got, err := client(t, ollama.Config{BaseURL: s.URL}).Complete(t.Context(), request(t, hello), tenbit.Sampling{LogProbs: true})
	if err != nil || got.LogProb != -1.5 {
		t.Errorf("got %v, %v; want -1.5", got.LogProb, err)
	}
}

func TestTooLong(t *testing.T) {
	s := serve(t, 200, say(strings.Repeat("x", 600)), say(strings.Repeat("x", 600)), done)
	_, err := client(t, ollama.Config{BaseURL: s.URL, MaxAnswer: 1000}).Complete(t.Context(), request(t, hello), tenbit.Sampling{})
	if !errors.Is(err, ollama.ErrTooLarge) || !errors.Is(err, tenbit.ErrIncomplete) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestSinkStopsTheAnswer(t *testing.T) {
	stop := errors.New("enough")
	s := serve(t, 200, say("a"), say(""), say("b"), "<wait>")
	got, err := client(t, ollama.Config{BaseURL: s.URL}).Complete(t.Context(), request(t, hello), tenbit.Sampling{Sink: func(text string) error {
		if text == "b" {
			return stop
		}
		return nil
	}})
	if <-s.left; !errors.Is(err, stop) || got.Message.Content != "ab" || got.Usage != (tenbit.Usage{Completion: 2}) {
		t.Errorf("got %q, %+v, %v; want the sink's error and two tokens", got.Message.Content, got.Usage, err)
	}
}

func TestCancellation(t *testing.T) {
	for name, lines := range map[string][]string{"before the first line": {"<wait>"}, "in the middle": {say("a"), "<wait>"}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, 200, lines...)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			_, err := client(t, ollama.Config{BaseURL: s.URL}).Complete(ctx, request(t, hello), tenbit.Sampling{})
			if <-s.left; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the deadline", err)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	if _, err := ollama.Probe(t.Context(), "http://127.0.0.1:1"); !errors.Is(err, tenbit.ErrUnavailable) {
		t.Errorf("nobody there: got %v, want ErrUnavailable", err)
	}
	if _, err := ollama.Probe(t.Context(), "localhost"); !errors.Is(err, tenbit.ErrUnavailable) {
		t.Errorf("no URL: got %v, want ErrUnavailable", err)
	}
	for _, body := range []string{"<html>", "{}", "[]", strings.Repeat(" ", 1<<20)} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		if v, err := ollama.Probe(t.Context(), s.URL); !errors.Is(err, tenbit.ErrUnavailable) {
			t.Errorf("%.10q: got %q, %v; want ErrUnavailable", body, v, err)
		}
		s.Close()
	}
	c := client(t, ollama.Config{BaseURL: "http://127.0.0.1:1"})
	if _, err := c.Complete(t.Context(), request(t, hello), tenbit.Sampling{}); !errors.Is(err, tenbit.ErrUnavailable) {
		t.Errorf("complete: got %v, want ErrUnavailable", err)
	}
}

func TestNewChecks(t *testing.T) {
	for name, cfg := range map[string]ollama.Config{
		"no URL":          {},
		"no scheme":       {BaseURL: "127.0.0.1:11434"},
		"negative tokens": {BaseURL: "http://x", MaxTokens: -1},
		"negative ctx":    {BaseURL: "http://x", NumCtx: -1},
	} {
		if _, err := ollama.New(cfg); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
