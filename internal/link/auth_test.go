package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestToken(t *testing.T) {
	h := &echo{say: answer("yes")}
	o := newOrigin(t, h, func(s *ServerConfig) {
		s.Edges = append(s.Edges, Edge{Name: "other", Token: HashToken(testKey, "other-token")})
	})
	for _, tt := range []struct {
		token, edge string
		err         error
	}{
		{testToken, "ship", nil},
		{"other-token", "other", nil},
		{"", "", ErrUnauthorized},
		{"wrong", "", ErrUnauthorized},
		{strings.Repeat("x", 4096), "", ErrUnauthorized},
	} {
		c := newClient(t, o.url, func(c *ClientConfig) { c.Token = tt.token })
		got, err := c.Escalate(t.Context(), newAsk(t, testID(len(tt.token)), "Say it."))
		if !errors.Is(err, tt.err) || err == nil != (tt.err == nil) {
			t.Errorf("token %.20q: got %v, want %v", tt.token, err, tt.err)
		}
		if err != nil {
			if got.Cost.Bits != 0 || got.Cost.WireUp == 0 || strings.Contains(err.Error(), "xxx") {
				t.Errorf("token %.20q: got %v, %v", tt.token, got.Cost, err)
			}
			continue
		}
		if a := h.asks[len(h.asks)-1]; string(a.Tenant) != tt.edge+"/crew" {
			t.Errorf("token %.20q: got tenant %q, want edge %q", tt.token, a.Tenant, tt.edge)
		}
	}
}

func TestRefusedBeforeTheUpgrade(t *testing.T) {
	o := newOrigin(t, &echo{say: answer("yes")}, nil)
	for _, tt := range []struct {
		name, auth string
		want       int
	}{
		{"no token", "", http.StatusUnauthorized},
		{"basic", "Basic " + testToken, http.StatusUnauthorized},
		{"no upgrade", "Bearer " + testToken, http.StatusUpgradeRequired},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.http.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", tt.auth)
		resp, err := o.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
	}
	o.http.Client().CloseIdleConnections()
}

// TestCertificate lets an edge in by its client certificate alone.
func TestCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "edge"}, DNSNames: []string{"ship.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	clients, roots := x509.NewCertPool(), x509.NewCertPool()
	clients.AddCert(cert)

	for _, tt := range []struct {
		name string
		want string // the certificate's name
		cert bool
		err  error
	}{
		{"the right one", "ship.example", true, nil},
		{"another name", "other.example", true, ErrUnauthorized},
		{"none", "ship.example", false, ErrUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrigin(t, &echo{say: answer("yes")}, func(s *ServerConfig) {
				s.Edges = []Edge{{Name: "ship", Certificate: tt.want}}
			})
			secure := httptest.NewUnstartedServer(o.Server)
			secure.TLS = &tls.Config{ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven}
			secure.StartTLS()
			defer secure.Close()
			roots.AddCert(secure.Certificate())
			cfg := &tls.Config{RootCAs: roots}
			if tt.cert {
				cfg.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
			}
			c := newClient(t, "wss"+strings.TrimPrefix(secure.URL, "https"), func(c *ClientConfig) { c.TLS, c.Token = cfg, "" })
			_, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			_ = c.Close()
		})
	}
}

func TestBadConfigs(t *testing.T) {
	if _, err := NewClient(ClientConfig{URL: "http://x"}); err == nil ||
		!strings.Contains(err.Error(), "url") || !strings.Contains(err.Error(), "decoder") {
		t.Errorf("client: got %v", err)
	}
	_, err := NewServer(ServerConfig{Edges: []Edge{{Name: "a"}, {Name: "a", Certificate: "x"}, {Name: "b/c", Certificate: "x"}}, MaxStreams: 5000})
	for _, want := range []string{"no handler", "edges[0]: neither", "edges[1].name", "edges[2].name", "max_streams"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("server: got %v, want %s in it", err, want)
		}
	}
}

