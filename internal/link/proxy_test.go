package link

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy is a TCP proxy that counts, and cuts connections after a number of bytes.
type proxy struct {
	url    string
	target string
	ln     net.Listener
	wg     sync.WaitGroup

	up, down atomic.Int64
	dials    atomic.Int64
	cutUp    atomic.Int64 // cut the next connection after so many bytes up, below 0: never
	cutDown  atomic.Int64

	mu     sync.Mutex // guards conns
	conns  map[net.Conn]bool
	refuse bool
}

func newProxy(t testing.TB, url string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme, target, _ := strings.Cut(url, "://")
	p := &proxy{url: scheme + "://" + ln.Addr().String(), target: target, ln: ln, conns: map[net.Conn]bool{}}
	p.cutUp.Store(-1)
	p.cutDown.Store(-1)
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.dials.Add(1)
		p.mu.Lock()
		refuse := p.refuse
		p.mu.Unlock()
		out, err := net.Dial("tcp", p.target)
		if err != nil || refuse {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		up, down := p.cutUp.Swap(-1), p.cutDown.Swap(-1)
		p.wg.Go(func() { p.copy(out, in, &p.up, up) })
		p.wg.Go(func() { p.copy(in, out, &p.down, down) })
	}
}

// copy forwards and counts, and cuts both ways when one ends or at the limit.
func (p *proxy) copy(dst, src net.Conn, n *atomic.Int64, limit int64) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 32<<10)
	for limit != 0 {
		m, err := src.Read(buf)
		if limit > 0 {
			m = int(min(int64(m), limit))
			limit -= int64(m)
		}
		n.Add(int64(m))
		if _, werr := dst.Write(buf[:m]); werr != nil || err != nil {
			return
		}
	}
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *proxy) setRefuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}
