package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Behaviour is how an [Upstream] answers one request. The zero value is an
// empty, well-formed answer.
type Behaviour struct {
	// Raw, when not nil, is the body, sent as it stands with Type (default
	// application/json, or text/event-stream when a stream was asked for).
	Raw    []byte
	Type   string
	Status int // 0 is 200
	Header http.Header

	Content   string // any bytes; they are not made valid UTF-8
	Refusal   string
	ToolCalls json.RawMessage // an array; streamed as one delta a call
	Finish    string          // "" is "stop", "null" is null
	Prompt    int             // tokens of usage; no usage when this and Completion are 0
	Tokens    int
	LogProbs  []float64

	Chunk int             // bytes of content in a delta, default 5; characters may be cut
	Gate  <-chan struct{} // before the first byte; nil: at once
	Step  <-chan struct{} // one receive before each event of a stream; nil: at once

	NoDone bool // a stream ends without [DONE]
	Linger bool // a stream stays open after [DONE] until the client leaves
	CRLF   bool // a stream's lines end in CRLF
	// CutAfter, when positive, cuts the connection after that many events of a
	// stream, or that many bytes of a body; ErrorAfter sends an error event in
	// place of what follows that many events.
	CutAfter   int
	ErrorAfter int
}

// Answers is a whole answer.
func Answers(content string) Behaviour {
	return Behaviour{Content: content, Prompt: 10, Tokens: 1 + len(content)/4}
}

// Refuses is an error with OpenAI's envelope.
func Refuses(status int, typ, code, message string) Behaviour {
	body, _ := json.Marshal(map[string]any{"error": map[string]any{
		"message": message, "type": typ, "param": nil, "code": code,
	}})
	return Behaviour{Status: status, Raw: body, Type: "application/json"}
}

// RateLimited is a 429 with retry-after.
func RateLimited(after time.Duration) Behaviour {
	b := Refuses(http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "slow down")
	b.Header = http.Header{"Retry-After": {strconv.Itoa(int(after.Seconds()))}}
	return b
}

// Garbage is a body that is not an answer.
func Garbage() Behaviour { return Behaviour{Raw: []byte("<html>welcome to the harbour wifi</html>")} }

// Huge is a whole answer with n bytes of content.
func Huge(n int) Behaviour { return Behaviour{Content: strings.Repeat("x", n), Chunk: 1 << 16} }

func (b Behaviour) serve(w http.ResponseWriter, r *http.Request, stream bool) {
	if wait(r.Context(), b.Gate) != nil {
		return
	}
	for k, v := range b.Header {
		w.Header()[k] = v
	}
	kind, body := "application/json", b.Raw
	if stream && (b.Status == 0 || b.Status == http.StatusOK) {
		kind = "text/event-stream"
	}
	if b.Type != "" {
		kind = b.Type
	}
	w.Header().Set("Content-Type", kind)
	if b.Status != 0 {
		w.WriteHeader(b.Status)
	}
	if body == nil && stream {
		b.stream(w, r)
		return
	}
	if body == nil {
		body = b.whole()
	}
	if b.CutAfter > 0 && b.CutAfter < len(body) {
		_, _ = w.Write(body[:b.CutAfter])
		cut(w)
	}
	_, _ = w.Write(body)
}

func (b Behaviour) stream(w http.ResponseWriter, r *http.Request) {
	end := "\n\n"
	if b.CRLF {
		end = "\r\n\r\n"
	}
	for i, e := range b.events() {
		if wait(r.Context(), b.Step) != nil {
			return
		}
		if b.ErrorAfter > 0 && i == b.ErrorAfter {
			_, _ = fmt.Fprintf(w, `data: {"error":{"message":%s,"type":"server_error","param":null,"code":null}}`+end, quote("instead of "+e))
			return
		}
		if _, err := w.Write([]byte("data: " + e + end)); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		if b.CutAfter > 0 && i+1 == b.CutAfter {
			cut(w)
		}
	}
	if b.Linger {
		<-r.Context().Done()
	}
}

// cut ends the connection without the end that HTTP wants.
func cut(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
