package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"tenbit/gateway"
	"tenbit/internal/config"
)

// listing is an Ollama that has one model, which says its name.
func listing(t *testing.T, model string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/version" {
			fmt.Fprint(w, `{"version":"0.1.0"}`)
			return
		}
		if r.URL.Path == "/api/tags" {
			fmt.Fprintf(w, `{"models":[{"name":%q}]}`, model)
			return
		}
		var asked struct{ Model string }
		_ = json.NewDecoder(r.Body).Decode(&asked) // else the answer names none
		fmt.Fprintf(w, `{"message":{"role":"assistant","content":"I am %s."},"done":true,"done_reason":"stop"}`+"\n", asked.Model)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAnswersOfAnotherModel: an edge that finds another model at its start does
// not give, from a Redis, what the one before said.
func TestAnswersOfAnotherModel(t *testing.T) {
	kept := miniredis.RunT(t).Addr()
	for _, tt := range []struct{ model, route string }{{"alpha", "local"}, {"beta", "local"}, {"alpha", "cache"}} {
		c := lone(t)
		c.Local.URL, c.Cache.Redis.Addr = listing(t, tt.model), kept
		r, err := wireEdge(c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"tenbit","messages":[{"role":"user","content":"Who are you?"}]}`))
		req.Header.Set("Authorization", "Bearer tb-test")
		w := httptest.NewRecorder()
		r.server.Handler.ServeHTTP(w, req)
		if route := w.Header().Get("X-Tenbit-Route"); route != tt.route || !strings.Contains(w.Body.String(), "I am "+tt.model) {
			t.Errorf("%s: got route %q, want %s: %s", tt.model, route, tt.route, w.Body)
		}
		for _, end := range r.closers { // writes what waits
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestReadyzNamesTheLedger: what is wrong with a file is not said to be Redis's.
func TestReadyzNamesTheLedger(t *testing.T) {
	c := lone(t)
	c.Ledger.Kind, c.Ledger.Path = "bolt", filepath.Join(t.TempDir(), "ledger")
	r, err := wireEdge(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range r.closers { // the ledger's, too
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if status, text := readyz(t, r); status != http.StatusServiceUnavailable || !strings.Contains(text, "ledger (bolt): ") || strings.Contains(text, "Redis") {
		t.Errorf("got %d, %q", status, text)
	}
}

// TestReadyzTellsOfNoOllama: it is a note, since the cache and the far side work
// without.
func TestReadyzTellsOfNoOllama(t *testing.T) {
	c := lone(t)
	c.Local.Kind = "ollama"
	for _, tt := range []struct{ name, url, want string }{
		{"there", c.Local.URL, "ready\n"},
		{"away", "http://127.0.0.1:1", "ready\nlocal model: no Ollama answers at local.url\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.Local.URL = tt.url
			r, err := wireEdge(c, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if status, text := readyz(t, r); status != http.StatusOK || text != tt.want {
				t.Errorf("got %d, %q, want %q", status, text, tt.want)
			}
			for _, end := range r.closers {
				if err := end(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// lone is an edge that has a tenant, and only a local model.
func lone(t *testing.T) config.Edge {
	c := config.DefaultEdge()
	c.Auth.Secret = "a secret for this test"
	c.Tenants = []config.Tenant{{ID: "t", Keys: []config.Key{{Hash: gateway.HashKey([]byte(c.Auth.Secret), "tb-test")}}}}
	c.Ledger.Kind, c.Remote.Kind, c.Local.URL = "memory", "none", listing(t, "alpha")
	return c
}

func readyz(t *testing.T, r *role) (int, string) {
	w := httptest.NewRecorder()
	r.admin.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	return w.Code, w.Body.String()
}

// TestVersionNamesWhatDecides: what comes from another large model is not found.
func TestVersionNamesWhatDecides(t *testing.T) {
	c := config.DefaultEdge()
	before := versionOf(&gateway.Gateway{}, c)
	c.Remote.API.URL = "https://another.example/v1"
	if versionOf(&gateway.Gateway{}, c) == before {
		t.Error("remote.api.url is not in the version")
	}
}
