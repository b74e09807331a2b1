package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
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
	pair := &reloaded[tls.Certificate]{what: "certificate", files: []string{c.Cert, c.Key}, log: log, read: func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		return &pair, err
	}}
	if _, err := pair.get(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	t := &tls.Config{
		MinVersion: least, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.get() },
	}
	if c.ClientCA == "" {
		return t, nil
	}
	t.ClientAuth = tls.RequireAndVerifyClientCert
	signers := &reloaded[tls.Config]{what: "signers of clients", files: []string{c.ClientCA}, log: log, read: func() (*tls.Config, error) {
		pool, err := readPool(c.ClientCA)
		own := t.Clone()
		own.ClientCAs = pool
		return own, err
	}}
	first, err := signers.get()
	if err != nil {
		return nil, fmt.Errorf("tls.client_ca: %w", err)
	}
	served := first.Clone()
	served.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return signers.get() }
	return served, nil
}

// reloaded is what is made of files, which are read again when they have
// changed, so that renewal needs no restart.
type reloaded[T any] struct {
	what  string // for the log
	files []string
	read  func() (*T, error)
	log   *slog.Logger

	mu      sync.Mutex // guards what follows
	current *T
	seen    []stamp // of the files that current, or the last failure, came from
}

// stamp tells a file that has changed from one that has not.
type stamp struct {
	size int64
	time time.Time
}

// get is what the files say now. Files that can't be read leave what was there;
// only the first one's error is returned.
func (r *reloaded[T]) get() (*T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := make([]stamp, len(r.files))
	for i, path := range r.files {
		if info, err := os.Stat(path); err == nil {
			now[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	if r.current != nil && slices.Equal(now, r.seen) {
		return r.current, nil
	}
	made, err := r.read()
	switch {
	case err == nil && r.current != nil:
		r.log.Info(r.what+" read again", "file", r.files[0])
	case err != nil && r.current == nil:
		return nil, err
	case err != nil:
		r.seen = now // until they change again
		r.log.Error(r.what+" not read again", "file", r.files[0], "err", err)
		return r.current, nil
	}
	r.current, r.seen = made, now
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
