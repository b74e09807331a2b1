package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit"
)

// newest is an entry of the stream: its id, and the hold that it is about, since
// a server that took over may give the same id to another.
type newest struct {
	ms, seq uint64
	hold    string
}

func (n newest) String() string {
	if n == (newest{}) {
		return ""
	}
	return strconv.FormatUint(n.ms, 10) + "-" + strconv.FormatUint(n.seq, 10) + " " + n.hold
}

func parseNewest(s string) (n newest, ok bool) {
	id, hold, ok1 := strings.Cut(s, " ")
	ms, seq, ok2 := strings.Cut(id, "-")
	if !ok1 || !ok2 {
		return n, false
	}
	var err1, err2 error
	n.hold = hold
	n.ms, err1 = strconv.ParseUint(ms, 10, 64)
	n.seq, err2 = strconv.ParseUint(seq, 10, 64)
	return n, err1 == nil && err2 == nil
}

// saw notes the newest entry of the journal.
func (r *Redis) saw(s string) {
	n, ok := parseNewest(s)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.ms > r.last.ms || n.ms == r.last.ms && n.seq > r.last.seq {
		r.last = n
	}
}

// Spent is [Memory.Spent].
func (r *Redis) Spent(ctx context.Context, t tenbit.TenantID) (tenbit.Bits, error) {
	v, err := r.Client.HGet(ctx, keys[0], "s|"+AccountOf(t)).Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
	}
	sum, err := parseAmount(v)
	return sum.Bits(), err
}

// State is [Memory.State].
func (r *Redis) State(ctx context.Context) (State, error) {
	// Holds that have expired are charged by a step; where it fails they still
	// stand as open, and in the journal, too.
	_, _ = r.run(ctx, step{op: "check", urgent: true})
	s := State{Accounts: map[string]Account{}, Opening: map[string]tenbit.Amount{}, Open: map[string]Held{}}
	p := r.Client.TxPipeline()
	now := p.Time(ctx)
	accounts, holds, opening := p.HGetAll(ctx, keys[0]), p.HGetAll(ctx, keys[1]), p.HGetAll(ctx, keys[5])
	top := p.XRevRangeN(ctx, keys[3], "+", "-", 1)
	since := p.HGet(ctx, keys[4], "since")
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return s, fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
	}
	s.Clock = now.Val()
	if ms, err := since.Int64(); err == nil {
		s.Since = time.UnixMilli(ms)
	}
	if e := top.Val(); len(e) > 0 {
		s.End = e[0].ID
	}
	for f, v := range accounts.Val() {
		if err := s.field(f, v); err != nil {
			return s, err
		}
	}
	for f, v := range opening.Val() {
		name, sum, err := spentField(f, v)
		if err != nil {
			return s, err
		}
		s.Opening[name] = sum
	}
	for id, v := range holds.Val() {
		if err := s.hold(id, v); err != nil {
			return s, err
		}
	}
	return s, nil
}

// field reads one field of the accounts.
func (s *State) field(f, v string) error {
	if strings.HasPrefix(f, "s|") {
		name, sum, err := spentField(f, v)
		if err != nil {
			return err
		}
		a := s.account(name)
		a.Spent = sum
		s.Accounts[name] = a
		return nil
	}
	parts := strings.Split(f, "|")
	var slot Slot
	if n, err := fmt.Sscanf(v, "%d:%d", &slot.N, &slot.Used); n != 2 || err != nil || len(parts) != 4 {
		return fmt.Errorf("read an account: field %q", f)
	}
	a := s.account(parts[1])
	a.Used[parts[2]+"."+parts[3]] = slot
	s.Accounts[parts[1]] = a
	return nil
}

func (s *State) account(name string) Account {
	a, ok := s.Accounts[name]
	if !ok {
		a.Used = map[string]Slot{}
	}
	return a
}

