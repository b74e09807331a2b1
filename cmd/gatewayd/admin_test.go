package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/ledger"
	"tenbit/internal/register"
)

// TestNoKeyThatNobodyKnows: a wish that is refused leaves no key behind.
func TestNoKeyThatNobodyKnows(t *testing.T) {
	l := &ledger.Memory{}
	people := register.New(register.Options{
		Records: l, Tenants: []register.Tenant{{Tenant: tenbit.Tenant{ID: "a"}}},
		Hash: func(string) register.Hash { return register.Hash{} },
	})
	if err := people.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := &operator{people: people, ledger: l, secret: []byte("a secret"), keys: true}
	wish := func(body string) (keyView, error) {
		v, err := o.newKey(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/keys", strings.NewReader(body)))
		made, _ := v.(keyView)
		return made, err
	}
	old, err := wish(`{"tenant":"a","name":"old"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{`"grace":"one day"`, `"grace":"-1h"`, `"expires":"soon"`, `"tenant":"b"`} {
		_, err := wish(`{"rotate":"` + old.Hash + `","name":"new",` + more + `}`)
		if _, keys := people.All(); err == nil || len(keys) != 1 || keys[0].Disabled || !keys[0].Expires.IsZero() {
			t.Errorf("%s: got %v and %+v, want an error and the key that was there, in force", more, err, keys)
		}
	}
	_, err = wish(`{"rotate":"` + old.Hash + `","name":"new","grace":"24h"}`)
	if _, keys := people.All(); err != nil || len(keys) != 2 {
		t.Errorf("a rotation: got %v and %d keys, want 2", err, len(keys))
	}
}