// TestNotAnOrigin dials things that are no origin.
func TestNotAnOrigin(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	moved := httptest.NewServer(http.RedirectHandler(web.URL, http.StatusFound))
	defer moved.Close()
	for _, tt := range []struct{ name, addr string }{
		{"nothing listens", "127.0.0.1:1"},
		{"nothing answers", mute.Addr().String()},
		{"another site", strings.TrimPrefix(web.URL, "http://")},
		{"a redirect", strings.TrimPrefix(moved.URL, "http://")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dials := 0
			c := newClient(t, "ws://"+tt.addr, func(c *ClientConfig) {
				c.DialTimeout = 100 * time.Millisecond
				c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					dials++ // one attempt at a time
					return new(net.Dialer).DialContext(ctx, network, addr)
				}
			})
			got, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
			if !errors.Is(err, ErrUnavailable) || got.Cost.Bits != 0 {
				t.Errorf("got %v, %v", got.Cost, err)
			}
			before := dials
			if _, err := c.Escalate(t.Context(), newAsk(t, testID(2), "Say it.")); !errors.Is(err, ErrUnavailable) || dials != before {
				t.Errorf("in the pause: got %v after %d dials more", err, dials-before)
			}
		})
	}
}

// rawEdge connects to an origin with bytes of its own.
func rawEdge(t *testing.T, o *origin) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, o.url, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + testToken}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// TestBrokenEdge sends an origin what no edge would: it closes the connection
// with a reason, and serves the next.
func TestBrokenEdge(t *testing.T) {
	h := &echo{say: answer("yes")}
	o := newOrigin(t, h, nil)
	hi := hello{version: Version, modes: 0x1ff}.append(nil)
	a, err := packAsk(newAsk(t, testID(1), "Say it."), kit{})
	if err != nil {
		t.Fatal(err)
	}
	high := a
	high.stream = 65
	for _, tt := range []struct {
		name string
		send [][]byte
		text bool
	}{
		{"garbage first", [][]byte{{0xff, 0xff, 0xff}}, false},
		{"an empty message", [][]byte{{}}, false},
		{"text", [][]byte{[]byte("hello")}, true},
		{"ask before hello", [][]byte{ask{stream: 1}.append(nil)}, false},
		{"two hellos", [][]byte{hi, hi}, false},
		{"garbage later", [][]byte{hi, {0x13, 1, 2, 3}}, false},
		{"a frame down", [][]byte{hi, data{1, []byte{1}}.append(nil)}, false},
		{"a stream too high", [][]byte{hi, high.append(nil)}, false},
		{"an oversize frame", [][]byte{hi, make([]byte, MaxAsk+1)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := rawEdge(t, o)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			typ := websocket.MessageBinary
			if tt.text {
				typ = websocket.MessageText
			}
			for _, p := range tt.send {
				if err := conn.Write(ctx, typ, p); err != nil {
					break // already closed
				}
			}
			for {
				_, _, err := conn.Read(ctx)
				if err == nil {
					continue // the ack
				}
				if s := websocket.CloseStatus(err); s != websocket.StatusPolicyViolation && s != websocket.StatusMessageTooBig {
					t.Errorf("got %v", err)
				}
				break
			}
		})
	}
	if h.count() != 0 {
		t.Errorf("%d replies were made", h.count())
	}
	c := newClient(t, o.url, nil)
	if _, err := c.Escalate(t.Context(), newAsk(t, testID(2), "Say it.")); err != nil {
		t.Error(err)
	}
}

// TestVersion refuses an edge of another version with a frame that says why.
func TestVersion(t *testing.T) {
	o := newOrigin(t, &echo{say: answer("yes")}, nil)
	conn := rawEdge(t, o)
	if err := conn.Write(t.Context(), websocket.MessageBinary, hello{version: 9, rest: []byte("?")}.append(nil)); err != nil {
		t.Fatal(err)
	}
	_, p, err := conn.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fr, err := parseFrame(p); err != nil || fr != (failure{code: CodeVersion, spent: Version}) {
		t.Errorf("got %+v, %v", fr, err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("got %v", err)
	}
}
