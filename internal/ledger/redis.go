package ledger

import (
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"tenbit"
)

//go:embed ledger.lua
var source string

// Redis keeps budgets in a Redis server, for several edges that share them:
// one Lua script, the server's clock, all keys under one hash tag so that
// Cluster works.
type Redis struct {
	client  redis.UniversalClient
	script  *redis.Script
	breaker *gobreaker.CircuitBreaker[[]string]
}

// wait is the most a request waits for Redis; away, the remote side is closed.
const wait = time.Second

// How long a settlement is tried, and the pause before it is tried again.
const (
	settleFor   = 5 * time.Second
	settlePause = 200 * time.Millisecond
)

// NewRedis uses client, which Close closes.
func NewRedis(client redis.UniversalClient) *Redis {
	return &Redis{client, redis.NewScript(source), gobreaker.NewCircuitBreaker[[]string](gobreaker.Settings{
		Name: "ledger", Timeout: time.Second,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
	})}
}

// run runs one step of the script: EVALSHA, and EVAL where the server has lost it.
func (r *Redis) run(ctx context.Context, op string, t tenbit.TenantID, id string, bits tenbit.Bits, ws []tenbit.Window) (string, int64, int64, error) {
	args := []any{op, id, int64(bits), HoldFor.Milliseconds()}
	for _, w := range ws {
		args = append(args, max(w.Per.Milliseconds(), 1), int64(w.Limit))
	}
	name := hex.EncodeToString([]byte(t)) // tenants are arbitrary strings, braces included
	keys := []string{"tenbit:{ledger}:account:" + name, "tenbit:{ledger}:holds:" + name}
	out, err := r.breaker.Execute(func() ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		return r.script.Run(ctx, r.client, keys, args...).StringSlice()
	})
	if err != nil {
		return "", 0, 0, fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
	}
	if len(out) != 3 {
		return "", 0, 0, fmt.Errorf("%w: the script answered %d values", tenbit.ErrLedgerDown, len(out))
	}
	n, err1 := strconv.ParseInt(out[1], 10, 64)
	at, err2 := strconv.ParseInt(out[2], 10, 64)
	if err1 != nil || err2 != nil {
		return "", 0, 0, fmt.Errorf("%w: the script answered no numbers", tenbit.ErrLedgerDown)
	}
	return out[0], n, at, nil
}

// Reserve is [Memory.Reserve], shared by all who use the server.
func (r *Redis) Reserve(ctx context.Context, t tenbit.Tenant, id string, want tenbit.Bits) (tenbit.Hold, error) {
	status, granted, expires, err := r.run(ctx, "reserve", t.ID, id, min(want, t.MaxRequest), t.Windows)
	if err != nil {
		return tenbit.Hold{}, err
	}
	if status == "over" {
		return tenbit.Hold{}, fmt.Errorf("tenant %s: %w", t.ID, tenbit.ErrOverBudget)
	}
	return tenbit.Hold{ID: id, Tenant: t.ID, Granted: tenbit.Bits(granted), Expires: time.UnixMilli(expires)}, nil
}

// Settle is [Memory.Settle]. It tries again while Redis is away, for settleFor
// or until ctx ends: a moment must not cost the whole hold.
func (r *Redis) Settle(ctx context.Context, h tenbit.Hold, spent tenbit.Bits) error {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	status, _, _, err := r.run(ctx, "settle", h.Tenant, h.ID, spent, nil)
	for err != nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(settlePause):
			status, _, _, err = r.run(ctx, "settle", h.Tenant, h.ID, spent, nil)
		}
	}
	switch {
	case err != nil:
		return err
	case status == "expired":
		return fmt.Errorf("hold %.40s: expired or unknown: charged in full", h.ID)
	case status == "excess":
		return fmt.Errorf("hold %.40s: spent %v of %v bits", h.ID, spent, h.Granted)
	}
	return nil
}

// Left is [Memory.Left].
func (r *Redis) Left(ctx context.Context, t tenbit.Tenant) (tenbit.Bits, time.Time, error) {
	_, left, at, err := r.run(ctx, "left", t.ID, "", 0, t.Windows)
	if err != nil || at == 0 {
		return 0, time.Time{}, err
	}
	return tenbit.Bits(left), time.UnixMilli(at), nil
}

// Spent is [Memory.Spent].
func (r *Redis) Spent(ctx context.Context, t tenbit.TenantID) (tenbit.Bits, error) {
	_, spent, _, err := r.run(ctx, "spent", t, "", 0, nil)
	return tenbit.Bits(spent), err
}

// Close closes the connections.
func (r *Redis) Close() error { return r.client.Close() }
