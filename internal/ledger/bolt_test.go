package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tenbit"
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
		if !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "runtime error") {
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

// A full disk ends buying until there is room again. What was refused meanwhile
// is not in the ledger, what was granted is, and the journal has no gap.
func TestFullDisk(t *testing.T) {
	path := usedFile(t)
	b, err := OpenBolt(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	room := func(size int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.db.MaxSize, b.tried = size, time.Time{}
	}
	a := tenant("a", 1<<40)
	room(1)
	granted := 300
	for ; err == nil && granted < 10000; granted++ { // until the file has to grow
		_, err = b.Reserve(t.Context(), a, fmt.Sprint(granted), bits(10))
	}
	failed := fmt.Sprint(granted - 1)
	for _, id := range []string{failed, "refused"} {
		b.mu.Lock()
		b.tried = time.Time{}
		b.mu.Unlock()
		if _, err = b.Reserve(t.Context(), a, id, bits(10)); !errors.Is(err, tenbit.ErrLedgerDown) {
			t.Fatalf("%s: got %v, want %v", id, err, tenbit.ErrLedgerDown)
		}
	}
	if err := b.Ready(t.Context()); !errors.Is(err, tenbit.ErrLedgerDown) {
		t.Errorf("ready: got %v", err)
	}
	room(0)
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal("there is room, and", err)
	}
	h, err := b.Reserve(t.Context(), a, failed, bits(10)) // now it is granted
	if err == nil {
		err = b.Settle(t.Context(), h, bits(4))
	}
	if err != nil {
		t.Fatal(err)
	}
	before := agrees(t, b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err = OpenBolt(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	after := agrees(t, b)
	if want := granted - 1; len(before.Open) != want || len(after.Open) != want || after.Entries != before.Entries || after.Entries != want+2 {
		t.Errorf("got %d and %d holds, %d and %d entries; want %d holds and their entries", len(before.Open), len(after.Open), before.Entries, after.Entries, want)
	}
}

// After a sync that failed nothing is tried again.
func TestUnsure(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"a full disk", &os.PathError{Op: "write", Err: syscall.ENOSPC}, false},
		{"no room to grow", errors.New("file resize error: no space left on device"), false},
		{"sync", syscall.EIO, true},
		{"sync elsewhere", &os.PathError{Op: "sync", Err: syscall.ENOSPC}, true},
	} {
		if got := unsure(tt.err); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
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
