package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"tenbit/internal/config"
)

// clientTLS is how the edge meets its origin.
func clientTLS(c config.Remote) (*tls.Config, error) {
	return meetTLS(tls.VersionTLS13, c.CA, c.Cert, c.CertKey)
}

// meetTLS is how a client meets a server that ca has signed, "": the system's
// roots; with a certificate of its own where cert names one.
func meetTLS(least uint16, ca, cert, key string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: least}
	if ca != "" {
		pool, err := readPool(ca)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		t.RootCAs = pool
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// serverTLS is how an origin meets its edges, nil without certificates.
func serverTLS(c config.TLS, log *slog.Logger) (*tls.Config, error) {
	return servedTLS(c, tls.VersionTLS13, log)
}

// edgeTLS is how an edge meets its clients, some of which are old; nil without
// certificates. HTTP/2 comes with it.
func edgeTLS(c config.TLS, log *slog.Logger) (*tls.Config, error) {
	return servedTLS(c, tls.VersionTLS12, log)
}

func servedTLS(c config.TLS, least uint16, log *slog.Logger) (*tls.Config, error) {
	if c.Cert == "" {
		return nil, nil
	}
	pair := &reloaded{cert: c.Cert, key: c.Key, log: log}
	if _, err := pair.get(nil); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	t := &tls.Config{MinVersion: least, GetCertificate: pair.get}
	if c.ClientCA != "" {
		pool, err := readPool(c.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("tls.client_ca: %w", err)
		}
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return t, nil
}

// reloaded is a certificate that is read again when its files have changed, so
// that renewal needs no restart.
type reloaded struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    [2]stamp // of the files that current, or the last failure, came from
}

// stamp tells a file that has changed from one that has not.
type stamp struct {
	size int64
	time time.Time
}

// get is for [tls.Config.GetCertificate]. Files that can't be read leave the
// certificate that was there; only the first one's error is returned.
func (r *reloaded) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var now [2]stamp
	for i, path := range []string{r.cert, r.key} {
		if info, err := os.Stat(path); err == nil {
			now[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	if r.current != nil && now == r.seen {
		return r.current, nil
	}
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	switch {
	case err == nil && r.current != nil:
		r.log.Info("certificate read again", "file", r.cert)
	case err != nil && r.current == nil:
		return nil, err
	case err != nil:
		r.seen = now // until they change again
		r.log.Error("certificate not read again", "file", r.cert, "err", err)
		return r.current, nil
	}
	r.current, r.seen = &pair, now
	return r.current, nil
}

func readPool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + path)
	}
	return pool, nil
}
