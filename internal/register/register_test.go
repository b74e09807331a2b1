package register

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
)

// shared is records of several registers.
type shared map[string][]byte

func (s shared) Records(context.Context) (map[string][]byte, error) { return maps.Clone(s), nil }

func (s shared) Record(_ context.Context, name string, val []byte) error {
	s[name] = val
	return nil
}

func hash(key string) Hash { return sha256.Sum256([]byte(key)) }

func open(s shared) *Register {
	return New(Options{
		Tenants: []Tenant{{Tenant: tenbit.Tenant{ID: "ship", MaxRequest: 5}}}, Keys: []Key{{Hash: hash("tb-old"), Tenant: "ship"}},
		Hash: hash, Records: s,
		Above: func(group string) []tenbit.Pool { return []tenbit.Pool{{ID: "g:" + group}} },
	})
}

// What one register is told, another knows after it has looked.
func TestChanges(t *testing.T) {
	s := shared{}
	one, other := open(s), open(s)
	check := func(step, key string, want bool) {
		t.Helper()
		if err := errors.Join(one.Refresh(t.Context()), other.Refresh(t.Context())); err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]*Register{"one": one, "other": other} {
			if _, ok := r.Tenant(key); ok != want {
				t.Errorf("%s: %s: %s opens: got %v, want %v", step, name, key, ok, want)
			}
		}
	}
	set := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check("at first", "tb-old", true)
	ship, _ := one.Lookup("ship")
	ship.MaxRequest, ship.Group = 9, "crew"
	set(one.Set(t.Context(), ship))
	check("with another budget", "tb-old", true)
	if got, _ := other.Tenant("tb-old"); got.MaxRequest != 9 || len(got.Above) != 1 || got.Above[0].ID != "g:crew" {
		t.Errorf("got %+v, want the new budget, in the group", got)
	}
	ship.Disabled = true
	set(one.Set(t.Context(), ship))
	check("disabled", "tb-old", false)
	ship.Disabled = false
	set(one.Set(t.Context(), ship))
	check("enabled", "tb-old", true)
	set(one.SetKey(t.Context(), Key{Hash: hash("tb-new"), Prefix: "tb-new", Tenant: "ship"}))
	check("a new key", "tb-new", true)
	old, err := one.Find(string(must(hash("tb-old").MarshalText()))[:12])
	set(err)
	old.Disabled = true
	set(one.SetKey(t.Context(), old))
	check("the old one revoked", "tb-old", false)
	if err := one.SetKey(t.Context(), Key{Hash: hash("x"), Tenant: "nobody"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a key for nobody: got %v, want %v", err, ErrUnknown)
	}
	s[tenantRecord+"ship"] = []byte("torn")
	check("a record that cannot be read", "tb-new", false)
}

// TestChangesFollowTheConfiguration: what operators left alone is as the file says,
// also when that changes; a tenant that is taken out of it is gone, and one that
// operators made stays.
func TestChangesFollowTheConfiguration(t *testing.T) {
	s := shared{}
	ship := Tenant{Tenant: tenbit.Tenant{ID: "ship", MaxRequest: 5, Active: 3}, Group: "crew"}
	with := func(ts ...Tenant) *Register {
		r := New(Options{Tenants: ts, Records: s, Hash: hash})
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := with(ship)
	changed, _ := first.Lookup("ship")
	changed.OnEmpty, changed.Group = tenbit.EmptyReject, ""
	if err := errors.Join(first.Set(t.Context(), changed), first.Set(t.Context(), Tenant{Tenant: tenbit.Tenant{ID: "boat", MaxRequest: 7}})); err != nil {
		t.Fatal(err)
	}
	ship.MaxRequest, ship.Active = 77, 0
	got, _ := with(ship).Lookup("ship")
	if got.MaxRequest != 77 || got.Active != 0 || got.OnEmpty != tenbit.EmptyReject || got.Group != "" {
		t.Errorf("got %+v, want the file's limits and the operator's changes", got)
	}
	last := with()
	if got, ok := last.Lookup("ship"); ok {
		t.Errorf("taken out of the file: got %+v", got)
	}
	if got, ok := last.Lookup("boat"); !ok || got.MaxRequest != 7 {
		t.Errorf("made by operators: got %+v, %v", got, ok)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(shared{})
		if err := r.SetKey(t.Context(), Key{Hash: hash("k"), Tenant: "ship", Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Tenant("k"); !ok {
			t.Error("the key opens nothing")
		}
		time.Sleep(time.Hour)
		if _, ok := r.Tenant("k"); ok {
			t.Error("the key opens after its end")
		}
	})
}
