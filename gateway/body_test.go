package gateway_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/test/spec"
)

// squeeze compresses with one of the codings.
func squeeze(t *testing.T, coding string, in io.Reader) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "raw deflate":
		var err error
		if w, err = flate.NewWriter(&out, 6); err != nil {
			t.Fatal(err)
		}
	case "br":
		w = brotli.NewWriterLevel(&out, 1)
	case "zstd":
		var err error
		if w, err = zstd.NewWriter(&out); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.Copy(w, in); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func localOnly(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote = nil }

func TestCompressedBodies(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), localOnly)
	for _, form := range []string{"gzip", "deflate", "raw deflate", "br", "zstd"} {
		coding := strings.TrimPrefix(form, "raw ")
		if resp, body := b.post(t, squeeze(t, form, strings.NewReader(ask("The sea?"))), "Content-Encoding", coding); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s", coding, resp.StatusCode, body)
		}
		var before, after runtime.MemStats
		bomb := squeeze(t, form, io.LimitReader(zeros{}, 32<<20))
		runtime.ReadMemStats(&before)
		resp, body := b.post(t, bomb[:min(len(bomb), 1<<16)], "Content-Encoding", coding)
		runtime.ReadMemStats(&after)
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s bomb of %d bytes: got %d %s, want 413", coding, len(bomb), resp.StatusCode, body)
		}
		// The limit is 64 KiB; windows and tables of the decompressors come on top.
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 24<<20 {
			t.Errorf("%s bomb: %d bytes allocated", coding, grown)
		}
		if resp, _ := b.post(t, "this is nothing compressed", "Content-Encoding", coding); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s garbage: got %d, want 400", coding, resp.StatusCode)
		}
	}
	if resp, _ := b.post(t, squeeze(t, "gzip", strings.NewReader(ask("The sea?"))), "Content-Encoding", "gzip, gzip"); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("two codings: got %d", resp.StatusCode)
	}
	if resp, _ := b.post(t, "x", "Content-Encoding", "snappy"); resp.StatusCode != http.StatusUnsupportedMediaType || resp.Header.Get("Accept-Encoding") == "" {
		t.Errorf("an unknown coding: got %d, accept %q", resp.StatusCode, resp.Header.Get("Accept-Encoding"))
	}
}

func TestMediaTypes(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), localOnly)
	for kind, want := range map[string]int{
		"":                                  200,
		"application/json":                  200,
		"application/json; charset=UTF-8":   200,
		"application/vnd.api+json":          200,
		"application/x-www-form-urlencoded": 200, // what curl says of everything
		"application/json; charset=latin1":  415,
		"text/plain":                        415,
		"multipart/form-data; boundary=x":   415,
		"application/xml":                   415,
		"/":                                 415,
	} {
		resp, body := b.post(t, ask("The sea?"), "Content-Type", kind)
		if resp.StatusCode != want || want != 200 && spec.Check("ErrorResponse", []byte(body)) != nil {
			t.Errorf("%q: got %d %s, want %d", kind, resp.StatusCode, body, want)
		}
	}
}

func TestUnicode(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), localOnly)
	for text, want := range map[string]int{
		`\ud83c\udf0a`:        200,
		`\\ud800`:             200, // an escaped backslash and five letters
		`\ud800`:              400,
		`\udc00`:              400,
		`\ud800x`:             400,
		`\ud800\n`:            400,
		`\ud800\ud800\udc00`:  400,
		`\ud83c\udf0a\ud83c`:  400,
		"\xff":                400,
		"\xed\xa0\x80":        400,
		`\uD83C\uDF0A\u00e9x`: 200,
	} {
		resp, body := b.post(t, strings.Replace(ask("The sea?"), "The sea?", text, 1))
		if resp.StatusCode != want {
			t.Errorf("%q: got %d %s, want %d", text, resp.StatusCode, body, want)
		}
	}
}

