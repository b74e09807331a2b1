package fake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenbit/internal/fake"
)

// post gives the body and the error that ended it.
func post(t *testing.T, url, body string) (*http.Response, string, error) {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp, string(got), err
}

// Each event and each body that a well-behaved upstream sends is JSON.
func TestUpstreamSpeaksJSON(t *testing.T) {
	b := fake.Behaviour{
		Content: "a \"b\"\n😀", Refusal: "no", Prompt: 1, Tokens: 2, LogProbs: []float64{-1, -2.5}, Chunk: 100,
		ToolCalls: json.RawMessage(`[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]`),
	}
	u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return b })
	_, whole, err := post(t, u.URL, `{"stream":false}`)
	if err != nil || !json.Valid([]byte(whole)) {
		t.Errorf("got %s, %v; want JSON", whole, err)
	}
	resp, stream, err := post(t, u.URL, `{"stream":true}`)
	events := strings.Split(strings.TrimSuffix(stream, "\n\n"), "\n\n")
	if err != nil || len(events) != 7 || events[6] != "data: [DONE]" || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %q, %v; want 7 events", events, err)
	}
	for _, e := range events[:6] {
		if !json.Valid([]byte(strings.TrimPrefix(e, "data: "))) {
			t.Errorf("not JSON: %s", e)
		}
	}
	if seen := u.Seen(); len(seen) != 2 || seen[0].Stream || !seen[1].Stream || string(seen[0].Body) != `{"stream":false}` {
		t.Errorf("seen: got %+v", seen)
	}
}

func TestUpstreamMisbehaves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		b      fake.Behaviour
		status int
		ends   string
		cut    bool
	}{
		{"no [DONE]", fake.Behaviour{Content: "x", NoDone: true}, 200, "}]}\n\n", false},
		{"cut", fake.Behaviour{Content: "x", CutAfter: 2}, 200, "null}]}\n\n", true},
		{"cut body", fake.Behaviour{Raw: []byte("abcdef"), CutAfter: 3}, 200, "abc", true},
		{"error event", fake.Behaviour{Content: "x", ErrorAfter: 1}, 200, `"code":null}}` + "\n\n", false},
		{"rate limit", fake.RateLimited(3 * time.Second), 429, `}}`, false},
		{"garbage", fake.Garbage(), 200, "</html>", false},
		{"CRLF", fake.Behaviour{CRLF: true}, 200, "data: [DONE]\r\n\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return tt.b })
			resp, body, err := post(t, u.URL, `{"stream":true}`)
			if resp == nil || resp.StatusCode != tt.status || !strings.HasSuffix(body, tt.ends) || (err != nil) != tt.cut {
				t.Errorf("got %v, %q, %v; want status %d, the end %q, cut %v", resp, body, err, tt.status, tt.ends, tt.cut)
			}
		})
	}
}

func TestUpstreamSeesTheClientLeave(t *testing.T) {
	u := fake.NewUpstream(t, func(fake.Received) fake.Behaviour { return fake.Behaviour{Gate: make(chan struct{})} })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.URL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := tr.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("got an answer, want none")
	}
	if n := <-u.Left(); n != 0 {
		t.Errorf("got request %d, want 0", n)
	}
}

// echo answers every byte with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestProxyCountsAndCuts(t *testing.T) {
	for _, tt := range []struct {
		name          string
		cutUp, cutDn  int64
		up, down, got int64
	}{
		{"whole", 0, 0, 1000, 1000, 1000},
		{"cut on the way down", 0, 300, 1000, 300, 300},
		{"limit not reached", 2000, 2000, 1000, 1000, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := fake.NewProxy(t, echo(t))
			p.CutAfter(tt.cutUp, tt.cutDn)
			c, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
				t.Fatal(err)
			}
			if tt.cutDn != 300 {
				_ = c.(*net.TCPConn).CloseWrite()
			}
			got, _ := io.ReadAll(c)
			up, down := p.Bytes()
			if diff := cmp.Diff([]int64{tt.up, tt.down, tt.got}, []int64{up, down, int64(len(got))}); diff != "" {
				t.Errorf("up, down, received (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("cut on the way up", func(t *testing.T) {
		p := fake.NewProxy(t, echo(t))
		p.CutAfter(300, 0)
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write(bytes.Repeat([]byte("x"), 1000))
		got, _ := io.ReadAll(c)
		if up, _ := p.Bytes(); up != 300 || len(got) > 300 {
			t.Errorf("got %d up, %d back; want 300 and no more", up, len(got))
		}
	})
	t.Run("goes on after a cut", func(t *testing.T) {
		p := fake.NewProxy(t, echo(t))
		for i := range 3 {
			c, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			one := []byte(fmt.Sprint(i))
			if _, err := c.Write(one); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, one); err != nil || string(one) != fmt.Sprint(i) {
				t.Errorf("got %q, %v", one, err)
			}
			p.Cut()
			if _, err := c.Read(one); err == nil {
				t.Error("read after the cut: got no error")
			}
		}
	})
}
