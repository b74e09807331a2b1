package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Upstream is a server that speaks OpenAI's chat completions API as well or as
// badly as its script says.
type Upstream struct {
	URL string // the base URL, with /v1

	server *httptest.Server
	script func(Received) Behaviour
	left   chan int

	mu   sync.Mutex // guards seen
	seen []Received
}

// Received is one request as it arrived.
type Received struct {
	N      int // counts from 0
	Path   string
	Header http.Header
	Body   []byte
	Stream bool // the body asks for a stream
}

// Field decodes a top-level field of the body into v and reports whether it is
// there.
func (r Received) Field(name string, v any) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(r.Body, &fields) != nil || fields[name] == nil {
		return false
	}
	return json.Unmarshal(fields[name], v) == nil
}

// maxRequest bounds what an upstream reads, in bytes.
const maxRequest = 64 << 20

// NewUpstream starts a server that stops with the test. The script may be
// called concurrently.
func NewUpstream(t testing.TB, script func(Received) Behaviour) *Upstream {
	return newUpstream(t, script, (*httptest.Server).Start)
}

// NewTLSUpstream is NewUpstream behind TLS with the certificate that
// httptest uses; Client trusts it.
func NewTLSUpstream(t testing.TB, script func(Received) Behaviour) *Upstream {
	return newUpstream(t, script, (*httptest.Server).StartTLS)
}

func newUpstream(t testing.TB, script func(Received) Behaviour, start func(*httptest.Server)) *Upstream {
	u := &Upstream{script: script, left: make(chan int, maxLeft)}
	u.server = httptest.NewUnstartedServer(u)
	start(u.server)
	t.Cleanup(u.Close)
	u.URL = u.server.URL + "/v1"
	return u
}

// Close stops the server: connections are cut, handlers are waited for.
func (u *Upstream) Close() {
	u.server.CloseClientConnections()
	u.server.Close()
}

// Addr is the server's host and port.
func (u *Upstream) Addr() string { return u.server.Listener.Addr().String() }

// Client is an HTTP client that trusts the server's certificate.
func (u *Upstream) Client() *http.Client { return u.server.Client() }

// Seen are the requests so far.
func (u *Upstream) Seen() []Received {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Received(nil), u.seen...)
}

// Left receives the number of each request whose client went away before its
// answer was whole, when the server notices.
func (u *Upstream) Left() <-chan int { return u.left }

// ServeHTTP follows the script.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	got := Received{Path: r.URL.Path, Header: r.Header.Clone(), Body: body}
	got.Field("stream", &got.Stream)
	u.mu.Lock()
	got.N = len(u.seen)
	u.seen = append(u.seen, got)
	u.mu.Unlock()
	u.script(got).serve(w, r, got.Stream)
	if r.Context().Err() != nil {
		select {
		case u.left <- got.N:
		default: // nobody reads them
		}
	}
}
