package test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tenbit/internal/fake"
)

//go:embed testdata/conversation.txt
var conversationText string

// turn is a question and its answer.
type turn struct{ question, answer string }

// conversation is a system prompt of 2 kB and ten turns with answers of 800 bytes.
func conversation() (system string, turns []turn) {
	parts := strings.Split(conversationText, "====\n")
	for _, p := range parts[1:] {
		q, a, _ := strings.Cut(p, "----\n")
		turns = append(turns, turn{strings.TrimSpace(q), strings.TrimSpace(a)})
	}
	return strings.TrimSpace(parts[0]), turns
}

// vague is a draft that says nothing of use.
const vague = "That is an interesting question. In general it depends on several factors, such as the weather, the equipment and the people involved, " +
	"and it is a good idea to plan ahead and to ask somebody who knows. There are a number of things to consider, and each of them matters in its own way. " +
	"If you would like to know more, I would be happy to help you further, but please keep in mind that I may be wrong about some of the details."

// crossed are bytes on a wire.
type crossed struct{ up, down int64 }

func (c crossed) all() int64 { return c.up + c.down }

// TestAConversationMovesFewBytes: over ten turns with a system prompt of 2 kB and
// full answers of 800 bytes the link moves a tenth of the bytes that the OpenAI
// API takes over HTTP/1.1 keep-alive with TLS, both bodies gzipped.
func TestAConversationMovesFewBytes(t *testing.T) {
	theirs := plainConversation(t)
	ours := linkConversation(t, false)
	streamed := linkConversation(t, true)
	ratio := float64(theirs.all()) / float64(ours.all())
	t.Logf("OpenAI JSON, gzip, TLS: %d up, %d down, %d bytes", theirs.up, theirs.down, theirs.all())
	t.Logf("link, unstreamed:       %d up, %d down, %d bytes: %.2f times fewer", ours.up, ours.down, ours.all(), ratio)
	t.Logf("link, streamed:         %d up, %d down, %d bytes: %.2f times fewer", streamed.up, streamed.down, streamed.all(), float64(theirs.all())/float64(streamed.all()))
	if ratio < 10 {
		t.Errorf("got %.2f times fewer bytes, want 10", ratio)
	}
}

// linkConversation is what the conversation moves on a link over TLS.
func linkConversation(t *testing.T, stream bool) crossed {
	t.Helper()
	system, turns := conversation()
	warm, warmHash := newKey(t)
	cert, key, _ := certificate(t)
	var now atomic.Int64 // the turn, from 1
	large := func(fake.Received) fake.Behaviour {
		i := now.Load()
		if i == 0 {
			return fake.Answers("Aye.")
		}
		b := fake.Answers(turns[i-1].answer)
		if stream { // a model that writes 1500 characters a second
			pace := time.NewTicker(8 * time.Millisecond)
			t.Cleanup(pace.Stop)
			b.Chunk, b.Step = 12, ticks(t, pace)
		}
		return b
	}
	d := deploy(t, says(vague), large, func(edge, origin tree) {
		origin.set("tls", tree{"cert": cert, "key": key})
		edge.set("remote.ca", cert)
		setWindow(edge, budget, 100_000) // as in configs/edge.yaml
		edge["tenants"] = append(edge["tenants"].([]tree), tree{"id": "warm", "keys": []string{warmHash}, "budget": allowance(budget, budget)})
	})
	// Another tenant's question makes the connection, which is counted apart.
	d.post(t, fresh("Is anybody there?", false), "Authorization", "Bearer "+warm)
	up0, down0 := d.Link.Bytes()
	t.Logf("handshake, upgrade and hello: %d up, %d down", up0, down0)
	messages := []any{map[string]string{"role": "system", "content": system}}
	for i, turn := range turns {
		now.Store(int64(i + 1))
		messages = append(messages, map[string]string{"role": "user", "content": turn.question})
		before := crossed{}
		before.up, before.down = d.Link.Bytes()
		a := d.post(t, chat("", "messages", messages, "stream", stream))
		if a.Text != turn.answer || a.Meter.Route != "full" || a.Meter.Degraded != "" {
			t.Fatalf("turn %d: got %d, %+v, %.200q", i+1, a.Status, a.Meter, a.Text)
		}
		up, down := d.Link.Bytes()
		if up-before.up != a.Meter.WireUp || down-before.down != a.Meter.WireDown {
			t.Errorf("turn %d: the proxy saw %d up and %d down, the answer says %d and %d", i+1, up-before.up, down-before.down, a.Meter.WireUp, a.Meter.WireDown)
		}
		t.Logf("turn %d: %d up, %d down, %v bits for %d bytes", i+1, a.Meter.WireUp, a.Meter.WireDown, a.Meter.Bits, len(turn.answer))
		messages = append(messages, map[string]string{"role": "assistant", "content": turn.answer})
	}
	up, down := d.Link.Bytes()
	return crossed{up - up0, down - down0}
}

// ticks are those of a ticker, until the test ends.
func ticks(t *testing.T, ticker *time.Ticker) <-chan struct{} {
	c := make(chan struct{})
	go func() { // ends with the test
		for {
			select {
			case <-ticker.C:
			case <-t.Context().Done():
				return
			}
			select {
			case c <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return c
}

// plainConversation is what it moves between an OpenAI client and server.
func plainConversation(t *testing.T) crossed {
	t.Helper()
	system, turns := conversation()
	next := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if z, err := gzip.NewReader(r.Body); err == nil {
			_, _ = io.Copy(io.Discard, z)
		}
		if r.Method != http.MethodPost {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(gzipped(t, openAIAnswer(turns[next].answer)))
		next++
	}))
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := fake.NewProxy(t, server.Listener.Addr().String())
	client := server.Client()
	client.Transport.(*http.Transport).DisableCompression = true
	do := func(method string, body []byte) {
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+proxy.Addr+"/v1/chat/completions", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", "gzip")
		req.Header.Set("Accept-Encoding", "gzip")
		req.Header.Set("Authorization", "Bearer sk-proj-"+strings.Repeat("x", 40))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	do(http.MethodGet, nil) // the handshake is counted apart
	up0, down0 := proxy.Bytes()
	messages := []any{map[string]string{"role": "system", "content": system}}
	for _, turn := range turns {
		messages = append(messages, map[string]string{"role": "user", "content": turn.question})
		body, err := json.Marshal(map[string]any{"model": "gpt-5", "messages": messages})
		if err != nil {
			t.Fatal(err)
		}
		do(http.MethodPost, gzipped(t, body))
		messages = append(messages, map[string]string{"role": "assistant", "content": turn.answer})
	}
	up, down := proxy.Bytes()
	return crossed{up - up0, down - down0}
}

// openAIAnswer is a chat completion as OpenAI's API returns it.
func openAIAnswer(text string) []byte {
	content, _ := json.Marshal(text)
	return fmt.Appendf(nil, `{
  "id": "chatcmpl-CZ8XUfXaOZMq4mTEmeRmDkLtPTbNu",
  "object": "chat.completion",
  "created": 1764064800,
  "model": "gpt-5-2025-08-07",
  "choices": [
    {
      "index": 0,
      "message": {
        "role": "assistant",
        "content": %s,
        "refusal": null,
        "annotations": []
      },
      "finish_reason": "stop"
    }
  ],
  "usage": {
    "prompt_tokens": 512,
    "completion_tokens": 170,
    "total_tokens": 682,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
  },
  "service_tier": "default",
  "system_fingerprint": null
}
`, content)
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// certificate writes a certificate for loopback and its key as PEM files.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}
