package openai

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// meter counts the bytes of one request, or of all.
type meter struct {
	up, down atomic.Int64
}

func (m *meter) add(up, down int) {
	m.up.Add(int64(up))
	m.down.Add(int64(down))
}

// countedConn counts what crosses a connection, below TLS, so that handshakes
// and record framing are in it. A connection of HTTP/1.1 serves one request at
// a time, so each byte has one owner: the request that got the connection last.
// Bytes that crossed before the first request got it (the handshake) are the
// first one's.
type countedConn struct {
	net.Conn
	total *meter

	mu    sync.Mutex // guards what follows
	owner *meter
	taken bool // owner is a request, not the stand-in that waits for the first
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.count(0, n)
	return n, err
}

// Write counts before it writes: the answer may be here, and its cost asked for,
// before a writing goroutine is told that its bytes have left.
func (c *countedConn) Write(p []byte) (int, error) {
	owner := c.count(len(p), 0)
	n, err := c.Conn.Write(p)
	owner.add(n-len(p), 0)
	c.total.add(n-len(p), 0)
	return n, err
}

func (c *countedConn) count(up, down int) *meter {
	c.total.add(up, down)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner.add(up, down)
	return c.owner
}

// own makes m the owner of what follows. The transport calls it (by httptrace's
// GotConn) when it hands the connection to a request, before that request
// writes anything and after the one before it has read its last byte.
func (c *countedConn) own(m *meter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.taken {
		m.add(int(c.owner.up.Load()), int(c.owner.down.Load()))
		c.taken = true
	}
	c.owner = m
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// counted makes dial return connections that count into total.
func counted(dial dialFunc, total *meter) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: c, total: total, owner: new(meter)}, nil
	}
}

// underTLS finds the counted connection that a request got.
func underTLS(c net.Conn) (*countedConn, bool) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	cc, ok := c.(*countedConn)
	return cc, ok
}
