package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/ledger"
	"tenbit/internal/register"
	"tenbit/internal/telemetry"
)

// probe is one thing that /readyz looks at. What must be is an error where it
// fails; what need not be is a note.
type probe struct {
	name  string
	check func(context.Context) error
	must  bool
}

// adminOf serves operators: the probes and metrics, and on loopback the tenants
// and keys.
func adminOf(m *telemetry.Metrics, o *operator, probes []probe) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", m.Admin(func(ctx context.Context) (notes []string, err error) {
		for _, p := range probes {
			switch e := p.check(ctx); {
			case e == nil:
			case p.must:
				err = errors.Join(err, fmt.Errorf("%s: %w", p.name, e))
			default:
				notes = append(notes, p.name+": "+e.Error())
			}
		}
		return notes, err
	}))
	for pattern, h := range map[string]func(*http.Request) (any, error){
		"GET /tenants": o.list, "GET /tenants/{id}": o.show, "POST /tenants/{id}": o.set, "POST /tenants/{id}/reset": o.reset,
		"GET /groups": o.listGroups, "POST /groups/{id}": o.setGroup, "POST /groups/{id}/reset": o.resetGroup,
		"GET /audit": o.audit, "GET /keys": o.listKeys, "POST /keys": o.newKey, "DELETE /keys/{name}": o.revoke,
	} {
		mux.Handle(pattern, o.guard(h))
	}
	return mux
}

// operator is the admin API. It asks for no key, so it answers only on loopback,
// and no web page can make a browser speak to it.
type operator struct {
	people *register.Register
	ledger store
	secret []byte
	keys   bool     // API keys are made here
	groups []string // of the configuration

	semantic bool // tenants may take part in the semantic cache
}

// refusal is an error with its HTTP status.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func bad(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// maxAdminBody bounds a request to the admin API, in bytes.
const maxAdminBody = 64 << 10

func (o *operator) guard(h func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
		var v any
		err := local(r)
		if err == nil {
			v, err = h(r)
		}
		status := http.StatusOK
		var no *refusal
		switch {
		case errors.As(err, &no):
			status = no.status
		case errors.Is(err, register.ErrUnknown):
			status = http.StatusNotFound
		case err != nil:
			status = http.StatusServiceUnavailable
		}
		if err != nil {
			v = map[string]string{"error": err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the operator may have gone
	})
}

// local refuses what does not come over loopback, or comes from a web page: one
// of another origin, or one whose host name was made to point here.
func local(r *http.Request) error {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if addr != nil {
		if ap, err := netip.ParseAddrPort(addr.String()); err == nil && !ap.Addr().Unmap().IsLoopback() {
			return &refusal{http.StatusForbidden, "the admin API answers on loopback only"}
		}
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) || r.Header.Get("Origin") != "" {
		return &refusal{http.StatusForbidden, "the admin API does not answer web pages"}
	}
	if r.Method != http.MethodGet && r.Header.Get("X-Tenbit-Admin") == "" {
		return &refusal{http.StatusForbidden, "set the header X-Tenbit-Admin"}
	}
	return nil
}

func read(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return bad("the body: %v", err)
	}
	return nil
}

func (o *operator) list(r *http.Request) (any, error) {
	s, err := o.ledger.State(r.Context())
	if err != nil {
		return nil, err
	}
	ts, keys := o.people.All()
	out := []tenantView{}
	for _, t := range ts {
		out = append(out, viewOf(t, keys, s))
	}
	return map[string]any{"tenants": out}, nil
}

func (o *operator) show(r *http.Request) (any, error) {
	t, ok := o.people.Lookup(tenbit.TenantID(r.PathValue("id")))
	if !ok {
		return nil, fmt.Errorf("tenant %q: %w", r.PathValue("id"), register.ErrUnknown)
	}
	s, err := o.ledger.State(r.Context())
	if err != nil {
		return nil, err
	}
	_, keys := o.people.All()
	return viewOf(t, keys, s), nil
}

func (o *operator) reset(r *http.Request) (any, error) {
	t, ok := o.people.Lookup(tenbit.TenantID(r.PathValue("id")))
	if !ok {
		return nil, fmt.Errorf("tenant %q: %w", r.PathValue("id"), register.ErrUnknown)
	}
	if err := o.ledger.Reset(r.Context(), ledger.AccountOf(t.ID)); err != nil {
		return nil, err
	}
	return o.show(r)
}

