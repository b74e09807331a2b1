package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"tenbit/internal/config"
)

// plainHTTPS is what everybody has today: the large model's API over HTTPS, on
// one connection as the link. It counts every byte of that, TLS included.
type plainHTTPS struct {
	server   *http.Server
	client   *http.Client
	url      string
	up, down atomic.Int64
}

// servePlainHTTPS puts HTTPS before an address and takes out of its answers what
// no other API says.
func servePlainHTTPS(behind string, files config.TLS) (*plainHTTPS, error) {
	served, err := serverTLS(files, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	met, err := clientTLS(config.Remote{CA: files.Cert})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: behind})
	proxy.ModifyResponse = func(res *http.Response) error {
		maps.DeleteFunc(res.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-Tenbit-") })
		return nil
	}
	p := &plainHTTPS{url: "https://" + ln.Addr().String()}
	p.server = &http.Server{Handler: proxy, TLSConfig: served, ReadHeaderTimeout: 10 * time.Second}
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: met}}
	go func() { _ = p.server.ServeTLS(&countingListener{ln, p}, "", "") }() // ends with close
	return p, nil
}

func (p *plainHTTPS) close() error {
	p.client.CloseIdleConnections()
	return p.server.Close()
}

type countingListener struct {
	net.Listener
	p *plainHTTPS
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{c, l.p}, nil
}

// countingConn counts from the client's side: what is read here went up.
type countingConn struct {
	net.Conn
	p *plainHTTPS
}

func (c *countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.p.up.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.p.down.Add(int64(n))
	return n, err
}

// ownCertificate writes a certificate for loopback that lasts for a day, and its
// key, into a directory.
func ownCertificate(dir string) (files config.TLS, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return files, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return files, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return files, err
	}
	files = config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	return files, errors.Join(
		os.WriteFile(files.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
	)
}
