// Package lines reads files of JSON lines, packed with xz or not.
package lines

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ulikunitz/xz"
)

// Max bounds a line, in bytes.
const Max = 16 << 20

// Open opens a file, and unpacks it where its name ends in .xz. The caller calls
// done.
func Open(name string) (r io.Reader, done func() error, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	r = bufio.NewReader(f)
	if strings.HasSuffix(name, ".xz") {
		if r, err = xz.NewReader(r); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
	}
	return r, f.Close, nil
}

// Each reads a file and gives f one value a line, until f returns false. Empty
// lines are left out. Errors name the file and the line.
func Each[T any](name string, f func(v *T) (more bool, err error)) error {
	r, done, err := Open(name)
	if err != nil {
		return err
	}
	defer done()
	s := bufio.NewScanner(r)
	s.Buffer(nil, Max)
	for n := 1; s.Scan(); n++ {
		if len(strings.TrimSpace(s.Text())) == 0 {
			continue
		}
		v := new(T)
		err := json.Unmarshal(s.Bytes(), v)
		more := false
		if err == nil {
			more, err = f(v)
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		if !more {
			return nil
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
