package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// MaxValue bounds what is written to and believed from Redis, in bytes.
const MaxValue = 16 << 20

// Redis keeps entries in a Redis server. A server that is away costs at most
// one time-out: a breaker then keeps requests from waiting for it.
type Redis struct {
	client  redis.UniversalClient
	breaker *gobreaker.CircuitBreaker[[]byte]
}

// wait is the most a request waits for Redis.
const wait = 50 * time.Millisecond

// NewRedis uses client, which the caller closes.
func NewRedis(client redis.UniversalClient) *Redis {
	return &Redis{client, gobreaker.NewCircuitBreaker[[]byte](gobreaker.Settings{
		Name: "cache", Timeout: 2 * time.Second,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 2 },
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, ErrMiss) },
	})}
}

// Get reads an entry. The value's digest binds it to its key, so a damaged or
// misplaced value is a miss.
func (r *Redis) Get(ctx context.Context, k Key) ([]byte, error) {
	return r.breaker.Execute(func() ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		// One byte over the bound is enough to tell that a value is too large.
		val, err := r.client.GetRange(ctx, name(k), 0, MaxValue+sha256.Size).Bytes()
		if err != nil {
			return nil, fmt.Errorf("read the cache: %w", err)
		}
		return unseal(k, val)
	})
}

// Put writes an entry.
func (r *Redis) Put(ctx context.Context, k Key, val []byte, ttl time.Duration) error {
	if len(val) > MaxValue {
		return nil
	}
	_, err := r.breaker.Execute(func() ([]byte, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
		defer cancel()
		if err := r.client.Set(ctx, name(k), seal(k, val), ttl).Err(); err != nil {
			return nil, fmt.Errorf("write the cache: %w", err)
		}
		return nil, nil
	})
	return err
}

func name(k Key) string { return "tenbit:answer:" + hex.EncodeToString(k[:]) }

// seal puts a digest over key and value before the value.
func seal(k Key, val []byte) []byte {
	d := digest(k, val)
	return append(d[:], val...)
}

func unseal(k Key, sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size || len(sealed) > MaxValue+sha256.Size {
		return nil, ErrMiss
	}
	val := sealed[sha256.Size:]
	if d := digest(k, val); string(d[:]) != string(sealed[:sha256.Size]) {
		return nil, ErrMiss
	}
	return val, nil
}

func digest(k Key, val []byte) [sha256.Size]byte {
	return sha256.Sum256(append(k[:len(k):len(k)], val...))
}
