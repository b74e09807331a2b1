package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// usedFile makes a ledger's file with some content, and returns its path.
func usedFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	b, err := OpenBolt(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := tenant("a", 1<<40)
	for i := range 300 {
		if _, err := b.Reserve(t.Context(), a, fmt.Sprint(i), bits(10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Record(t.Context(), "one", []byte("{}")), b.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file that is damaged anywhere opens as it was, or ends in an error that
// names it.
func TestDamagedFile(t *testing.T) {
	whole, err := os.ReadFile(usedFile(t))
	if err != nil {
		t.Fatal(err)
	}
	open := func(t *testing.T, spoiled []byte, must bool) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ledger") // one that did not open stays locked
		if err := os.WriteFile(path, spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBolt(path, 0, 0)
		if err == nil {
			if must {
				t.Error("it opens")
			}
			if _, err := Audit(t.Context(), b); err != nil {
				t.Errorf("it opens, and then: %v", err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "goroutine") {
			t.Errorf("got %v, want %v", err, errDamaged)
		}
	}
	for _, n := range []int{1, 4096, 8192, 16384} {
		t.Run(fmt.Sprintf("the first %d bytes", n), func(t *testing.T) { open(t, whole[:n], true) })
	}
	t.Run("another's", func(t *testing.T) { open(t, []byte(strings.Repeat("no ledger\n", 4000)), true) })
	for seed := range uint64(3) {
		noise := rand.NewChaCha8([32]byte{byte(seed)})
		for at := 0; at < len(whole); at += 4096 {
			spoiled := append([]byte(nil), whole...)
			_, _ = noise.Read(spoiled[at : at+512]) // never fails
			t.Run(fmt.Sprintf("seed %d, noise at %d", seed, at), func(t *testing.T) { open(t, spoiled, false) })
		}
	}
}

// A file is of one process at a time, and whoever comes second is told.
func TestHeldFile(t *testing.T) {
	path := usedFile(t)
	b, err := OpenBolt(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := OpenBolt(path, 0, 0); !errors.Is(err, errHeld) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v", err, errHeld)
	}
}
