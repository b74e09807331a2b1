package link

import (
	"fmt"
	"sync"

	"tenbit"
)

// MaxReply is the most codeword bytes of one reply, whatever its limit.
const MaxReply = 16 << 20

// payloadSlack is how many bytes a codeword may be longer than its information:
// the end of the range coder's last interval.
const payloadSlack = 4

// maxPayload is the most codeword bytes that a limit allows.
func maxPayload(limit tenbit.Bits) int {
	if limit >= MaxReply*tenbit.Byte {
		return MaxReply
	}
	return int((limit+tenbit.Byte-1)/tenbit.Byte) + payloadSlack
}

// stream is one request on one connection: the reader puts frames in, the
// request takes them out. What waits in between is bounded by the limit.
type stream struct {
	number uint16
	wire   *wire
	signal chan struct{} // something was put in

	mu      sync.Mutex // guards all below
	limit   tenbit.Bits
	got     int  // codeword bytes, those of earlier connections included
	began   bool // a data or end frame came on this connection
	lowered *grant
	waiting []byte
	last    frame // end or failure, nil: not yet
	dead    bool  // nobody takes any more
	err     error // the far side broke the rules
}

func newStream(w *wire, limit tenbit.Bits, got int) *stream {
	return &stream{wire: w, limit: limit, got: got, signal: make(chan struct{}, 1)}
}

// take puts a frame in. An error ends the connection.
func (st *stream) take(fr frame) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch fr := fr.(type) {
	case grant:
		if st.began || st.lowered != nil || fr.lowered(st.limit) <= 0 {
			st.err = fmt.Errorf("%w: grant frame", ErrProtocol)
			break
		}
		st.lowered, st.limit = &fr, fr.lowered(st.limit)
	case data:
		st.put(fr.bytes)
	case end:
		st.put(fr.bytes)
		st.last = fr
	case failure:
		st.last = fr
	}
	select {
	case st.signal <- struct{}{}:
	default:
	}
	return st.err
}

func (st *stream) put(p []byte) {
	st.began = true
	st.got += len(p)
	if st.got > maxPayload(st.limit) {
		st.err = ErrOverLimit
		return
	}
	if !st.dead {
		st.waiting = append(st.waiting, p...)
	}
}

// next takes out what came.
func (st *stream) next() (lowered *grant, waiting []byte, last frame, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	waiting, st.waiting = st.waiting, nil
	return st.lowered, waiting, st.last, st.err
}

// received is the number of codeword bytes that came.
func (st *stream) received() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.got
}

func (st *stream) discard() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.dead, st.waiting = true, nil
}
