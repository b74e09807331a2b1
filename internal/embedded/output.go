package embedded

import (
	"errors"
	"strings"
	"unicode/utf8"

	"tenbit"
)

// errStop says that a stop string was reached.
var errStop = errors.New("stop string")

// output collects the bytes of an answer and hands them to a sink as soon as
// they are final: no part of a character, nothing that may be the beginning of a
// stop string.
type output struct {
	stops []string
	sink  tenbit.Sink

	all  []byte
	sent int
}

func (o *output) text() string { return string(o.all) }

// write adds a token's bytes. After errStop, which follows the last call of the
// sink, text holds what came before the stop string.
func (o *output) write(piece string) error {
	before := len(o.all)
	o.all = append(o.all, piece...)
	hold, stop := 0, -1
	for _, s := range o.stops {
		if s == "" {
			continue
		}
		from := max(0, before-len(s)+1)
		if i := strings.Index(string(o.all[from:]), s); i >= 0 && (stop < 0 || from+i < stop) {
			stop = from + i
		}
		hold = max(hold, begun(o.all, s))
	}
	if stop >= 0 {
		o.all = o.all[:stop]
		if err := o.close(); err != nil {
			return err
		}
		return errStop
	}
	return o.send(len(o.all) - max(hold, partial(o.all)))
}

// close sends what was held back.
func (o *output) close() error { return o.send(len(o.all)) }

func (o *output) send(to int) error {
	if o.sink == nil || to <= o.sent {
		return nil
	}
	text := string(o.all[o.sent:to])
	o.sent = to
	return o.sink(text)
}

// begun is the length of the longest end of p that s begins with.
func begun(p []byte, s string) int {
	for n := min(len(p), len(s)-1); n > 0; n-- {
		if strings.HasPrefix(s, string(p[len(p)-n:])) {
			return n
		}
	}
	return 0
}

// partial is the length of an incomplete character at the end of p.
func partial(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if b := p[len(p)-n]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
