package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestPlainHTTPS: what is counted as the API that everybody has says nothing that
// only ours says, and its handshake counts.
func TestPlainHTTPS(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-tenbit-bits", "1.000")
		w.Header().Set("x-tenbit-budget-left", "2.000")
		w.Header().Set("x-request-id", "3")
	}))
	defer behind.Close()
	files, err := ownCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := servePlainHTTPS(behind.Listener.Addr().String(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if h := res.Header; h.Get("x-tenbit-bits") != "" || h.Get("x-tenbit-budget-left") != "" || h.Get("x-request-id") != "3" {
		t.Errorf("got %v, want no header of ours and the others", h)
	}
	if p.up.Load() < 200 || p.down.Load() < 500 {
		t.Errorf("got %d bytes up and %d down, want those of TLS, too", p.up.Load(), p.down.Load())
	}
}
