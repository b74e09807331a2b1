package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// upstream is an OpenAI-compatible model that says what the test wants, byte by
// byte, and sees when it is left.
type upstream struct {
	*httptest.Server
	began chan struct{}  // one entry when a call has been read
	left  chan time.Time // when the other side left a call that was not finished

	mu    sync.Mutex // guards the rest
	says  func(call int) says
	calls []call
}

// says is one answer.
type says struct {
	text   string // any bytes, invalid UTF-8 too
	tools  string // tool_calls as JSON, "" for none
	status int    // of an error, 0 for none
	// hold waits before this byte of the text until the call is cancelled;
	// -1: never.
	hold int
	torn bool // end the stream in the middle, without finish_reason and [DONE]
}

// call is what arrived.
type call struct {
	Body   map[string]any
	Header http.Header
}

func newUpstream(t *testing.T, answer func(call int) says) *upstream {
	t.Helper()
	u := &upstream{says: answer, began: make(chan struct{}, 1000), left: make(chan time.Time, 1000)}
	u.Server = httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(u.Close)
	return u
}

// always answers every call with the same text.
func always(text string) func(int) says {
	return func(int) says { return says{text: text, hold: -1} }
}

// inTurn answers with the texts, over and over.
func inTurn(texts ...string) func(int) says {
	return func(call int) says { return says{text: texts[call%len(texts)], hold: -1} }
}

// say changes the answers from now on.
func (u *upstream) say(answer func(call int) says) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.says = answer
}

// seen is the calls so far.
func (u *upstream) seen() []call {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]call(nil), u.calls...)
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var c call
	if err != nil || json.Unmarshal(body, &c.Body) != nil {
		http.Error(w, `{"error":{"message":"bad body"}}`, http.StatusBadRequest)
		return
	}
	c.Header = r.Header
	u.mu.Lock()
	s := u.says(len(u.calls))
	u.calls = append(u.calls, c)
	u.mu.Unlock()
	u.began <- struct{}{}
	switch {
	case s.status != 0:
		w.WriteHeader(s.status)
		io.WriteString(w, `{"error":{"message":"no","type":"server_error","param":null,"code":null}}`) //nolint:errcheck // a test sees what is missing
	case c.Body["stream"] == true:
		u.stream(w, r, s)
	default:
		u.plain(w, r, s)
	}
}

func (u *upstream) plain(w http.ResponseWriter, r *http.Request, s says) {
	if s.hold >= 0 {
		u.wait(r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"up-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":%s%s},"finish_reason":%q}],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}}`,
		s.content(), s.toolField(""), s.finish())
}

func (u *upstream) stream(w http.ResponseWriter, r *http.Request, s says) {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(delta, finish string) {
		fmt.Fprintf(w, "data: {\"id\":\"up-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":%s}]}\n\n", delta, finish)
	}
	if s.hold == 0 {
		out.Flush() //nolint:errcheck // the client sees the header; cut off is seen below
		u.wait(r)
		return
	}
	send(`"role":"assistant","content":""`, "null")
	// Pieces of seven bytes cut characters in half where the text has any.
	for at := 0; at < len(s.text); at += 7 {
		end := min(at+7, len(s.text))
		if s.hold > 0 && s.hold < end {
			out.Flush() //nolint:errcheck // as above
			u.wait(r)
			return
		}
		send(`"content":`+quote(s.text[at:end]), "null")
		if len(s.text) < 1<<12 {
			out.Flush() //nolint:errcheck // as above
		}
	}
	if s.torn {
		return
	}
	if s.tools != "" {
		send(strings.TrimPrefix(s.toolField(`"index":0,`), ","), "null")
	}
	send("", fmt.Sprintf("%q", s.finish()))
	io.WriteString(w, "data: {\"id\":\"up-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}}\n\ndata: [DONE]\n\n") //nolint:errcheck // as above
}

// wait holds a call until the other side leaves it.
func (u *upstream) wait(r *http.Request) {
	<-r.Context().Done()
	u.left <- time.Now()
}

func (s says) content() string {
	if s.tools != "" && s.text == "" {
		return "null"
	}
	return quote(s.text)
}

// toolField is the tool_calls field; index goes into its first element, as
// streams want it.
func (s says) toolField(index string) string {
	if s.tools == "" {
		return ""
	}
	return `,"tool_calls":` + strings.Replace(s.tools, "{", "{"+index, 1)
}

func (s says) finish() string {
	if s.tools != "" {
		return "tool_calls"
	}
	return "stop"
}

// quote makes a JSON string that keeps bytes which are not UTF-8 as they are,
// as sloppy servers do.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
