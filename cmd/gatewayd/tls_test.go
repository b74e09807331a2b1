package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenbit/internal/config"
)

// signer makes certificates.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certify makes a certificate for servers and clients, signed by s, or by itself
// where s is the zero value.
func (s signer) certify(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: s.cert == nil, BasicConstraintsValid: true, SubjectKeyId: []byte(rand.Text()),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if s.cert == nil {
		s = signer{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, s.cert, key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return signer{c, key}
}

func (s signer) pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{s.cert.Raw}, PrivateKey: s.key}
}

// served is where an edge that answers nothing listens with TLS.
func served(t *testing.T, c config.TLS, log *slog.Logger) (addr string) {
	t.Helper()
	conf, err := edgeTLS(c, log)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer("", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), log)
	s.TLSConfig = conf
	ended := make(chan error)
	go func() { ended <- (&role{server: s}).listen(ln) }() // ends with Close
	t.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
	return ln.Addr().String()
}

// ask makes a request on a connection of its own.
func ask(t *testing.T, c *http.Transport, addr string) (resumed bool, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return false, err
	}
	_ = resp.Body.Close()
	if resp.Proto != "HTTP/2.0" {
		t.Errorf("got %s", resp.Proto)
	}
	return resp.TLS.DidResume, nil
}

// TestClientCAIsReadAgain: who signs clients can change while a server runs, also
// for clients that go on with a session; a broken file changes nothing.
func TestClientCAIsReadAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		version uint16
	}{
		{"TLS 1.2", tls.VersionTLS12},
		{"TLS 1.3", tls.VersionTLS13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			at := time.Now()
			write := func(name, kind string, b []byte) string {
				path := filepath.Join(dir, name)
				at = at.Add(time.Second) // a file system may know no finer times
				if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(path, at, at); err != nil {
					t.Fatal(err)
				}
				return path
			}
			one, two := signer{}.certify(t), signer{}.certify(t)
			server := one.certify(t)
			key, err := x509.MarshalECPrivateKey(server.key)
			if err != nil {
				t.Fatal(err)
			}
			c := config.TLS{Cert: write("cert", "CERTIFICATE", server.cert.Raw), Key: write("key", "EC PRIVATE KEY", key), ClientCA: write("ca", "CERTIFICATE", one.cert.Raw)}
			var log bytes.Buffer
			addr := served(t, c, slog.New(slog.NewTextHandler(&log, nil)))
			roots := x509.NewCertPool()
			roots.AddCert(one.cert)
			client := func(from signer) *http.Transport {
				return &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
					RootCAs: roots, Certificates: []tls.Certificate{from.certify(t).pair()}, MaxVersion: tt.version, ClientSessionCache: tls.NewLRUClientSessionCache(1),
				}}
			}
			first, second := client(one), client(two)
			for i := range 2 {
				if resumed, err := ask(t, first, addr); err != nil || resumed != (i == 1) {
					t.Errorf("a client of the signer: resumed %v, %v", resumed, err)
				}
			}
			if _, err := ask(t, second, addr); err == nil {
				t.Error("a client of another one is let in")
			}
			write("ca", "CERTIFICATE", []byte("broken"))
			if _, err := ask(t, first, addr); err != nil {
				t.Errorf("a broken file: %v", err)
			}
			write("ca", "CERTIFICATE", two.cert.Raw)
			if _, err := ask(t, first, addr); err == nil {
				t.Error("a client of the signer before is let in")
			}
			if _, err := ask(t, second, addr); err != nil {
				t.Errorf("a client of the new signer: %v", err)
			}
			if got := log.String(); strings.Count(got, "not read again") != 1 || strings.Count(got, "signers of clients read again") != 1 {
				t.Errorf("the log says %s", got)
			}
		})
	}
}
