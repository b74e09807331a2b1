package policy

import (
	"tenbit"
	"tenbit/codec"
)

// flow hands text to a sink, cut only between characters: the bytes of an
// incomplete one wait for the rest. What is no UTF-8 at all goes on as it is.
type flow struct {
	sink tenbit.Sink
	held []byte
}

func (f *flow) write(p []byte) error {
	if f.sink == nil || len(p) == 0 {
		return nil
	}
	b := append(f.held, p...)
	n := codec.WholeRunes(b)
	f.held = append([]byte(nil), b[n:]...)
	if n == 0 {
		return nil
	}
	return f.sink(string(b[:n]))
}

// flush hands on what waits.
func (f *flow) flush() error {
	if f.sink == nil || len(f.held) == 0 {
		return nil
	}
	b := f.held
	f.held = nil
	return f.sink(string(b))
}
