package openai

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrTooLarge says that an answer, or one event of it, is larger than the limit.
var ErrTooLarge = errors.New("answer exceeds the size limit")

// event is one server-sent event.
type event struct {
	name string // "" where the server gives none
	data []byte // data lines joined by newlines, valid until the next call
}

// eventReader reads server-sent events as the WHATWG's HTML standard (section
// 9.2.6) has them: lines end in LF, CR or CRLF, comments and unknown fields are
// skipped. Unlike a browser it returns an event that the end of the input cuts
// short: several servers leave the last blank line out.
type eventReader struct {
	br     *bufio.Reader
	max    int // most bytes of one event
	skipLF bool
	begun  bool
	line   []byte
	data   []byte
}

func newEventReader(r io.Reader, max int) *eventReader {
	return &eventReader{br: bufio.NewReader(r), max: max}
}

// next returns the next event that has data, [io.EOF] after the last one, and
// [ErrTooLarge] when an event passes the limit.
func (r *eventReader) next() (event, error) {
	var e event
	r.data = r.data[:0]
	found := false
	size := 0
	for {
		line, err := r.readLine(r.max - size)
		size += len(line)
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			if errors.Is(err, io.EOF) && found {
				break
			}
			return event{}, err
		}
		if len(line) == 0 {
			if found {
				break
			}
			e, size = event{}, 0
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if found {
				r.data = append(r.data, '\n')
			}
			r.data = append(r.data, value...)
			found = true
		case "event":
			e.name = string(value)
		case "": // a comment: keeps the connection alive, costs no room
			size -= len(line)
		}
	}
	e.data = r.data
	return e, nil
}

// readLine returns a line without its end, at most limit bytes; the last line
// may come together with io.EOF.
func (r *eventReader) readLine(limit int) ([]byte, error) {
	r.line = r.line[:0]
	for {
		if _, err := r.br.Peek(1); err != nil {
			return r.trimmed(), err
		}
		buf, _ := r.br.Peek(r.br.Buffered())
		if r.skipLF && buf[0] == '\n' {
			r.skipLF = false
			_, _ = r.br.Discard(1)
			continue
		}
		r.skipLF = false
		end := bytes.IndexAny(buf, "\r\n")
		take := end
		if end < 0 {
			take = len(buf)
		}
		if len(r.line)+take > limit {
			return nil, ErrTooLarge
		}
		r.line = append(r.line, buf[:take]...)
		if end < 0 {
			_, _ = r.br.Discard(take)
			continue
		}
		r.skipLF = buf[end] == '\r'
		_, _ = r.br.Discard(end + 1)
		return r.trimmed(), nil
	}
}

// trimmed takes the byte order mark off the first line.
func (r *eventReader) trimmed() []byte {
	line := r.line
	if !r.begun {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	r.begun = true
	return line
}
