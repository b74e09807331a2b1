package link

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// blocked is a handler that waits for its end.
func blocked(begun chan<- string) *echo {
	return &echo{say: func(ctx context.Context, a tenbit.Ask, _ func(string) error) error {
		begun <- a.ID
		<-ctx.Done()
		return ctx.Err()
	}}
}

func wantCode(t *testing.T, what string, err error, want Code) {
	t.Helper()
	var far *RemoteError
	if !errors.As(err, &far) || far.Code != want {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestBusy(t *testing.T) {
	begun := make(chan string, 8)
	o := newOrigin(t, blocked(begun), func(s *ServerConfig) { s.MaxStreams, s.MaxConns = 2, 2 })
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	one := newClient(t, o.url, nil)
	for i := range 2 {
		wg.Go(func() { _, _ = one.Escalate(ctx, newAsk(t, testID(i), "Say it.")) })
		<-begun
	}
	// The edge's end knows the bound.
	got, err := one.Escalate(ctx, newAsk(t, testID(8), "Say it."))
	if !errors.Is(err, ErrUnavailable) || got.Cost.Bits != 0 {
		t.Errorf("the third: got %v, %v", got.Cost, err)
	}
	// It holds over the edge's connections, of which there are not many either.
	two := newClient(t, o.url, nil)
	_, err = two.Escalate(ctx, newAsk(t, testID(9), "Say it."))
	wantCode(t, "on another connection", err, CodeBusy)
	three := newClient(t, o.url, nil)
	if _, err = three.Escalate(ctx, newAsk(t, testID(10), "Say it.")); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("the third connection: got %v", err)
	}
}

func TestBytesAreBounded(t *testing.T) {
	begun := make(chan string, 8)
	o := newOrigin(t, blocked(begun), func(s *ServerConfig) { s.MaxBytes = 4096 })
	c := newClient(t, o.url, nil)
	a := newAsk(t, testID(1), "Say it.")
	a.Draft = &tenbit.Message{Content: strings.Repeat("x", 4096)}
	_, err := c.Escalate(t.Context(), a)
	wantCode(t, "a large draft", err, CodeBusy)

	o = newOrigin(t, handler(func(_ context.Context, _ tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
		return tenbit.Sent{}, send(make([]byte, 4096))
	}), func(s *ServerConfig) { s.MaxBytes = 4096 })
	c = newClient(t, o.url, nil)
	a = newAsk(t, testID(1), "Say it.")
	a.Limit = 1 << 40
	_, err = c.Escalate(t.Context(), a)
	wantCode(t, "a large reply", err, CodeBusy)
}

func TestTooLargeToSend(t *testing.T) {
	o := newOrigin(t, &echo{say: answer("yes")}, nil)
	c := newClient(t, o.url, nil)
	for name, set := range map[string]func(*tenbit.Ask){
		"text":       func(a *tenbit.Ask) { a.Draft = &tenbit.Message{Content: strings.Repeat("x", MaxTexts)} },
		"tenant":     func(a *tenbit.Ask) { a.Tenant = tenbit.TenantID(strings.Repeat("x", 65)) },
		"candidates": func(a *tenbit.Ask) { a.Candidates = make([]tenbit.Candidate, 65) },
		"votes":      func(a *tenbit.Ask) { a.Candidates = []tenbit.Candidate{{Votes: -1}} },
		"id":         func(a *tenbit.Ask) { a.ID = "x" },
		"limit":      func(a *tenbit.Ask) { a.Limit = tenbit.MaxBits + 1 },
		"no limit":   func(a *tenbit.Ask) { a.Limit = 0 },
	} {
		a := newAsk(t, testID(1), "Say it.")
		set(&a)
		if got, err := c.Escalate(t.Context(), a); err == nil || got.Cost.Bits != 0 {
			t.Errorf("%s: got %v, %v", name, got.Cost, err)
		}
	}
}

// TestRepeatedID: the same ask gets the same reply, unpaid; another is refused.
func TestRepeatedID(t *testing.T) {
	h := &echo{say: answer("yes")}
	led := &ledger{left: 1 << 40}
	o := newOrigin(t, h, func(s *ServerConfig) { s.Keep, s.Ledger = 2, led })
	c := newClient(t, o.url, nil)
	escalate := func(n int, q string) (tenbit.Reply, error) {
		return c.Escalate(t.Context(), newAsk(t, testID(n), q))
	}
	first, err := escalate(1, "Say it.")
	if err != nil {
		t.Fatal(err)
	}
	again, err := escalate(1, "Say it.")
	first.Cost, again.Cost = tenbit.Cost{}, tenbit.Cost{}
	if d := cmp.Diff(first, again); d != "" || err != nil || h.count() != 1 || len(led.settled) != 1 {
		t.Errorf("the same again: %v, %d replies made\n%s", err, h.count(), d)
	}
	_, err = escalate(1, "Say something else.")
	wantCode(t, "another question", err, CodeRepeatedID)
	for n := 2; n < 4; n++ {
		if _, err := escalate(n, "Say it."); err != nil {
			t.Fatal(err)
		}
	}
	e := o.edges[0]
	idle := func() { // the last follower may still be on its way out
		waitUntil(t, func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.users == 0
		})
	}
	idle()
	_, err = escalate(1, "Say it.")
	wantCode(t, "when the reply is gone", err, CodeRepeatedID)
	for n := 4; n < 4+2*idsPerReply; n++ {
		if _, err := escalate(n, "Say it."); err != nil {
			t.Fatal(err)
		}
	}
	idle()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bytes != 0 || e.active != 0 || e.keeping != sum(e.kept) || len(e.replies) > 2*idsPerReply {
		t.Errorf("the edge holds %d bytes, %d active, keeps %d bytes of %d replies", e.bytes, e.active, e.keeping, len(e.replies))
	}
	for _, r := range e.kept { // what isn't counted isn't held
		if d := cmp.Diff(tenbit.Reply{}, r.sent.Reply); d != "" || r.gone != (r.buf == nil) {
			t.Errorf("a reply that is kept (gone: %v) holds its text\n%s", r.gone, d)
		}
	}
}

