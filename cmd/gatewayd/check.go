package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"tenbit/internal/config"
)

// checkMain is `gatewayd check`: the effective configuration with secrets
// hidden, or every problem at once. A file with a large model is an origin's.
func checkMain(args []string, stdout, stderr io.Writer) int {
	var o options
	if err := o.parse("check", args, stderr); err != nil {
		return fail(stderr, err)
	}
	origin, err := config.IsOrigin(o.config)
	if err != nil {
		return fail(stderr, err)
	}
	var shown any
	if origin {
		c, problems := o.loadOrigin()
		if problems == nil {
			_, problems = edgesOf(c)
			problems = errors.Join(problems, originFiles(c))
		}
		shown, err = c, problems
	} else {
		c, problems := o.loadEdge()
		if problems == nil {
			problems = errors.Join(keysOf(c), edgeFiles(c))
		}
		_, ring := ringOf(c.Cache)
		problems = errors.Join(problems, ring)
		shown, err = c, problems
		if err == nil {
			for _, n := range semanticNotes(c) {
				fmt.Fprintln(stderr, "note: "+n)
			}
		}
		if err == nil && c.Remote.Kind == "api" {
			fmt.Fprintln(stderr, "note: remote.kind api charges information bits, but gives no egress guarantee: the large model's API sends what it likes")
		}
	}
	if err != nil {
		return fail(stderr, err)
	}
	out, err := config.Show(shown)
	if err != nil {
		return fail(stderr, err)
	}
	_, _ = stdout.Write(out)
	return 0
}

// edgeFiles reads the certificates that an edge needs at its start.
func edgeFiles(c config.Edge) error {
	_, served := edgeTLS(c.TLS, nil)
	var remote, kept error
	if c.Remote.Kind == "origin" {
		if _, remote = clientTLS(c.Remote); remote != nil {
			remote = fmt.Errorf("remote.%w", remote)
		}
	}
	if c.Cache.Redis.Addr != "" {
		kept = redisFiles("cache.redis", c.Cache.Redis)
	}
	return errors.Join(served, remote, kept, ledgerFiles(c.Ledger))
}

// originFiles is edgeFiles for an origin.
func originFiles(c config.Origin) error {
	_, served := serverTLS(c.TLS, nil)
	return errors.Join(served, ledgerFiles(c.Ledger))
}

func ledgerFiles(c config.Ledger) error {
	if c.Kind != "redis" {
		return nil
	}
	return redisFiles("ledger.redis", c.Redis)
}

// redisFiles makes a client, which reads the files and connects to nothing.
func redisFiles(at string, c config.Redis) error {
	client, err := redisClient(c)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return client.Close()
}

// secret reads auth.secret alone: the rest of the file may still be unfinished.
func (o options) secret() ([]byte, error) {
	origin, err := config.IsOrigin(o.config)
	if err != nil {
		return nil, err
	}
	if origin {
		c := config.DefaultOrigin()
		err = config.Load(o.config, &c, os.Environ())
		return []byte(c.Auth.Secret), err
	}
	c := config.DefaultEdge()
	err = config.Load(o.config, &c, os.Environ())
	return []byte(c.Auth.Secret), err
}
