package fake

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy passes TCP connections on to another address, counts what crosses and
// cuts where it is told to.
type Proxy struct {
	Addr string // where it listens

	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex // guards what follows
	conns    map[net.Conn]bool
	up, down int64
	cutUp    int64 // cut once that many bytes went up, 0: never
	cutDown  int64
	closed   bool
}

// NewProxy starts a proxy to target (host:port) that stops with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, listener: l, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Bytes are the bytes read from clients and from the target so far.
func (p *Proxy) Bytes() (up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up, p.down
}

// CutAfter cuts all connections when up bytes in all have gone up, or down
// bytes down, counted from now; those are still delivered. 0 is never. New
// connections are accepted, and no limit is left after the cut.
func (p *Proxy) CutAfter(up, down int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutUp, p.cutDown = 0, 0
	if up > 0 {
		p.cutUp = p.up + up
	}
	if down > 0 {
		p.cutDown = p.down + down
	}
}

// Cut ends all connections now.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

// Close cuts all connections, stops listening and waits for the copying to end.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.cut()
	p.mu.Unlock()
	_ = p.listener.Close()
	p.running.Wait()
}

func (p *Proxy) cut() {
	p.cutUp, p.cutDown = 0, 0
	for c := range p.conns {
		_ = c.Close()
	}
}

// accept ends when the listener is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve ends when either side has closed and the other is closed too.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.add(client, server) {
		return
	}
	defer p.remove(client, server)
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, &p.up, &p.cutUp) })
	both.Go(func() { p.copy(client, server, &p.down, &p.cutDown) })
	both.Wait()
}

func (p *Proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.closed
}

func (p *Proxy) remove(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// copy ends when src does, and tells dst.
func (p *Proxy) copy(dst, src net.Conn, count, limit *int64) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		n, last := p.count(n, count, limit)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				break
			}
		}
		if last {
			p.Cut()
			return
		}
		if err != nil {
			break
		}
	}
	if w, ok := dst.(*net.TCPConn); ok {
		_ = w.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, src) // unread bytes would reset the other half
}

// count adds n bytes, fewer where the limit is passed.
func (p *Proxy) count(n int, count, limit *int64) (took int, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *limit > 0 && *count+int64(n) >= *limit {
		n, last = int(*limit-*count), true
	}
	*count += int64(n)
	return n, last
}
