package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// plainHTTPS is what everybody has today: the large model's API over HTTPS. It
// counts every byte of its connections, TLS included.
type plainHTTPS struct {
	server   *http.Server
	client   *http.Client
	url      string
	up, down atomic.Int64
}

// servePlainHTTPS puts HTTPS, with a certificate of its own, before an address.
func servePlainHTTPS(behind string) (*plainHTTPS, error) {
	cert, pool, err := ownCertificate()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	p := &plainHTTPS{url: "https://" + ln.Addr().String()}
	p.server = &http.Server{
		Handler:           httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: behind}),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}},
		ReadHeaderTimeout: 10 * time.Second,
	}
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 8}}
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

// ownCertificate makes a certificate for loopback that lasts for a day.
func ownCertificate() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool, nil
}
