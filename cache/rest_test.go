package cache

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	digits1 = strings.Repeat("1f", 32)
	digits2 = strings.Repeat("2e", 32)
)

func ring(t testing.TB, text string) Keyring {
	t.Helper()
	if text == "" {
		return Keyring{}
	}
	r, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseKeys(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		keys       int // 0: an error
	}{
		{"one", digits1, 1},
		{"a comma", digits1 + "," + digits2, 2},
		{"a file", "# new since May\n" + digits1 + "\n\n" + digits2 + " # until June\n", 2},
		{"none", " \n# nothing\n", 0},
		{"short", digits1[2:], 0},
		{"no digits", strings.Repeat("zz", 32), 0},
		{"twice", digits1 + " " + digits1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseKeys(tt.text)
			if len(r.keys) != tt.keys || (err == nil) != (tt.keys > 0) {
				t.Errorf("got %d keys, %v; want %d", len(r.keys), err, tt.keys)
			}
			if err != nil && strings.Contains(err.Error(), tt.text[:4]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestRest(t *testing.T) {
	none, one, two, rotated := Keyring{}, ring(t, digits1), ring(t, digits2), ring(t, digits2+","+digits1)
	k, other := KeyOf("a", []byte("q")), KeyOf("b", []byte("q"))
	for _, tt := range []struct {
		name        string
		write, read Keyring
		key         Key
		ok          bool
	}{
		{"plain", none, none, k, true},
		{"encrypted", one, one, k, true},
		{"an old key", one, rotated, k, true},
		{"a new key", rotated, two, k, true},
		{"a key that is gone", one, two, k, false},
		{"encrypted, without keys", one, none, k, false},
		{"plain, with keys", none, one, k, false},
		{"plain, of another key", none, none, other, false},
		{"encrypted, of another key", one, one, other, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Entry{[]byte("the answer"), time.UnixMilli(1_764_000_000_123)}
			sealed, err := tt.write.seal(k, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tt.read.open(tt.key, sealed)
			if tt.ok && (err != nil || !bytes.Equal(got.Val, want.Val) || !got.Expires.Equal(want.Expires)) || !tt.ok && !errors.Is(err, ErrUnreadable) {
				t.Errorf("got %q until %v, %v", got.Val, got.Expires, err)
			}
			if len(tt.write.keys) > 0 && bytes.Contains(sealed, want.Val) {
				t.Error("the value rests in plain")
			}
			for i := range sealed { // no byte can be changed, none be missing
				bad := bytes.Clone(sealed)
				bad[i] ^= 4
				if _, err := tt.read.open(tt.key, bad); err == nil {
					t.Errorf("byte %d can be changed", i)
				}
				if _, err := tt.read.open(tt.key, sealed[:i]); err == nil {
					t.Errorf("the first %d bytes pass", i)
				}
			}
		})
	}
}

// With a key the names in Redis can't be made from a guessed request.
func TestNames(t *testing.T) {
	k := KeyOf("a", []byte("q"))
	sum := hex.EncodeToString(k.sum[:])
	if n := (Keyring{}).names(k); len(n) != 1 || !strings.Contains(n[0], sum) {
		t.Errorf("without a key: got %v", n)
	}
	n := ring(t, digits2+","+digits1).names(k)
	if len(n) != 2 || n[0] == n[1] || strings.Contains(n[0]+n[1], sum) || n[1] != ring(t, digits1).names(k)[0] {
		t.Errorf("with two keys: got %v", n)
	}
}

// What opens was sealed: sealing it again gives the same bytes, or with random
// nonces the same entry.
func FuzzOpen(f *testing.F) {
	k := KeyOf("a", []byte("q"))
	for _, text := range []string{"", digits1, digits2 + "," + digits1} {
		for _, val := range []string{"", "the answer"} {
			sealed, err := ring(f, text).seal(k, Entry{[]byte(val), time.UnixMilli(1_764_000_000_123)})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(sealed)
		}
	}
	f.Add([]byte{restVersion, formSealed})
	rings := []Keyring{{}, ring(f, digits1), ring(f, digits2+","+digits1)}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		for i, r := range rings {
			e, err := r.open(k, sealed)
			if err != nil {
				if !errors.Is(err, ErrUnreadable) {
					t.Errorf("got %v", err)
				}
				continue
			}
			again, err := r.seal(k, e)
			if err != nil || len(r.keys) == 0 && !bytes.Equal(again, sealed) || len(again) != len(sealed) {
				t.Errorf("ring %d: %x opens and is sealed as %x, %v", i, sealed, again, err)
			}
		}
	})
}
