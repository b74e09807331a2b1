package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// Vectors keeps the semantic cache's index in the vector sets of a Redis 8
// server, shared by all edges: a set for each place, and a list of verdicts for
// each answer. A server without them, or one that is away, finds nothing.
type Vectors struct {
	client  redis.UniversalClient
	wait    time.Duration // most that a request waits for the server
	ttl     time.Duration
	breaker *gobreaker.CircuitBreaker[any]

	mu    sync.Mutex // guards what follows
	has   bool       // vector sets, when last asked
	why   string     // where it has none
	asked time.Time  // zero: must be asked again
}

// askEvery is how often a server without vector sets is asked again: it may have
// been replaced.
const askEvery = 10 * time.Second

// NewVectors uses client, which the caller closes. timeout bounds what waits for
// the server; sets expire ttl after their last entry.
func NewVectors(client redis.UniversalClient, timeout, ttl time.Duration) *Vectors {
	return &Vectors{client: client, wait: timeout, ttl: ttl, breaker: gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Name: "vectors", Timeout: rest,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 2 },
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, context.Canceled) },
	})}
}

var errNoVectors = errors.New("no vector sets")

// Have reports whether the server has vector sets, and else why not. The server
// is asked at first, after every failure of the connection, and every ten
// seconds while it has none.
func (v *Vectors) Have(ctx context.Context) (bool, string) {
	v.mu.Lock()
	known := !v.asked.IsZero() && (v.has || time.Since(v.asked) < askEvery)
	has, why := v.has, v.why
	v.mu.Unlock()
	if known {
		return has, why
	}
	_, err := v.breaker.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, v.wait)
		defer cancel()
		err := v.client.VCard(ctx, setName(Key{})).Err()
		if refused(err) {
			v.learn(false, reasonOf(err))
			return nil, nil
		}
		if err == nil || errors.Is(err, redis.Nil) {
			v.learn(true, "")
			return nil, nil
		}
		return nil, err
	})
	if err != nil {
		return false, "Redis is away"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.has, v.why
}

func (v *Vectors) learn(has bool, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.has, v.why, v.asked = has, why, time.Now()
}

// refused reports an answer of the server's, unlike a failure to get one.
func refused(err error) bool {
	var e redis.Error
	return errors.As(err, &e) && !errors.Is(err, redis.Nil)
}

// reasonOf says in a few words why there are no vector sets.
func reasonOf(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "unknown command"):
		return "Redis has no vector sets (8.0 has)"
	case strings.Contains(text, "NOPERM"):
		return "the Redis user may not use vector sets"
	default:
		return "Redis refuses vector sets"
	}
}

// do runs f where there are vector sets. A failed connection is one that may
// lead to another server: it is asked again.
func (v *Vectors) do(ctx context.Context, f func(ctx context.Context) error) error {
	if has, _ := v.Have(ctx); !has {
		return errNoVectors
	}
	_, err := v.breaker.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, v.wait)
		defer cancel()
		err := f(ctx)
		if err == nil || errors.Is(err, redis.Nil) {
			return nil, nil
		}
		v.mu.Lock()
		v.asked = time.Time{}
		v.mu.Unlock()
		return nil, fmt.Errorf("vector sets: %w", err)
	})
	return err
}

func setName(place Key) string     { return "tenbit:near:" + hex.EncodeToString(place.sum[:]) }
func verdictsOf(answer Key) string { return "tenbit:verdicts:" + hex.EncodeToString(answer.sum[:]) }
func blob(vector []float32) []byte {
	out := make([]byte, 0, 4*len(vector))
	for _, x := range vector {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
	}
	return out
}

// add puts a vector into a place's set. A full set loses some member.
func (v *Vectors) add(ctx context.Context, place, id Key, vector []float32) error {
	set := setName(place)
	return v.do(context.WithoutCancel(ctx), func(ctx context.Context) error {
		var card *redis.IntCmd
		_, err := v.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.VAdd(ctx, set, element(id, time.Now()), &redis.VectorFP32{Val: blob(vector)})
			p.Expire(ctx, set, v.ttl)
			card = p.VCard(ctx, set)
			return nil
		})
		if err != nil || card.Val() <= maxPlace {
			return err
		}
		other, err := v.client.VRandMember(ctx, set).Result()
		if err != nil {
			return err
		}
		return v.client.VRem(ctx, set, other).Err()
	})
}

// element is an entry's name in a set: its key and when it was made, in seconds.
func element(id Key, made time.Time) string {
	return string(binary.BigEndian.AppendUint64(id.sum[:], uint64(made.Unix())))
}

// elementSize is how long such a name is.
const elementSize = sha256.Size + 8

// underWay is how long an entry's value may be on its way to Redis after its
// vector: values are written in the background.
const underWay = time.Minute

// remove takes an element without an entry out of a place's set, unless it is new.
func (v *Vectors) remove(ctx context.Context, place Key, element string) error {
	made := time.Unix(int64(binary.BigEndian.Uint64([]byte(element[sha256.Size:]))), 0)
	if time.Since(made) < underWay {
		return nil
	}
	return v.do(ctx, func(ctx context.Context) error {
		return v.client.VRem(ctx, setName(place), element).Err()
	})
}

// near are the at most k nearest entries of a place. The server's score is
// (1 + cosine) / 2.
func (v *Vectors) near(ctx context.Context, place Key, vector []float32, k int) (out []neighbour, err error) {
	err = v.do(ctx, func(ctx context.Context) error {
		found, err := v.client.VSimWithArgsWithScores(ctx, setName(place), &redis.VectorFP32{Val: blob(vector)}, &redis.VSimArgs{Count: int64(k)}).Result()
		for _, f := range found {
			n := neighbour{id: Key{tenant: place.tenant}, similarity: float32(2*f.Score - 1), element: f.Name}
			if len(f.Name) == elementSize && f.Score >= 0 && f.Score <= 1.001 {
				copy(n.id.sum[:], f.Name)
				out = append(out, n)
			}
		}
		return err
	})
	return out, err
}

// judge notes a verdict on an entry's answer.
func (v *Vectors) judge(ctx context.Context, answer Key, d Verdict) error {
	name := verdictsOf(answer)
	return v.do(context.WithoutCancel(ctx), func(ctx context.Context) error {
		_, err := v.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.RPush(ctx, name, d.text())
			p.LTrim(ctx, name, -maxVerdicts, -1)
			p.Expire(ctx, name, v.ttl)
			return nil
		})
		return err
	})
}

// verdicts are those that all edges found of an entry's answer.
func (v *Vectors) verdicts(ctx context.Context, answer Key) (out evidence, err error) {
	err = v.do(ctx, func(ctx context.Context) error {
		texts, err := v.client.LRange(ctx, verdictsOf(answer), -maxVerdicts, -1).Result()
		for _, s := range texts {
			if d, ok := parseVerdict(s); ok {
				out = append(out, d)
			}
		}
		return err
	})
	return out, err
}

// text is a verdict as it lies in Redis: =0.9312 is right, !0.9312 wrong, at that similarity.
func (d Verdict) text() string {
	sign := "!"
	if d.Right {
		sign = "="
	}
	return sign + strconv.FormatFloat(float64(d.Similarity), 'g', -1, 32)
}

func parseVerdict(s string) (Verdict, bool) {
	if len(s) < 2 || len(s) > 32 || s[0] != '=' && s[0] != '!' {
		return Verdict{}, false
	}
	f, err := strconv.ParseFloat(s[1:], 32)
	if err != nil || !(f >= -1.01 && f <= 1.01) {
		return Verdict{}, false
	}
	return Verdict{float32(f), s[0] == '='}, true
}
