package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker/v2"

	"tenbit/internal/config"
)

func init() { redis.SetLogger(quiet{}) } // what fails is in an error, and said once

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// redisConns is the most connections to one server: requests that wait for one
// wait for nothing else.
const redisConns = 64

// noNotices saves a round trip at each new connection, for what only a vendor's
// cloud sends.
var noNotices = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

// redisClient makes a client of a server, or of a cluster. It connects to
// nothing yet. Everything that may wait is bounded by the time-out.
func redisClient(c config.Redis) (redis.UniversalClient, error) {
	if strings.Contains(c.Addr, "://") {
		o, err := redis.ParseClusterURL(c.Addr)
		if err != nil {
			return nil, errors.New("the address is not redis://[user:password@]host:port?addr=host:port or the same with rediss")
		}
		if c.Username != "" {
			o.Username = c.Username
		}
		if c.Password != "" {
			o.Password = string(c.Password)
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = 4*c.Timeout, c.Timeout, c.Timeout, c.Timeout
		o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = true, -1, 1
		o.DisableIdentity, o.PoolSize, o.MaintNotificationsConfig = true, redisConns, noNotices
		if o.TLSConfig != nil || c.TLS {
			if o.TLSConfig, err = redisTLS(c); err != nil {
				return nil, err
			}
		}
		return redis.NewClusterClient(o), nil
	}
	o := &redis.Options{
		Addr: c.Addr, Username: c.Username, Password: string(c.Password), DB: c.DB, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: 4 * c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, PoolTimeout: c.Timeout,
		DisableIdentity: true, PoolSize: redisConns, MaintNotificationsConfig: noNotices,
	}
	if c.TLS {
		var err error
		if o.TLSConfig, err = redisTLS(c); err != nil {
			return nil, err
		}
	}
	return redis.NewClient(o), nil
}

// redisTLS is how a Redis server is met; some are old.
func redisTLS(c config.Redis) (*tls.Config, error) {
	return meetTLS(tls.VersionTLS12, c.CA, c.Cert, c.CertKey)
}

// ofRedis lets a check of a Redis server name what is wrong with it.
func ofRedis(check func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := check(ctx); err != nil {
			return errors.New(redisState(err))
		}
		return nil
	}
}

// redisState names what is wrong with a server, in words for /readyz.
func redisState(err error) string {
	text := err.Error()
	for _, s := range []struct{ has, says string }{
		{"WRONGPASS", "Redis refuses the user name or password"},
		{"NOAUTH", "Redis wants a password"},
		{"unauthenticated", "Redis wants a password"}, // it refuses a long script before it says so
		{"NOPERM", "the Redis user may not do what is needed"},
		{"READONLY", "Redis is a read-only replica"},
		{"OOM", "Redis is full (maxmemory)"},
		{"MISCONF", "Redis cannot write to its disk and refuses writes"},
		{"LOADING", "Redis is still loading its data"},
		{"CLUSTERDOWN", "the Redis cluster is down"},
		{"x509:", "the certificate of Redis is not trusted"},
		{"bad certificate", "Redis refuses our certificate"},
		{"certificate required", "Redis wants a certificate"},
		{"replicas acknowledged", "too few Redis replicas acknowledge"},
	} {
		if strings.Contains(text, s.has) {
			return s.says
		}
	}
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return "Redis failed a moment ago and is left alone"
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(text, "i/o timeout"), strings.Contains(text, "pool timeout"):
		return "Redis is slow or does not answer in time"
	case strings.Contains(text, "refused"), strings.Contains(text, "EOF"), strings.Contains(text, "reset by peer"):
		return "Redis is away"
	}
	return fmt.Sprintf("Redis: %v", err)
}
