package test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy passes TCP connections on and counts the bytes, as seen from the side
// that dials: up goes to the target.
type proxy struct {
	Addr     string
	up, down atomic.Int64
	target   string

	mu    sync.Mutex // guards the rest
	conns map[net.Conn]bool
	shut  bool // refuse new connections
	limit int64
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Addr: l.Addr().String(), target: target, conns: map[net.Conn]bool{}, limit: -1}
	var running sync.WaitGroup
	running.Go(func() { // ends when the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.cut()
		running.Wait()
	})
	return p
}

// serve passes one connection on until either side closes it.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.add(client, server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pipe(server, client, &p.up, false) })
	both.Go(func() { p.pipe(client, server, &p.down, true) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.shut
}

// pipe copies, counts, and closes both ends when it stops.
func (p *proxy) pipe(dst, src net.Conn, n *atomic.Int64, down bool) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 16<<10)
	for {
		k, err := src.Read(buf)
		if down {
			var last bool
			if k, last = p.allow(k); last {
				dst.Write(buf[:k]) //nolint:errcheck // cut anyhow
				n.Add(int64(k))
				return
			}
		}
		if _, werr := dst.Write(buf[:k]); werr != nil {
			return
		}
		n.Add(int64(k))
		if err != nil {
			return
		}
	}
}

// allow takes k bytes off the limit and says whether it is used up.
func (p *proxy) allow(k int) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit < 0 {
		return k, false
	}
	k = int(min(int64(k), p.limit))
	p.limit -= int64(k)
	return k, p.limit == 0
}

// cutAfter lets n more bytes down and then closes the connection they are on.
func (p *proxy) cutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
}

// cut closes every connection now.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// refuse drops new connections, or lets them through again.
func (p *proxy) refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = on
	p.limit = -1
}

// counts are the bytes so far.
func (p *proxy) counts() (up, down int64) { return p.up.Load(), p.down.Load() }

// TestProxyCounts sees that the counting proxy counts, passes on and cuts.
func TestProxyCounts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("hello")) //nolint:errcheck // the reader sees what is missing
			c.Close()
		}
	}()
	p := newProxy(t, l.Addr().String())
	for _, limit := range []int64{-1, 2} {
		p.cutAfter(limit)
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		c.Close()
		if want := "hello"[:min(5, uint(limit))]; err != nil || string(got) != want {
			t.Errorf("limit %d: got %q, %v; want %q", limit, got, err, want)
		}
	}
	if up, down := p.counts(); up != 0 || down != 7 {
		t.Errorf("counts: got %d up, %d down; want 0 and 7", up, down)
	}
}
