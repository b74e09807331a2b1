package link

import (
	"net"
	"sync"

	"tenbit"
)

// meter counts the bytes of the edge's connections and gives each to one
// request. A request gets the frames that are its own; what belongs to none
// (handshakes, hello, pings, TLS records) is a pool, which the next request to
// finish takes over. So the sum over finished requests is what the wire carried,
// exactly, whenever no request is open.
//
// The connection is read ahead of the frames: a request may take bytes from the
// pool that later turn out to be another's. Then the pool owes, and the next to
// finish takes that much less, never below zero. The debt is never more than
// what open requests hold, so it is paid when the last of them ends.
type meter struct {
	mu       sync.Mutex // guards all below, and every wire of this meter
	up, down int64      // counted at the connection
	gaveUp   int64      // of those, what is attributed
	gaveDown int64
}

// wire is what one request has of the connection so far.
type wire struct {
	up, down int64
	closed   bool
}

// counted is a connection that tells the meter.
type counted struct {
	net.Conn
	m *meter
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.m.count(0, int64(n))
	return n, err
}

// Write counts first, so that an answer never arrives before its question counts.
func (c *counted) Write(p []byte) (int, error) {
	c.m.count(int64(len(p)), 0)
	n, err := c.Conn.Write(p)
	c.m.count(int64(n-len(p)), 0)
	return n, err
}

func (m *meter) count(up, down int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up += up
	m.down += down
}

// give attributes bytes to w. After its end they stay in the pool.
func (m *meter) give(w *wire, up, down int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w == nil || w.closed {
		return
	}
	w.up += up
	w.down += down
	m.gaveUp += up
	m.gaveDown += down
}

// finish ends w: what it cost, the pool included.
func (m *meter) finish(w *wire) tenbit.Cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.closed = true
	up := max(0, w.up+m.up-m.gaveUp)
	down := max(0, w.down+m.down-m.gaveDown)
	m.gaveUp += up - w.up
	m.gaveDown += down - w.down
	return tenbit.Cost{WireUp: up, WireDown: down}
}

func (m *meter) totals() (up, down int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.up, m.down
}

// messageSize is the size of an unfragmented WebSocket message of n bytes
// (RFC 6455, 5.2); messages up carry a mask of four bytes.
func messageSize(n int, up bool) int64 {
	size := int64(2 + n)
	switch {
	case n > 1<<16-1:
		size += 8
	case n > 125:
		size += 2
	}
	if up {
		size += 4
	}
	return size
}
