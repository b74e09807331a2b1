package lines

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

type row struct{ N int }

func TestEach(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name, text string
		packed     bool
		stop       int // after this one
		fail       int // on this one
		want       []int
		err        string
	}{
		{"plain", "{\"n\":1}\n\n{\"n\":2}", false, 0, 0, []int{1, 2}, ""},
		{"packed", "{\"n\":1}\n{\"n\":2}\n", true, 0, 0, []int{1, 2}, ""},
		{"stopped", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", false, 2, 0, []int{1, 2}, ""},
		{"refused", "{\"n\":1}\n{\"n\":2}\n", false, 0, 2, []int{1, 2}, "line 2: broken"},
		{"cut", "{\"n\":1}\n{\"n\":", false, 0, 0, []int{1}, "line 2"},
		{"too long", "{\"n\":1}\n" + strings.Repeat(" ", Max+1), false, 0, 0, []int{1}, "too long"},
		{"empty", "", false, 0, 0, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "f.jsonl")
			data := []byte(tt.text)
			if tt.packed {
				name += ".xz"
				data = pack(t, data)
			}
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			var got []int
			err := Each(name, func(r *row) (bool, error) {
				got = append(got, r.N)
				if r.N == tt.fail {
					return false, broken
				}
				return r.N != tt.stop, nil
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), name)) {
				t.Errorf("got %v, want %q and the file's name", err, tt.err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f.xz")
	if _, _, err := Open(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
	if err := os.WriteFile(name, []byte("not xz"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(name); err == nil {
		t.Error("got no error for a file that isn't xz")
	}
}

func pack(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
