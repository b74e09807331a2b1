package test

import (
	"io"
	"net/http"
	"testing"
)

// readiness is what /readyz says.
type readiness struct {
	Status int
	Text   string
}

func ready(t *testing.T, admin string) readiness {
	t.Helper()
	resp, err := http.Get(admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return readiness{resp.StatusCode, string(text)}
}
