package ledger

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"tenbit"
)

//go:embed ledger.lua
var source string

// RedisOptions say how to use a Redis server.
type RedisOptions struct {
	Client   redis.UniversalClient // the ledger closes it
	Timeout  time.Duration         // of one step, 0: 50 ms
	Keep     time.Duration         // how long the journal keeps entries, 0: [Keep]
	Hold     time.Duration         // how long a hold waits for its settlement, 0: [HoldFor]
	Replicas int                   // that must acknowledge a reservation (WAIT)
}

// Redis keeps budgets in a Redis server, for several edges that share them: one
// Lua script, the server's clock, all keys under one hash tag so that Cluster
// works.
//
// A server may lose what it acknowledged: by failover, or without AOF. Each
// process shows the script the newest journal entry that it was told of; where
// that is gone, nobody reserves for the lifetime of a hold.
type Redis struct {
	RedisOptions
	script  *redis.Script
	breaker *gobreaker.CircuitBreaker[[]string]

	ctx     context.Context // of late settlements; ends with Close
	stop    context.CancelFunc
	pending sync.WaitGroup // late settlements
	queue   chan struct{}  // bounds them

	mu   sync.Mutex // guards last
	last newest     // journal entry that this process was told of
}

// How long a late settlement rests before it is tried again, and how many may
// wait; a hold whose settlement is lost is charged in full.
const (
	laterPause = 250 * time.Millisecond
	maxLater   = 4096
)

// keys are the script's, in its order. They share a hash tag.
var keys = []string{
	"tenbit:{ledger}:accounts", "tenbit:{ledger}:holds", "tenbit:{ledger}:ends",
	"tenbit:{ledger}:journal", "tenbit:{ledger}:meta", "tenbit:{ledger}:opening",
}

// NewRedis uses the server that o names.
func NewRedis(o RedisOptions) *Redis {
	if o.Timeout == 0 {
		o.Timeout = 50 * time.Millisecond
	}
	if o.Keep == 0 {
		o.Keep = Keep
	}
	if o.Hold == 0 {
		o.Hold = HoldFor
	}
	r := &Redis{RedisOptions: o, script: redis.NewScript(source), queue: make(chan struct{}, maxLater)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.breaker = gobreaker.NewCircuitBreaker[[]string](gobreaker.Settings{
		Name: "ledger", Timeout: time.Second,
		ReadyToTrip: outage(),
		// A client that left says nothing about the server.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})
	return r
}

// outage tells an outage from a busy moment of this machine, in which many calls
// fail at once: failures alone, for a while.
func outage() func(gobreaker.Counts) bool {
	const long = 200 * time.Millisecond
	var first time.Time // guarded by the breaker
	return func(c gobreaker.Counts) bool {
		if c.ConsecutiveFailures == 1 {
			first = time.Now()
		}
		return c.ConsecutiveFailures >= 3 && time.Since(first) >= long
	}
}

// step is one run of the script.
type step struct {
	op     string
	id     string // of the hold, see holdID
	want   tenbit.Amount
	draws  []draw
	waits  bool // for replicas
	urgent bool // past the breaker
}

// result is what the script answered.
type result struct {
	status string
	n      int64
	at     time.Time
	detail string
}

func (r *Redis) run(ctx context.Context, s step) (result, error) {
	r.mu.Lock()
	last := r.last
	r.mu.Unlock()
	args := make([]any, 0, 32)
	args = append(args, s.op, s.id, last.String(), r.Hold.Milliseconds(), r.Keep.Milliseconds())
	for _, n := range s.want {
		args = append(args, n)
	}
	for _, d := range s.draws {
		args = append(args, d.name, len(d.windows))
		for _, w := range d.windows {
			args = append(args, int(w.Unit), millis(w.Per), w.Limit)
		}
	}
	call := func() ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, r.Timeout)
		defer cancel()
		return r.eval(ctx, s, args)
	}
	var out []string
	var err error
	if s.urgent {
		out, err = call()
	} else {
		out, err = r.breaker.Execute(call)
	}
	if err != nil {
		return result{}, fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
	}
	if len(out) != 5 {
		return result{}, fmt.Errorf("%w: the script answered %d values", tenbit.ErrLedgerDown, len(out))
	}
	n, err1 := strconv.ParseInt(out[1], 10, 64)
	at, err2 := strconv.ParseInt(out[2], 10, 64)
	if err1 != nil || err2 != nil {
		return result{}, fmt.Errorf("%w: the script answered no numbers", tenbit.ErrLedgerDown)
	}
	r.saw(out[3])
	return result{out[0], n, time.UnixMilli(at), out[4]}, nil
}

// eval runs the script: EVALSHA, and EVAL where the server has lost it. Where
// replicas must acknowledge, WAIT follows on the same connection.
func (r *Redis) eval(ctx context.Context, s step, args []any) ([]string, error) {
	if !s.waits || r.Replicas == 0 {
		return r.script.Run(ctx, r.Client, keys, args...).StringSlice()
	}
	node, err := r.node(ctx)
	if err != nil {
		return nil, err
	}
	var out *redis.Cmd
	var acks *redis.Cmd
	both := func() error {
		p := node.Pipeline()
		out = r.script.EvalSha(ctx, p, keys, args...)
		acks = p.Do(ctx, "WAIT", r.Replicas, max(r.Timeout.Milliseconds()/2, 1))
		_, err := p.Exec(ctx)
		return err
	}
	err = both()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err := r.script.Load(ctx, node).Err(); err != nil {
			return nil, err
		}
		err = both()
	}
	if err != nil {
		return nil, err
	}
	if n, err := acks.Int(); err != nil || n < r.Replicas {
		return nil, fmt.Errorf("%d of %d replicas acknowledged", n, r.Replicas)
	}
	return out.StringSlice()
}

