// Package register knows who may ask and what they may spend: the tenants and
// keys of the configuration, and over them what operators changed since, which
// every process that shares the records sees at once.
package register

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tenbit"
)

// Records keep what operators changed, by name.
type Records interface {
	Records(ctx context.Context) (map[string][]byte, error)
	// Record keeps a value; nil removes it.
	Record(ctx context.Context, name string, val []byte) error
}

// Tenant is a tenant with what only operators see.
type Tenant struct {
	tenbit.Tenant
	Group    string `json:",omitempty"`
	Disabled bool   `json:",omitempty"`
}

// Key is an API key at rest.
type Key struct {
	Hash     Hash
	Prefix   string `json:",omitempty"` // its first characters; empty where only the hash is known
	Tenant   tenbit.TenantID
	Name     string `json:",omitempty"` // what it is for
	Created  time.Time
	Expires  time.Time // zero: never
	Disabled bool      `json:",omitempty"`
}

// Hash is the HMAC-SHA-256 of a key.
type Hash [32]byte

// MarshalText writes hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads them.
func (h *Hash) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != len(h) {
		return errors.New("want 64 hex digits")
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// valid reports whether a key opens anything now.
func (k Key) valid(now time.Time) bool {
	return !k.Disabled && (k.Expires.IsZero() || now.Before(k.Expires))
}

// Options are what a register begins with.
type Options struct {
	Tenants []Tenant
	Keys    []Key
	// Above are the budgets over a tenant of a group.
	Above   func(group string) []tenbit.Pool
	Hash    func(key string) Hash
	Records Records
}

// Register answers from memory: records that are away change nothing.
type Register struct {
	Options

	now   atomic.Pointer[state]
	write sync.Mutex // one change at a time
}

type state struct {
	tenants map[tenbit.TenantID]Tenant
	keys    map[Hash]Key
	shared  map[string][]tenbit.Window // of budgets over tenants, by pool, where an operator changed them
}

// ErrUnknown says that there is no such tenant or key.
var ErrUnknown = errors.New("unknown")

// New makes a register of what the configuration says alone; [Register.Refresh]
// reads the records.
func New(o Options) *Register {
	r := &Register{Options: o}
	r.now.Store(r.build(nil))
	return r
}

const (
	tenantRecord = "tenant:"
	keyRecord    = "key:"
	sharedRecord = "shared:"
)

// build lays the records over the configuration. What cannot be read disables
// whom it is about: an operator meant something by it.
func (r *Register) build(records map[string][]byte) *state {
	s := &state{tenants: map[tenbit.TenantID]Tenant{}, keys: map[Hash]Key{}, shared: map[string][]tenbit.Window{}}
	for _, t := range r.Tenants {
		s.tenants[t.ID] = t
	}
	for _, k := range r.Keys {
		s.keys[k.Hash] = k
	}
	for name, val := range records {
		if id, ok := strings.CutPrefix(name, tenantRecord); ok {
			if t, ok := r.patched(tenbit.TenantID(id), val); ok {
				s.tenants[t.ID] = t
			}
		}
		if pool, ok := strings.CutPrefix(name, sharedRecord); ok {
			var ws []tenbit.Window
			if err := json.Unmarshal(val, &ws); err != nil {
				ws = []tenbit.Window{{Per: time.Hour}} // nothing may be bought
			}
			s.shared[pool] = ws
		}
		if digits, ok := strings.CutPrefix(name, keyRecord); ok {
			var h Hash
			if h.UnmarshalText([]byte(digits)) != nil {
				continue
			}
			var k Key
			if err := json.Unmarshal(val, &k); err != nil {
				k = s.keys[h]
				k.Disabled = true
			}
			k.Hash = h
			s.keys[h] = k
		}
	}
	for id, t := range s.tenants {
		t.Above = r.over(s, t.Group)
		s.tenants[id] = t
	}
	return s
}

// Everybody is the pool over all tenants.
const Everybody = "all"

// over are the budgets over a tenant of a group, as they are in force.
func (r *Register) over(s *state, group string) []tenbit.Pool {
	var out []tenbit.Pool
	if r.Above != nil {
		out = slices.Clone(r.Above(group))
	}
	if ws := s.shared[Everybody]; len(ws) > 0 && !slices.ContainsFunc(out, func(p tenbit.Pool) bool { return p.ID == Everybody }) {
		out = append(out, tenbit.Pool{ID: Everybody}) // the configuration has none
	}
	for i, p := range out {
		if ws, ok := s.shared[p.ID]; ok {
			out[i].Windows = ws
		}
	}
	return out
}

// Over are the budgets over a tenant of a group.
func (r *Register) Over(group string) []tenbit.Pool { return r.over(r.now.Load(), group) }

// SetShared puts windows of a pool in force.
func (r *Register) SetShared(ctx context.Context, pool string, ws []tenbit.Window) error {
	val, err := json.Marshal(ws)
	if err != nil {
		return fmt.Errorf("write a pool: %w", err)
	}
	return r.record(ctx, sharedRecord+pool, val)
}

// Refresh reads the records.
func (r *Register) Refresh(ctx context.Context) error {
	all, err := r.Records.Records(ctx)
	if err != nil {
		return err
	}
	r.now.Store(r.build(all))
	return nil
}

// Watcher is told of changes by others.
type Watcher interface {
	Watch(ctx context.Context, f func())
}

// lookEvery is how often records are read that nobody told of: a message may
// have been missed while the server was away.
const lookEvery = time.Second

// Run follows the records until ctx ends, where others can change them.
func (r *Register) Run(ctx context.Context) {
	w, ok := r.Records.(Watcher)
	if !ok {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	refresh := func() {
		ctx, cancel := context.WithTimeout(ctx, lookEvery)
		defer cancel()
		_ = r.Refresh(ctx) // away: what is known stays in force
	}
	wg.Go(func() { w.Watch(ctx, refresh) })
	for {
		refresh()
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

// Tenant finds who owns a key that is in force. Keys rest only as HMACs, so how
// long it takes to find one says nothing about it.
func (r *Register) Tenant(key string) (tenbit.Tenant, bool) {
	s := r.now.Load()
	k, ok := s.keys[r.Hash(key)]
	if !ok || !k.valid(time.Now()) {
		return tenbit.Tenant{}, false
	}
	t, ok := s.tenants[k.Tenant]
	return t.Tenant, ok && !t.Disabled
}

// Lookup finds a tenant by its id.
func (r *Register) Lookup(id tenbit.TenantID) (Tenant, bool) {
	t, ok := r.now.Load().tenants[id]
	return t, ok
}

// Open reports whether a tenant may do anything now: it is not disabled, and one
// of its keys is in force, where it has any.
func (r *Register) Open(id tenbit.TenantID) bool {
	s := r.now.Load()
	t, ok := s.tenants[id]
	any, valid := false, false
	for _, k := range s.keys {
		if k.Tenant == id {
			any, valid = true, valid || k.valid(time.Now())
		}
	}
	return ok && !t.Disabled && (valid || !any)
}

// All are the tenants by id, and the keys by tenant and prefix.
func (r *Register) All() ([]Tenant, []Key) {
	s := r.now.Load()
	ts := slices.SortedFunc(maps.Values(s.tenants), func(a, b Tenant) int { return strings.Compare(string(a.ID), string(b.ID)) })
	ks := slices.SortedFunc(maps.Values(s.keys), func(a, b Key) int {
		return strings.Compare(string(a.Tenant)+"\x00"+a.Prefix+string(a.Hash[:]), string(b.Tenant)+"\x00"+b.Prefix+string(b.Hash[:]))
	})
	return ts, ks
}

// Set puts a tenant in force. What it has as the configuration says goes on to
// follow that.
func (r *Register) Set(ctx context.Context, t Tenant) error {
	val, err := r.patch(t)
	if err != nil {
		return fmt.Errorf("write a tenant: %w", err)
	}
	return r.record(ctx, tenantRecord+string(t.ID), val)
}

// SetKey puts a key in force, or out of it.
func (r *Register) SetKey(ctx context.Context, k Key) error {
	if _, ok := r.Lookup(k.Tenant); !ok {
		return fmt.Errorf("tenant %q: %w", k.Tenant, ErrUnknown)
	}
	val, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("write a key: %w", err)
	}
	return r.record(ctx, keyRecord+hex.EncodeToString(k.Hash[:]), val)
}

func (r *Register) record(ctx context.Context, name string, val []byte) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.Records.Record(ctx, name, val); err != nil {
		return err
	}
	return r.Refresh(ctx)
}

// minName is the fewest characters that name a key.
const minName = 6

// Find finds the one key that name, its prefix or the beginning of its hash,
// stands for.
func (r *Register) Find(name string) (Key, error) {
	var found []Key
	for _, k := range r.now.Load().keys {
		digits := hex.EncodeToString(k.Hash[:])
		if name != "" && k.Prefix == name || len(name) >= minName && strings.HasPrefix(digits, strings.TrimPrefix(name, "hmac-sha256:")) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Key{}, fmt.Errorf("key %q: %w", name, ErrUnknown)
	default:
		return Key{}, fmt.Errorf("%d keys begin with %q: name it by its hash", len(found), name)
	}
}
