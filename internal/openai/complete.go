package openai

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"tenbit"
)

// Complete asks the model; see [tenbit/policy.Model]. The answer streams when
// s.Sink is set. Errors are, besides those of the context and the sink, an
// [*Error], or wrap [tenbit.ErrUnavailable] or [tenbit.ErrIncomplete]. What
// came, and the bytes that crossed, are in the completion in each case.
func (c *Client) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	body, err := c.requestBody(req, s)
	if err != nil {
		return tenbit.Completion{}, err
	}
	own := new(meter)
	out, err := c.ask(ctx, body, wish{s.Sink, req.LogProbs, req.MaxTokens}, own)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("ask the model: %w", ctx.Err())
	}
	out.Cost = tenbit.Cost{WireUp: own.up.Load(), WireDown: own.down.Load()}
	return out, err
}

// wish is what is wanted of an answer.
type wish struct {
	sink      tenbit.Sink // nil: the answer comes whole
	tokens    bool        // with the tokens' log-probabilities
	maxTokens int         // servers that ignore the limit are held to it; 0: none
}

// ask makes the call; the connection is free or closed when it returns.
func (c *Client) ask(ctx context.Context, body []byte, want wish, own *meter) (tenbit.Completion, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := c.post(ctx, c.url, body, want.sink != nil, own)
	if err != nil {
		return tenbit.Completion{}, broken("ask the model", tenbit.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return tenbit.Completion{}, statusError(resp)
	}
	answer, stream := form(resp, want.sink != nil)
	if !stream {
		return c.readWhole(answer, want)
	}
	out, err := c.readStream(answer, want)
	if err == nil {
		// The rest is the end of the chunked body. Reading it frees the
		// connection for the next request; a server that holds it open waits
		// in vain.
		limit := time.AfterFunc(50*time.Millisecond, cancel)
		defer limit.Stop()
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
	}
	return out, err
}

func (c *Client) post(ctx context.Context, url string, body []byte, stream bool, own *meter) (*http.Response, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if conn, ok := underTLS(info.Conn); ok {
			conn.own(own)
		}
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tenbit")
	// A kept connection that the server closed just now is no answer: with this
	// key, which never travels when it has no value, the transport asks again
	// on a new one, as long as no byte of an answer came.
	req.Header["Idempotency-Key"] = []string{}
	if c.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Key)
	}
	if stream {
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("Accept-Encoding", "identity") // a compressor may hold events back
	}
	return c.http.RoundTrip(req)
}

// form says whether an answer is a stream, and gives its body. It goes by what
// the server says it sends, since some ignore the wish; where it says neither,
// an answer to a wish for a stream is one unless it begins as an object does.
func form(resp *http.Response, wanted bool) (body io.Reader, stream bool) {
	switch kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case kind == "text/event-stream":
		return resp.Body, true
	case kind == "application/json", !wanted:
		return resp.Body, false
	}
	peeked := bufio.NewReader(resp.Body)
	return peeked, !opensObject(peeked)
}

// opensObject waits for the first byte that is no space, and for no more.
func opensObject(r *bufio.Reader) bool {
	for n := 1; n <= r.Size(); n++ {
		b, err := r.Peek(n)
		if err != nil {
			return false
		}
		if c := b[n-1]; !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c == '{'
		}
	}
	return false
}