func spentField(f, v string) (name string, sum tenbit.Amount, err error) {
	name, ok := strings.CutPrefix(f, "s|")
	if !ok {
		return "", sum, fmt.Errorf("read an account: field %q", f)
	}
	if sum, err = parseAmount(v); err != nil {
		return "", sum, fmt.Errorf("read account %s: %w", name, err)
	}
	return name, sum, nil
}

// hold reads one hold, where it is open.
func (s *State) hold(id, v string) error {
	f := strings.Split(v, " ")
	if f[0] != "o" {
		return nil
	}
	if len(f) != 5 {
		return fmt.Errorf("read a hold: %d fields", len(f))
	}
	a, err := parseAmount(f[3])
	if err != nil {
		return fmt.Errorf("read a hold: %w", err)
	}
	ms, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return fmt.Errorf("read a hold: %w", err)
	}
	id, _ = url.QueryUnescape(id) // was escaped here
	s.Open[id] = Held{a, time.UnixMilli(ms)}
	return nil
}

// page is how many entries are read at once.
const page = 1000

// Journal is [Memory.Journal].
func (r *Redis) Journal(ctx context.Context, end string, f func(Entry) error) error {
	if end == "" {
		return nil
	}
	for from := "-"; ; {
		list, err := r.Client.XRangeN(ctx, keys[3], from, end, page).Result()
		if err != nil {
			return fmt.Errorf("%w: %w", tenbit.ErrLedgerDown, err)
		}
		for _, m := range list {
			line, _ := m.Values["e"].(string)
			e, err := ParseEntry(line)
			if err != nil {
				return fmt.Errorf("entry %s: %w", m.ID, err)
			}
			if err := f(e); err != nil {
				return err
			}
			from = "(" + m.ID
		}
		if len(list) < page {
			return nil
		}
	}
}

// records is where [Redis.Record] keeps values; a change is told to all edges
// on the channel of the same name.
const records = "tenbit:{ledger}:records"

// Records is [Bolt.Records].
func (r *Redis) Records(ctx context.Context) (map[string][]byte, error) {
	all, err := r.Client.HGetAll(ctx, records).Result()
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	out := map[string][]byte{}
	for k, v := range all {
		out[k] = []byte(v)
	}
	return out, nil
}

// Record is [Bolt.Record], for all who use the server.
func (r *Redis) Record(ctx context.Context, name string, val []byte) error {
	p := r.Client.TxPipeline()
	if val == nil {
		p.HDel(ctx, records, name)
	} else {
		p.HSet(ctx, records, name, val)
	}
	if _, err := p.Exec(ctx); err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	// Those who miss it find out when they next look.
	if err := r.Client.Publish(ctx, records, name).Err(); err != nil {
		return fmt.Errorf("tell of a record: %w", err)
	}
	return nil
}

// Watch calls f whenever a record has changed, until ctx ends.
func (r *Redis) Watch(ctx context.Context, f func()) {
	sub := r.Client.Subscribe(ctx, records)
	defer sub.Close()
	for {
		select {
		case <-sub.Channel():
			f()
		case <-ctx.Done():
			return
		}
	}
}

// Ready tries a step that writes, and is nil where reservations are possible.
func (r *Redis) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*r.Timeout)
	defer cancel()
	out, err := r.run(ctx, step{op: "check", urgent: true})
	if err == nil && out.status == "frozen" {
		err = lost(out.at)
	}
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// Durable says what a restart or a failover of the server could lose, "" for
// nothing that the settings could change.
func (r *Redis) Durable(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.Timeout)
	defer cancel()
	node, err := r.node(ctx)
	if err != nil {
		return "", fmt.Errorf("find the ledger's server: %w", err)
	}
	info, err := node.Info(ctx, "persistence").Result()
	if err != nil {
		return "", fmt.Errorf("ask for the server's persistence: %w", err)
	}
	if !strings.Contains(info, "aof_enabled:1") {
		return "the append-only file is off: a restart loses the budgets (set appendonly yes)", nil
	}
	if strings.Contains(info, "aof_last_write_status:err") {
		return "the append-only file cannot be written", nil
	}
	return "", nil
}