// node is the server that holds the ledger: in a cluster, the one of our slot.
func (r *Redis) node(ctx context.Context) (redis.UniversalClient, error) {
	if c, ok := r.Client.(*redis.ClusterClient); ok {
		return c.MasterForKey(ctx, keys[0])
	}
	return r.Client, nil
}

// Reserve is [Memory.Reserve], shared by all who use the server. What fails on
// the way is given back as soon as the server can be reached: nothing was asked.
func (r *Redis) Reserve(ctx context.Context, t tenbit.Tenant, id string, want tenbit.Amount) (tenbit.Hold, error) {
	want[tenbit.UnitBits] = min(want[tenbit.UnitBits], int64(t.MaxRequest))
	s := step{op: "reserve", id: holdID(t.ID, id), want: want, draws: draws(t), waits: true}
	out, err := r.run(ctx, s)
	for range tries - 1 { // the id makes it one reservation
		if err == nil || ctx.Err() != nil || !timedOut(err) {
			break
		}
		out, err = r.run(ctx, s)
	}
	if err != nil {
		if !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, gobreaker.ErrTooManyRequests) {
			r.later(step{op: "release", id: holdID(t.ID, id)}, time.Now().Add(r.Hold))
		}
		return tenbit.Hold{}, err
	}
	switch out.status {
	case "over":
		unit, account := tenbit.UnitBits, AccountOf(t.ID)
		if u, name, ok := strings.Cut(out.detail, " "); ok {
			n, _ := strconv.Atoi(u)
			unit, account = tenbit.Unit(n), name
		}
		return tenbit.Hold{}, over(t, unit, account)
	case "settled":
		return tenbit.Hold{}, used(id)
	case "frozen":
		return tenbit.Hold{}, fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, lost(out.at))
	}
	return tenbit.Hold{ID: id, Tenant: t.ID, Granted: tenbit.Bits(out.n), Expires: out.at}, nil
}

// tries is how often a reservation is tried that timed out: a busy moment of
// this machine is not an outage, and only what goes to the far side waits.
const tries = 4

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout() || errors.Is(err, redis.ErrPoolTimeout)
}

func lost(until time.Time) error {
	return fmt.Errorf("the server has lost acknowledged entries: nothing is reserved until %s", until.UTC().Format(time.RFC3339))
}

// Settle is [Memory.Settle]. Where the server is away, it is settled as soon as
// that is back, until the hold expires; the error says so.
func (r *Redis) Settle(ctx context.Context, h tenbit.Hold, spent tenbit.Amount) error {
	s := step{op: "settle", id: holdID(h.Tenant, h.ID), want: spent}
	out, err := r.run(ctx, s)
	if err != nil {
		if r.later(s, h.Expires) {
			return fmt.Errorf("settled later: %w", err)
		}
		return err
	}
	switch out.status {
	case "expired":
		return expired(h.ID)
	case "excess":
		return fmt.Errorf("hold %.60s: spent %v of %v bits", h.ID, spent.Bits(), h.Granted)
	}
	return nil
}

// later runs a step in the background until it has been done, its time is over,
// or the ledger is closed. It reports whether there was room.
func (r *Redis) later(s step, until time.Time) bool {
	select {
	case r.queue <- struct{}{}:
	default:
		return false
	}
	s.urgent = true // its pace is its own, and it sees that the server is back
	r.pending.Go(func() {
		defer func() { <-r.queue }()
		for time.Now().Before(until) {
			select {
			case <-r.ctx.Done():
				_, _ = r.run(context.Background(), s) // once more; else it is charged in full
				return
			case <-time.After(laterPause):
			}
			if _, err := r.run(r.ctx, s); err == nil {
				return
			}
		}
	})
	return true
}

// Left is [Memory.Left].
func (r *Redis) Left(ctx context.Context, t tenbit.Tenant) (tenbit.Bits, time.Time, error) {
	out, err := r.run(ctx, step{op: "left", draws: draws(t)})
	if err != nil || out.at.UnixMilli() == 0 {
		return 0, time.Time{}, err
	}
	return tenbit.Bits(out.n), out.at, nil
}

// Reset is [Memory.Reset].
func (r *Redis) Reset(ctx context.Context, accounts ...string) error {
	s := step{op: "reset"}
	for _, name := range accounts {
		s.draws = append(s.draws, draw{name: name})
	}
	_, err := r.run(ctx, s)
	return err
}

// Close ends late settlements, each after a last try, and the connections.
func (r *Redis) Close() error {
	r.stop()
	r.pending.Wait()
	return r.Client.Close()
}
