package openai

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestEventReader(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string // name|data
		err      error
	}{
		{"nothing", "", nil, nil},
		{"one", "data: a\n\n", []string{"|a"}, nil},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"|a", "|b"}, nil},
		{"CR", "data: a\r\rdata: b\r\r", []string{"|a", "|b"}, nil},
		{"no space", "data:a\n\n", []string{"|a"}, nil},
		{"one space only is taken", "data:  a\n\n", []string{"| a"}, nil},
		{"several lines", "data: a\ndata: b\n\n", []string{"|a\nb"}, nil},
		{"an empty line of data", "data\n\n", []string{"|"}, nil},
		{"name", "event: error\ndata: a\n\ndata: b\n\n", []string{"error|a", "|b"}, nil},
		{"comments", ": ping\n\n: ping\ndata: a\n: x\n\n", []string{"|a"}, nil},
		{"unknown fields", "id: 7\nretry: 10\nfoo\ndata: a\n\n", []string{"|a"}, nil},
		{"name without data", "event: x\n\ndata: a\n\n", []string{"|a"}, nil},
		{"byte order mark", "\xef\xbb\xbfdata: a\n\n", []string{"|a"}, nil},
		{"no blank line at the end", "data: a\n\ndata: b\n", []string{"|a", "|b"}, nil},
		{"no line end at the end", "data: a\n\ndata: b", []string{"|a", "|b"}, nil},
		{"invalid UTF-8 stays", "data: \xff\xc3\n\n", []string{"|\xff\xc3"}, nil},
		{"line at the limit", "data: " + strings.Repeat("x", 58) + "\n\n", []string{"|" + strings.Repeat("x", 58)}, nil},
		{"line over the limit", "data: a\n\ndata: " + strings.Repeat("x", 59) + "\n\n", []string{"|a"}, ErrTooLarge},
		{"event over the limit", strings.Repeat("data: xxxxxxxxxx\n", 5) + "\n", nil, ErrTooLarge},
		{"comment over the limit", ":" + strings.Repeat("x", 64) + "\n\n", nil, ErrTooLarge},
		{"many comments", strings.Repeat(": ping\n", 100) + "data: a\n\n", []string{"|a"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its EOF": iotest.DataErrReader,
			} {
				got, err := all(newEventReader(wrap(strings.NewReader(tt.in)), 64))
				if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
					t.Errorf("%s: error %v, want %v; events (-want +got):\n%s", name, err, tt.err, diff)
				}
			}
		})
	}
}

// all reads to the end, which is no error.
func all(r *eventReader) (out []string, err error) {
	for {
		e, err := r.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, e.name+"|"+string(e.data))
	}
}

func TestEventReaderPassesErrorsOn(t *testing.T) {
	broke := errors.New("broke")
	r := newEventReader(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broke)), 64)
	got, err := all(r)
	if diff := cmp.Diff([]string{"|a"}, got); diff != "" || !errors.Is(err, broke) {
		t.Errorf("got %q, %v; want |a and %v", got, err, broke)
	}
}

// FuzzEventReader: any bytes, cut anywhere, give the same events, none larger
// than the limit.
func FuzzEventReader(f *testing.F) {
	f.Add([]byte("data: a\r\n\r\n: ping\n\nevent: error\rdata: b\n\n"), 3)
	f.Add([]byte("\xef\xbb\xbfdata\n\ndata: [DONE]"), 1)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		const most = 256
		whole, err := all(newEventReader(strings.NewReader(string(in)), most))
		cut = min(max(cut, 0), len(in))
		parts := io.MultiReader(strings.NewReader(string(in[:cut])), iotest.OneByteReader(strings.NewReader(string(in[cut:]))))
		again, err2 := all(newEventReader(parts, most))
		if diff := cmp.Diff(whole, again); diff != "" || !errors.Is(err2, err) {
			t.Errorf("cut at %d: errors %v, %v; events (-whole +cut):\n%s", cut, err, err2, diff)
		}
		for _, e := range whole {
			if len(e) > 2*most {
				t.Errorf("event of %d bytes", len(e))
			}
		}
	})
}
