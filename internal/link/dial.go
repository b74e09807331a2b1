package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"tenbit"

	"github.com/coder/websocket"
)

// Back-off after failed attempts: the first pause, doubled up to the last, each
// times a random factor from 0.5 to 1.5.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// attempt is one connection attempt, shared by all who wait for it.
type attempt struct {
	done chan struct{}
	s    *session
	err  error
}

// session is the connection, made if there is none. While the origin is down
// it fails at once; a patient caller waits for the next attempts instead.
func (c *Client) session(ctx context.Context, patient bool) (*session, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		if s := c.now; s != nil && s.alive() {
			c.mu.Unlock()
			return s, nil
		}
		pause, reason := time.Until(c.wait), c.reason
		if c.dialing == nil && pause <= 0 {
			c.dialing = &attempt{done: make(chan struct{})}
			c.wg.Go(func() { c.connect(c.ctx) })
		}
		a := c.dialing
		c.mu.Unlock()

		if a == nil && !patient {
			return nil, reason
		}
		if err := waitFor(ctx, a, pause); err != nil {
			return nil, err
		}
		if a != nil && (a.err == nil || !patient) {
			return a.s, a.err
		}
	}
}

// waitFor waits for the attempt, or without one for the pause.
func waitFor(ctx context.Context, a *attempt, pause time.Duration) error {
	if a != nil {
		select {
		case <-a.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// connect makes one attempt and tells its outcome. It ends within DialTimeout.
func (c *Client) connect(ctx context.Context) {
	dialCtx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	s, err := c.dial(dialCtx)

	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.dialing
	c.dialing = nil
	if err == nil && c.closed {
		err = ErrClosed
		_ = s.conn.CloseNow()
	}
	if err == nil {
		c.fails, c.now, a.s = 0, s, s
		c.cfg.Log.Info("link is up", "model", s.model != nil)
		s.start()
	} else {
		pause := min(firstPause<<min(c.fails, 16), lastPause)
		pause = time.Duration(float64(pause) * (0.5 + rand.Float64()))
		c.fails++
		c.wait, c.reason, a.err = time.Now().Add(pause), err, err
		if !c.closed {
			c.cfg.Log.Warn("link is down", "err", err, "retry_in", pause.Round(time.Millisecond))
		}
	}
	close(a.done)
}

// dial connects, upgrades and says hello.
func (c *Client) dial(ctx context.Context) (*session, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := c.cfg.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &counted{conn, &c.meter}, nil
		},
		TLSClientConfig:        c.cfg.TLS,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	defer transport.CloseIdleConnections()
	header := http.Header{"User-Agent": {""}} // saves its bytes
	if c.cfg.Token != "" {
		header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	conn, resp, err := websocket.Dial(ctx, c.cfg.URL, &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport: transport,
			// A redirect would carry the token to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: header,
	})
	switch {
	case err != nil && resp != nil && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden):
		return nil, fmt.Errorf("upgrade: %w", ErrUnauthorized)
	case err != nil && resp != nil:
		return nil, fmt.Errorf("%w: upgrade: HTTP status %d", ErrUnavailable, resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("%w: connect: %w", ErrUnavailable, err)
	}
	conn.SetReadLimit(maxDown)
	s, err := c.hello(ctx, conn)
	if err != nil {
		_ = conn.CloseNow()
		return nil, fmt.Errorf("hello: %w", err)
	}
	return s, nil
}

// noModel are the modes that need no model to decode.
var noModel = tenbit.Modes(tenbit.ModeNone, tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModePlain)

func (c *Client) hello(ctx context.Context, conn *websocket.Conn) (*session, error) {
	h := hello{version: Version, modes: 1<<(tenbit.ModePlain+1) - 1, twin: c.cfg.Twin}
	if c.cfg.Model != nil {
		h.models = []uint64{c.cfg.Model.Fingerprint()}
	}
	if l := c.pasts.learner; l != nil {
		h.learns = l.Form()
	}
	if err := conn.Write(ctx, websocket.MessageBinary, h.append(nil)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	typ, p, err := conn.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if typ != websocket.MessageBinary {
		return nil, fmt.Errorf("%w: text message", errors.Join(ErrUnavailable, ErrProtocol))
	}
	fr, err := parseFrame(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errors.Join(ErrUnavailable, ErrProtocol), err)
	}
	switch fr := fr.(type) {
	case ack:
		fr.learns &= h.learns
		if int(fr.model) > len(h.models) {
			break
		}
		s := newSession(c, conn, fr)
		if fr.model == 0 {
			s.model = nil
		}
		if fr.twin == twinOther {
			c.cfg.Log.Warn("the origin's twin is another model: drafts travel")
			s.twinned(false)
		}
		return s, nil
	case failure:
		if fr.code == CodeVersion {
			return nil, fmt.Errorf("%w: here %d, there %d", ErrVersion, Version, int64(fr.spent))
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, &RemoteError{fr.code})
	}
	return nil, fmt.Errorf("%w: unexpected answer", errors.Join(ErrUnavailable, ErrProtocol))
}