func (o *operator) set(r *http.Request) (any, error) {
	id := tenbit.TenantID(r.PathValue("id"))
	if id == "" || len(id) > 64 {
		return nil, bad("a tenant's id has 1 to 64 bytes")
	}
	t, known := o.people.Lookup(id)
	if !known && !o.keys {
		return nil, fmt.Errorf("edge %q: %w: edges are made in the configuration", id, register.ErrUnknown)
	}
	var c change
	if err := read(r, &c); err != nil {
		return nil, err
	}
	t.ID = id
	if err := c.apply(&t); err != nil {
		return nil, err
	}
	if c.Semantic != nil && *c.Semantic && !o.semantic {
		return nil, bad("there is no semantic cache here: it needs cache.bytes, cache.semantic.bytes and a local model that makes embeddings")
	}
	if t.Group != "" && o.people.Above != nil && len(o.people.Above(t.Group)) == len(o.people.Above("")) {
		return nil, bad("group %q is not in the configuration", t.Group)
	}
	if err := o.people.Set(r.Context(), t); err != nil {
		return nil, err
	}
	return o.show(r)
}

func (o *operator) audit(r *http.Request) (any, error) {
	a, err := ledger.Audit(r.Context(), o.ledger)
	if err != nil {
		return nil, err
	}
	return auditOf(a), nil
}

func (o *operator) listKeys(r *http.Request) (any, error) {
	_, keys := o.people.All()
	out := []keyView{}
	for _, k := range keys {
		if t := r.URL.Query().Get("tenant"); t == "" || t == string(k.Tenant) {
			out = append(out, keyOf(k))
		}
	}
	return map[string]any{"keys": out}, nil
}

// wish is what a new key should be.
type wish struct {
	Tenant  string `json:"tenant"`
	Name    string `json:"name"`
	Expires string `json:"expires"` // a duration such as 720h; empty: never
	Rotate  string `json:"rotate"`  // the key that this one replaces
	Grace   string `json:"grace"`   // how long the replaced key still opens; empty: not at all
}

func (o *operator) newKey(r *http.Request) (any, error) {
	var w wish
	if err := read(r, &w); err != nil {
		return nil, err
	}
	if !o.keys {
		return nil, bad("an origin's tokens are in its configuration: `gatewayd key new -config FILE` makes them")
	}
	now := time.Now()
	expires, err := after(now, w.Expires)
	if err != nil {
		return nil, err
	}
	ends, err := after(now, w.Grace) // before there is a key that nobody would be told
	if err != nil {
		return nil, err
	}
	var old register.Key
	if w.Rotate != "" {
		if old, err = o.people.Find(w.Rotate); err != nil {
			return nil, err
		}
		if w.Tenant != "" && w.Tenant != string(old.Tenant) {
			return nil, bad("key %s is of tenant %q", w.Rotate, old.Tenant)
		}
		w.Tenant = string(old.Tenant)
	}
	key := gateway.NewKey()
	k := register.Key{
		Hash: gateway.SumKey(o.secret, key), Prefix: gateway.PrefixOf(key), Tenant: tenbit.TenantID(w.Tenant), Name: w.Name,
		Created: now.UTC().Truncate(time.Second), Expires: expires,
	}
	if err := o.people.SetKey(r.Context(), k); err != nil {
		return nil, err
	}
	if w.Rotate != "" {
		if err := o.end(r.Context(), old, ends); err != nil {
			return nil, err
		}
	}
	v := keyOf(k)
	v.Key = key
	return v, nil
}

// end takes a key out of force, at once where no time is given.
func (o *operator) end(ctx context.Context, k register.Key, at time.Time) error {
	if k.Disabled = at.IsZero(); !k.Disabled && (k.Expires.IsZero() || at.Before(k.Expires)) {
		k.Expires = at
	}
	return o.people.SetKey(ctx, k)
}

// after is now and a duration, zero for an empty one.
func after(now time.Time, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return time.Time{}, bad("%q is not a duration such as 720h", s)
	}
	return now.Add(d).UTC().Truncate(time.Second), nil
}

func (o *operator) revoke(r *http.Request) (any, error) {
	k, err := o.people.Find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	at, err := after(time.Now(), r.URL.Query().Get("grace"))
	if err != nil {
		return nil, err
	}
	if err := o.end(r.Context(), k, at); err != nil {
		return nil, err
	}
	if k, err = o.people.Find(r.PathValue("name")); err != nil {
		return nil, err
	}
	return keyOf(k), nil
}
