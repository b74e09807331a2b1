package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

// bare is a gateway with nothing but a model that answers at once.
func bare(t testing.TB) *Gateway {
	t.Helper()
	keys := Keys{Secret: []byte("a secret")}
	keys.Entries = []KeyEntry{{Hash: SumKey(keys.Secret, "tb-x"), Tenant: tenbit.Tenant{ID: "t"}}}
	g, err := New(&Gateway{
		Models: []string{"tenbit"}, Keys: keys, Drafter: policy.Drafter{Local: fake.Says(`{"name":"sail","arguments":{}}`)},
		Metrics: telemetry.New(1), Log: slog.New(slog.DiscardHandler), MaxBody: 1 << 16, MaxActive: 8,
		Patience: time.Minute, PingEvery: time.Minute, BodyTime: time.Minute, Stall: time.Minute, SettleTime: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// FuzzRequests: whatever the body, the answer is one, or an error that is the
// client's or the model's, never a defect of ours, and JSON or a stream of it.
func FuzzRequests(f *testing.F) {
	paths := []string{"chat/completions", "responses", "completions", "embeddings"}
	for _, body := range []string{
		`{"model":"tenbit","messages":[{"role":"user","content":"x"}]}`,
		`{"model":"tenbit","stream":true,"n":2,"stop":["a"],"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:,"}}]}]}`,
		`{"model":"tenbit","tools":[{"type":"function","function":{"name":"sail","parameters":{"type":"object"},"strict":true}}],"tool_choice":"required","messages":[{"role":"user","content":"x"}]}`,
		`{"model":"tenbit","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","$defs":{"a":{"$ref":"#/$defs/a"}}}}},"messages":[{"role":"user","content":"x"}]}`,
		`{"model":"tenbit","input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"1"}]}`,
		`{"model":"tenbit","stream":true,"input":"x","text":{"format":{"type":"json_object"}},"tools":[{"type":"function","name":"sail"}],"tool_choice":{"type":"function","name":"sail"}}`,
		`{"model":"tenbit","prompt":["a","b"],"echo":true,"n":2,"logprobs":1}`,
		`{"model":"tenbit","input":["a"],"encoding_format":"base64","dimensions":2}`,
		`null`, `[]`, `{"model":"tenbit","model":1}`, `{"model":"tenbit","messages":[{"role":"user","content":"\ud800"}]}`, strings.Repeat("[", 20_000),
	} {
		for i := range paths {
			f.Add(uint8(i), []byte(body))
		}
	}
	h := bare(f).Handler()
	f.Fuzz(func(t *testing.T, path uint8, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/"+paths[int(path)%len(paths)], bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer tb-x")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		text := w.Body.String()
		switch {
		case w.Code == http.StatusBadGateway && strings.Contains(text, "invalid_output"):
		case w.Code >= http.StatusInternalServerError || w.Code == http.StatusRequestTimeout:
			t.Fatalf("got %d %s", w.Code, text)
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("not JSON: %q", text)
			}
			return
		}
		for line := range strings.SplitSeq(text, "\n") {
			if data, ok := strings.CutPrefix(line, "data: "); ok && data != "[DONE]" && !json.Valid([]byte(data)) {
				t.Fatalf("not JSON: %q", line)
			}
		}
	})
}

// FuzzExpand: no body expands beyond the limit, and errors are the client's.
func FuzzExpand(f *testing.F) {
	codings := []string{"gzip", "deflate", "br", "zstd", "snappy"}
	for i := range codings {
		f.Add(uint8(i), []byte("\x1f\x8b\x08\x00"))
		f.Add(uint8(i), []byte("\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00\x7b\x7d"))
		f.Add(uint8(i), []byte("\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9"))
		f.Add(uint8(i), []byte("\x0b\x00\x80\x7b\x7d\x03"))
	}
	f.Fuzz(func(t *testing.T, coding uint8, raw []byte) {
		const most = 1 << 12
		plain, err := expand(codings[int(coding)%len(codings)], raw, most)
		if len(plain) > most {
			t.Fatalf("got %d bytes, at most %d may be", len(plain), most)
		}
		if _, ours := err.(*Error); err != nil && !ours && err != errBomb { //nolint:errorlint // it wraps nothing
			t.Fatalf("got %v", err)
		}
	})
}

// FuzzLoneSurrogate: what it lets through is read as it was meant, without
// characters in place of halves.
func FuzzLoneSurrogate(f *testing.F) {
	for _, s := range []string{`\ud83c\udf0a`, `\ud800`, `\\ud800`, `\ud800\n`, `\uD83C\uDF0A\u00e9`, `\udc00\ud800`, `\`, `\u`, `\ud8`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body := []byte(`"` + text + `"`)
		lone := loneSurrogate(body)
		var s string
		if json.Unmarshal(body, &s) != nil || strings.Contains(text, "\ufffd") || strings.Contains(strings.ToLower(text), `\ufffd`) || strings.ToValidUTF8(text, "") != text {
			return
		}
		if lone != strings.Contains(s, "\ufffd") {
			t.Fatalf("%q: lone %v, read as %q", text, lone, s)
		}
	})
}

// FuzzUnshelved: a value of the cache's is an answer or a miss; one that was
// kept comes back.
func FuzzUnshelved(f *testing.F) {
	val, err := shelved(tenbit.Answer{Message: tenbit.Message{Content: "It is wet.\xff", Refusal: "no"}, Finish: tenbit.FinishStop})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(val)
	f.Add([]byte{})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, val []byte) {
		a, ok := unshelved(val, tenbit.RouteCache)
		if !ok {
			return
		}
		again, err := shelved(a)
		if err != nil {
			return // tool calls that are no JSON
		}
		if b, ok := unshelved(again, tenbit.RouteCache); !ok || b.Message.Content != a.Message.Content || b.Finish != a.Finish {
			t.Fatalf("got %+v, %v; want %+v", b, ok, a)
		}
	})
}
