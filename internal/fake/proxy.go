package fake

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to another address, counts what crosses, and
// cuts, delays or keeps back what it is told to.
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
	slow     time.Duration
	lanes    [2]lane // up, down
}

// lane is one direction.
type lane struct {
	hold chan struct{} // closed when nothing is kept back any more, nil: nothing is
	held []byte        // read, and not passed on
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

// Conns is how many clients are connected.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2 // each has a connection to the target
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

// Delay makes everything take that much longer in each direction.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = d
}

// Hold keeps back what goes up, or down, from now on until it is told otherwise.
func (p *Proxy) Hold(up, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, on := range [...]bool{up, down} {
		l := &p.lanes[i]
		if on && l.hold == nil {
			l.hold = make(chan struct{})
		}
		if !on && l.hold != nil {
			close(l.hold)
			*l = lane{}
		}
	}
}

// Held is what is kept back at the moment.
func (p *Proxy) Held() (up, down string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.lanes[0].held), string(p.lanes[1].held)
}

// wait delays what was read, and keeps it back for as long as it should be.
func (p *Proxy) wait(direction int, read []byte) {
	p.mu.Lock()
	l, slow := &p.lanes[direction], p.slow
	hold := l.hold
	if hold != nil {
		l.held = append(l.held, read...)
	}
	p.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if slow > 0 {
		time.Sleep(slow)
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
	p.Hold(false, false)
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
	both.Go(func() { p.copy(server, client, 0, &p.up, &p.cutUp) })
	both.Go(func() { p.copy(client, server, 1, &p.down, &p.cutDown) })
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
func (p *Proxy) copy(dst, src net.Conn, direction int, count, limit *int64) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		n, last := p.count(n, count, limit)
		if n > 0 {
			p.wait(direction, buf[:n])
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