// TestDuplicateKeys: the last counts, for us as for the model, so that nothing
// is checked that is not used.
func TestDuplicateKeys(t *testing.T) {
	local := fake.Says("It is wet.")
	b := open(t, local, fake.Says(""), localOnly)
	resp, body := b.post(t, `{"model":"tenbit","messages":[{"role":"user","content":"one"}],"messages":[{"role":"user","content":"two"}],"stream":true,"stream":false,"temperature":9,"temperature":1}`)
	calls := local.Calls()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || len(calls) != 1 || calls[0].Request.Question() != "two" || strings.Contains(string(calls[0].Request.Body), "one") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestCORS(t *testing.T) {
	send := func(b *bench, method, origin string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, b.URL+"/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-stainless-os")
		resp, err := b.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	const known, other = "https://chat.example", "https://evil.example"
	closedBench := open(t, fake.Says(""), fake.Says(""), localOnly)
	openBench := open(t, fake.Says(""), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote, g.Origins = nil, []string{known} })
	for _, tt := range []struct {
		name   string
		b      *bench
		origin string
		status int // of the preflight
		allow  string
	}{
		{"closed", closedBench, known, 405, ""},
		{"known", openBench, known, 204, known},
		{"another", openBench, other, 405, ""},
	} {
		pre, get := send(tt.b, http.MethodOptions, tt.origin), send(tt.b, http.MethodGet, tt.origin)
		if pre.StatusCode != tt.status || pre.Header.Get("Access-Control-Allow-Origin") != tt.allow || get.Header.Get("Access-Control-Allow-Origin") != tt.allow {
			t.Errorf("%s: got %d, %v and %v", tt.name, pre.StatusCode, pre.Header, get.Header)
		}
		if tt.allow != "" && (!strings.Contains(pre.Header.Get("Access-Control-Allow-Headers"), "x-stainless-os") || !slices.Contains(get.Header.Values("Vary"), "Origin")) {
			t.Errorf("%s: got %v and %v", tt.name, pre.Header, get.Header)
		}
	}
}

// TestADeclaredLength that is too large is refused before the body comes, which
// nobody waits for.
func TestADeclaredLength(t *testing.T) {
	b := open(t, fake.Says(""), fake.Says(""), localOnly)
	c, err := net.Dial("tcp", b.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n{", key, 10<<30)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close || spec.Check("ErrorResponse", body) != nil {
		t.Errorf("got %d %s (%v), closed %v", resp.StatusCode, body, err, resp.Close)
	}
	resp.Body.Close()
}

// TestHeaders are those that OpenAI sends.
func TestHeaders(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), localOnly)
	for _, body := range []string{ask("The sea?"), strings.Replace(ask("The sea?"), `{`, `{"stream":true,`, 1), `{}`} {
		resp, _ := b.post(t, body)
		for _, h := range []string{"X-Request-Id", "Openai-Processing-Ms", "Openai-Version", "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"} {
			if resp.Header.Get(h) == "" {
				t.Errorf("%s: no %s in %v", body, h, resp.Header)
			}
		}
	}
	for _, tt := range []struct {
		method, path string
		status       int
		allow, code  string
	}{
		{"GET", "/v1/chat/completions", 405, "POST", "method_not_allowed"},
		{"POST", "/v1/models", 405, "GET", "method_not_allowed"},
		{"GET", "/v1/models/nope", 404, "", "model_not_found"},
		{"GET", "/v2/models", 404, "", "unknown_url"},
		{"GET", "/", 404, "", "unknown_url"},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), tt.method, b.URL+tt.path, nil)
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := b.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.Header.Get("X-Request-Id") == "" || resp.StatusCode != tt.status || resp.Header.Get("Allow") != tt.allow || !strings.Contains(string(body), tt.code) {
			t.Errorf("%s %s: got %d, allow %q, %s", tt.method, tt.path, resp.StatusCode, resp.Header.Get("Allow"), body)
		}
		if err := spec.Check("ErrorResponse", body); err != nil {
			t.Error(err)
		}
	}
}

// TestBusy: what is over the limit gets 503 with a time to wait.
func TestBusy(t *testing.T) {
	gate := make(chan struct{})
	local := fake.NewModel(func(fake.Call) fake.Reply { r := fake.Text("It is wet."); r.Gate = gate; return r })
	b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote, g.MaxActive = nil, 1 })
	done := make(chan int)
	go func() { // ends when the gate is opened
		resp, _ := b.post(t, ask("The sea?"))
		done <- resp.StatusCode
	}()
	for len(local.Calls()) == 0 {
		runtime.Gosched()
	}
	resp, body := b.post(t, ask("Another?"))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "1" || resp.Header.Get("X-Ratelimit-Remaining-Requests") != "0" {
		t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
	}
	close(gate)
	if got := <-done; got != 200 {
		t.Errorf("the first: got %d", got)
	}
}

// TestPanicsEndOneRequest only.
func TestPanicsEndOneRequest(t *testing.T) {
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		if c.N == 0 {
			panic("a defect")
		}
		return fake.Text("It is wet.")
	})
	b := open(t, local, fake.Says(""), localOnly)
	if resp, body := b.post(t, ask("The sea?")); resp.StatusCode != 500 || spec.Check("ErrorResponse", []byte(body)) != nil {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if resp, _ := b.post(t, ask("The sea?")); resp.StatusCode != 200 {
		t.Errorf("afterwards: got %d", resp.StatusCode)
	}
}
