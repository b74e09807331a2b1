package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tenbit"
)

// answer is what plain HTTP got from an edge.
type answer struct {
	Status  int
	Header  http.Header
	Trailer http.Header
	Body    string
	Text    string // of the completion, whole or put together from chunks
	Finish  string
	Error   *apiError
	Meter   meter
	Done    bool // a stream ended with [DONE]
}

// apiError is OpenAI's error envelope.
type apiError struct {
	Message string
	Type    string
	Param   *string
	Code    any // a string or null
}

// meter is what an answer says it cost: in headers, or in the closing comment
// of a stream.
type meter struct {
	Route    string
	Bits     tenbit.Bits
	WireUp   int64
	WireDown int64
	Left     tenbit.Bits
	Degraded string
}

// chat is the body of a chat request.
func chat(question string, more ...any) map[string]any {
	body := map[string]any{"model": "tenbit", "messages": []map[string]string{{"role": "user", "content": question}}}
	for i := 0; i < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return body
}

// post sends a body, or whatever JSON it becomes, to an edge and reads the
// answer to its end.
func (d *deployment) post(t *testing.T, body any, header ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := d.send(ctx, http.MethodPost, "/chat/completions", body, header...)
	if err != nil {
		t.Fatalf("post: %v", err)
	}
	return read(t, resp)
}

// send makes a request with the deployment's key, which a header may override.
func (d *deployment) send(ctx context.Context, method, path string, body any, header ...string) (*http.Response, error) {
	var b []byte
	switch v := body.(type) {
	case nil:
	case string:
		b = []byte(v)
	default:
		var err error
		if b, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, d.URL+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+d.Key)
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	return http.DefaultClient.Do(req)
}

func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v after %d bytes", err, len(body))
	}
	a := answer{Status: resp.StatusCode, Header: resp.Header, Trailer: resp.Trailer, Body: string(body)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		a.readStream(t)
		return a
	}
	var c struct {
		completion
		Error *apiError
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &c); err != nil {
			t.Fatalf("answer %.300q: %v", body, err)
		}
	}
	a.Error = c.Error
	if len(c.Choices) > 0 {
		a.Text, a.Finish = c.Choices[0].Message.Content, c.Choices[0].FinishReason
	}
	if resp.Header.Get("X-Tenbit-Bits") != "" {
		a.Meter = headerMeter(t, resp.Header)
	}
	return a
}

// readStream reads the events and the comment before the last.
func (a *answer) readStream(t *testing.T) {
	t.Helper()
	var text strings.Builder
	for event := range strings.SplitSeq(a.Body, "\n\n") {
		if comment, ok := strings.CutPrefix(event, ": tenbit "); ok {
			a.Meter = commentMeter(t, comment)
			continue
		}
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok {
			continue
		}
		if a.Done {
			t.Errorf("an event after [DONE]: %q", event)
		}
		if a.Done = data == "[DONE]"; a.Done {
			continue
		}
		var c struct {
			completion
			Error *apiError
		}
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("event %q: %v", event, err)
		}
		if c.Error != nil {
			a.Error = c.Error
		}
		if len(c.Choices) > 0 {
			text.WriteString(c.Choices[0].Delta.Content)
			if c.Choices[0].FinishReason != "" {
				a.Finish = c.Choices[0].FinishReason
			}
		}
	}
	a.Text = text.String()
}

// fresh is a chat that the cache neither answers nor keeps.
func fresh(question string, stream bool) map[string]any {
	return chat(question, "stream", stream, "tenbit", map[string]any{"cache": "no-store"})
}

// hasText reports content in the events so far.
func hasText(events string) bool { return content.MatchString(events) }

var content = regexp.MustCompile(`"delta":\{[^}]*"content":"[^"]`)

// recorded keeps what is read.
type recorded struct {
	from io.Reader
	strings.Builder
}

func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.Builder.Write(p[:n])
	return n, err
}

// headerMeter reads the meter from headers, or from trailers.
func headerMeter(t *testing.T, h http.Header) meter {
	t.Helper()
	m := meter{Route: h.Get("X-Tenbit-Route"), Degraded: h.Get("X-Tenbit-Degraded")}
	m.Bits = parseBits(t, h.Get("X-Tenbit-Bits"))
	m.Left = parseBits(t, h.Get("X-Tenbit-Budget-Left"))
	m.WireUp = parseInt(t, h.Get("X-Tenbit-Wire-Up"))
	m.WireDown = parseInt(t, h.Get("X-Tenbit-Wire-Down"))
	return m
}

// streamMeter reads the meter from the comment that closes a stream.
func streamMeter(t *testing.T, body string) meter {
	t.Helper()
	at := strings.LastIndex(body, ": tenbit ")
	if at < 0 {
		return meter{}
	}
	comment, rest, _ := strings.Cut(body[at+len(": tenbit "):], "\n\n")
	if rest != "data: [DONE]\n\n" {
		t.Errorf("after the closing comment: got %q, want [DONE]", rest)
	}
	return commentMeter(t, comment)
}

func commentMeter(t *testing.T, comment string) meter {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(comment), &fields); err != nil {
		t.Fatalf("closing comment %q: %v", comment, err)
	}
	h := http.Header{}
	for k, v := range fields {
		h.Set("X-Tenbit-"+strings.ReplaceAll(k, "_", "-"), strings.Trim(fmt.Sprint(v), `"`))
	}
	return headerMeter(t, h)
}

func parseBits(t *testing.T, s string) tenbit.Bits {
	t.Helper()
	if s == "" {
		return 0
	}
	b, err := tenbit.ParseBits(s)
	if err != nil || !strings.Contains(s, ".") || len(s)-strings.Index(s, ".") != 4 {
		t.Fatalf("got %q, want bits with three decimals", s)
	}
	return b
}

func parseInt(t *testing.T, s string) int64 {
	t.Helper()
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("got %q, want a whole number", s)
	}
	return n
}
