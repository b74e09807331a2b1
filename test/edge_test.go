package test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenbit/internal/fake"
)

// alone makes an edge without a far side.
func alone(edge, _ tree) { edge.set("remote.kind", "none") }

// endless says more than the kernel keeps for a client that does not read, and
// does not end by itself.
func endless() fake.Behaviour {
	step := make(chan struct{}, 100)
	for range cap(step) {
		step <- struct{}{}
	}
	return fake.Behaviour{Content: strings.Repeat("x", 7<<20), Chunk: 64 << 10, Step: step}
}

// TestSlowClients: who sends headers or a body too slowly, or does not read, is
// cut off, and everybody else is served meanwhile.
func TestSlowClients(t *testing.T) {
	d := deploy(t, func(r fake.Received) fake.Behaviour {
		if strings.Contains(string(r.Body), "much") {
			return endless()
		}
		return fake.Answers("It is dark.")
	}, says(""), func(edge, origin tree) {
		alone(edge, origin)
		for _, limit := range []string{"header_time", "body_time", "stall"} {
			edge.set("limits."+limit, "2s") // that the others keep on a busy machine
		}
	})
	send := func(text string) net.Conn {
		c, err := net.Dial("tcp", d.Edge.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + d.Key + "\r\n"
	headers := send(head)
	body := send(head + "Content-Length: 1000\r\n\r\n{")
	b, err := json.Marshal(chat("much", "stream", true))
	if err != nil {
		t.Fatal(err)
	}
	deaf := send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(b), b))
	if a := d.post(t, chat(open)); a.Status != http.StatusOK {
		t.Errorf("meanwhile: got %d", a.Status)
	}
	await(t, "the model being left by the client that does not read", d.Local.Left())
	deaf.Close()
	if got, err := io.ReadAll(headers); err != nil || strings.Contains(string(got), "200 OK") {
		t.Errorf("slow headers: got %q, %v; want the connection closed", got, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(body), nil)
	if err != nil {
		t.Fatalf("a slow body: %v", err)
	}
	if a := read(t, resp); a.Status != http.StatusRequestTimeout || a.Error == nil {
		t.Errorf("a slow body: got %d %s", a.Status, a.Body)
	}
}

// renewed writes a new certificate for loopback, and returns who signs it.
func renewed(t *testing.T, serial int64, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// TestSlowReaderOfHTTP2: a client that leaves what is written to it unread is cut
// off there as well, and those beside it on its connection are not.
func TestSlowReaderOfHTTP2(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := renewed(t, 1, certFile, keyFile)
	d := deploy(t, func(r fake.Received) fake.Behaviour {
		if strings.Contains(string(r.Body), "much") {
			return endless()
		}
		return fake.Answers("It is dark.")
	}, says(""), func(edge, origin tree) {
		alone(edge, origin)
		edge.set("limits.stall", "2s")
		edge.set("tls", tree{"cert": certFile, "key": keyFile})
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	deaf := d.through(t, transport, fresh("much", true))
	defer deaf.Body.Close()
	await(t, "the model being left by the client that does not read", d.Local.Left())
	if a := read(t, d.through(t, transport, fresh(open, true))); a.Text != "It is dark." {
		t.Errorf("another: got %d %s", a.Status, a.Body)
	}
}

// TestThinking: a model may take longer for its answer than a client may for
// reading it, whatever the protocol.
func TestThinking(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := renewed(t, 1, certFile, keyFile)
	const stall = 500 * time.Millisecond
	d := deploy(t, func(fake.Received) fake.Behaviour {
		thought, step := make(chan struct{}), make(chan struct{}, 2)
		step <- struct{}{} // the role
		step <- struct{}{} // some text
		time.AfterFunc(2*stall, func() { close(thought) })
		time.AfterFunc(4*stall, func() { close(step) })
		return fake.Behaviour{Content: "It is dark.", Gate: thought, Step: step}
	}, says(""), func(edge, origin tree) {
		alone(edge, origin)
		edge.set("limits.stall", stall.String())
		edge.set("tls", tree{"cert": certFile, "key": keyFile})
	})
	for _, version := range []int{1, 2} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: version == 2}
		t.Cleanup(transport.CloseIdleConnections)
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("HTTP/%d stream %v", version, stream), func(t *testing.T) {
				t.Parallel()
				resp := d.through(t, transport, fresh(open, stream))
				if a := read(t, resp); a.Text != "It is dark." || stream != a.Done || resp.ProtoMajor != version {
					t.Errorf("got %d %s by %s", a.Status, a.Body, resp.Proto)
				}
			})
		}
	}
}

// through asks an edge with TLS.
func (d *deployment) through(t *testing.T, transport *http.Transport, body any) *http.Response {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+d.Edge.Addr+"/v1/chat/completions", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.Key)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestTLS: HTTP/2, plain and streamed, and a certificate that is renewed while
// the edge runs; files that are no certificate change nothing.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := renewed(t, 1, certFile, keyFile)
	d := deploy(t, says("It is dark."), says(""), func(edge, origin tree) {
		alone(edge, origin)
		edge.set("tls", tree{"cert": certFile, "key": keyFile})
	})
	ask := func(pool *x509.CertPool, stream bool) (serial int64, proto string) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		resp := d.through(t, transport, fresh(open, stream))
		serial, proto = resp.TLS.PeerCertificates[0].SerialNumber.Int64(), resp.Proto
		if a := read(t, resp); a.Text != "It is dark." || stream != a.Done || stream && a.Trailer.Get("X-Tenbit-Bits") == "" {
			t.Errorf("got %d %q, trailers %v", a.Status, a.Text, a.Trailer)
		}
		return serial, proto
	}
	for _, stream := range []bool{false, true} {
		if serial, proto := ask(pool, stream); serial != 1 || proto != "HTTP/2.0" {
			t.Errorf("got certificate %d by %s, want 1 by HTTP/2.0", serial, proto)
		}
	}
	if err := os.WriteFile(certFile, []byte("not yet"), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial, _ := ask(pool, false); serial != 1 {
		t.Errorf("a broken file: got certificate %d, want 1", serial)
	}
	if serial, _ := ask(renewed(t, 2, certFile, keyFile), true); serial != 2 {
		t.Errorf("a renewed certificate: got %d, want 2", serial)
	}
}

// TestAbandonedStreams: a hundred clients open streams and leave them; the
// model is left as often, and the edge is as it was.
func TestAbandonedStreams(t *testing.T) {
	d := deploy(t, func(fake.Received) fake.Behaviour { return stalled(numbers(100)) }, says(""), func(edge, origin tree) {
		alone(edge, origin)
		edge.set("limits.active", 200)
	})
	before := d.levels(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone := make(chan error, 100)
	began := make(chan struct{}, 100)
	for i := range 100 {
		go func() { // ends when ctx does
			text := make(chan struct{})
			go func() { <-text; began <- struct{}{} }()
			resp, err := d.send(ctx, http.MethodPost, "/chat/completions", chat(fmt.Sprint("echo ", i), "stream", true))
			if err == nil {
				defer resp.Body.Close()
				err = awaitText(resp.Body, text)
			}
			gone <- err
		}()
	}
	for range 100 {
		await(t, "the first text of each", began)
	}
	leave()
	for range 100 {
		await(t, "the end of each", gone)
		await(t, "the model being left", d.Local.Left())
	}
	after := d.levels(t)
	if after["go_goroutines"] > before["go_goroutines"]+20 || after["process_open_fds"] > before["process_open_fds"]+20 {
		t.Errorf("before %v, after %v", before, after)
	}
}