func sum(kept []*reply) (n int64) {
	for _, r := range kept {
		if !r.gone {
			n += r.size
		}
	}
	return n
}

func TestKeptRepliesAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := ServerConfig{Keep: 10, KeepBytes: 100, KeepFor: time.Minute, MaxStreams: 10, MaxBytes: 1000}
		e := newEdge(Edge{}, &cfg)
		add := func(n byte, size int) *reply {
			e.admit(0)
			r, _ := e.enroll(t.Context(), ask{id: id{n}})
			r.begin(1<<30, 0)
			if err := r.append(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			r.freeze(tenbit.Sent{}, 0)
			r.finish()
			r.retire()
			e.leave(0)
			return r
		}
		a := add(1, 40)
		time.Sleep(time.Second) // synctest's clock
		b, c := add(2, 50), add(3, 30)
		if !a.gone || b.gone || c.gone || e.keeping != 80 {
			t.Errorf("over the bytes: gone %v %v %v, keeps %d", a.gone, b.gone, c.gone, e.keeping)
		}
		time.Sleep(time.Minute)
		if r := e.find(id{3}); r != c || !c.gone || c.buf != nil || e.keeping != 0 || e.bytes != 0 {
			t.Errorf("over the age: gone %v, keeps %d, holds %d", c.gone, e.keeping, e.bytes)
		}
	})
}

func TestShutdown(t *testing.T) {
	begun, next := make(chan string), make(chan struct{})
	h := &echo{say: func(_ context.Context, a tenbit.Ask, write func(string) error) error {
		begun <- a.ID
		<-next
		return write("late")
	}}
	o := newOrigin(t, h, nil)
	c := newClient(t, o.url, nil)
	done := make(chan error)
	go func() {
		got, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
		if err == nil && got.Message.Content != "late" {
			err = errors.New("got " + got.Message.Content)
		}
		done <- err
	}()
	<-begun
	down := make(chan error)
	go func() { down <- o.Shutdown(t.Context()) }()
	waitUntil(t, o.stopping)
	_, err := c.Escalate(t.Context(), newAsk(t, testID(2), "Say it."))
	wantCode(t, "while it stops", err, CodeUnavailable)
	close(next)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// pipes is a listener whose connections live in memory, for synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipes) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestCoalesce counts the frames of a reply that is written bit by bit: few where
// it is streamed, and the end alone where it isn't.
func TestCoalesce(t *testing.T) {
	t.Run("streamed", func(t *testing.T) { coalesced(t, shapeStream, 8, 11) })
	t.Run("in one piece", func(t *testing.T) { coalesced(t, 0, 0, 0) })
}

func coalesced(t *testing.T, how shape, least, most int) {
	synctest.Test(t, func(t *testing.T) {
		const every, n = 10 * time.Millisecond, 100
		h := handler(func(_ context.Context, _ tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
			for range n {
				if err := send([]byte{1}); err != nil {
					return tenbit.Sent{}, err
				}
				time.Sleep(every) // synctest's clock
			}
			return tenbit.Sent{}, nil
		})
		s, err := NewServer(ServerConfig{
			Edges: []Edge{{Name: "ship", Token: HashToken(testKey, testToken)}}, Key: testKey, Handler: h,
		})
		if err != nil {
			t.Fatal(err)
		}
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		web := &http.Server{Handler: s}
		go func() { _ = web.Serve(l) }()
		conn, _, err := websocket.Dial(t.Context(), "ws://origin/", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: l.dial}},
			HTTPHeader: http.Header{"Authorization": {"Bearer " + testToken}},
		})
		if err != nil {
			t.Fatal(err)
		}
		write := func(fr frame) {
			if err := conn.Write(t.Context(), websocket.MessageBinary, fr.append(nil)); err != nil {
				t.Fatal(err)
			}
		}
		write(hello{version: Version, modes: 0x1ff})
		_, p, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		greeting, _ := parseFrame(p)
		a, err := packAsk(newAsk(t, testID(1), "Say it."), kit{key: greeting.(ack).key})
		if err != nil {
			t.Fatal(err)
		}
		a.stream, a.limit, a.shape = 1, 1<<40, a.shape|how
		write(a)
		var last time.Time
		frames, ended := 0, false
		for !ended {
			_, p, err := conn.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch fr, _ := parseFrame(p); fr.(type) {
			case data:
				if gap := time.Since(last); frames > 0 && gap < 100*time.Millisecond {
					t.Errorf("frame %d comes %v after the last", frames, gap)
				}
				last = time.Now()
				frames++
			case end:
				ended = true
			}
		}
		if frames > most || frames < least {
			t.Errorf("got %d data frames, want %d to %d", frames, least, most)
		}
		_ = conn.CloseNow()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		_ = web.Close()
		_ = l.Close()
		synctest.Wait()
	})
}
