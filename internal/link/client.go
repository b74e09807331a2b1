package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"tenbit"
	"tenbit/codec"
)

// Decoder turns the codeword of one reply into the reply. It belongs to one
// goroutine.
type Decoder interface {
	// Feed takes more codeword bytes and decodes as far as they reach.
	Feed(p []byte) error
	// Finish says that all bytes are there. It checks the codeword's canonical
	// form and the digest.
	Finish(digest uint32) (tenbit.Reply, error)
	// Bits is the information decoded so far.
	Bits() tenbit.Bits
}

// ClientConfig says how the edge reaches its origin.
type ClientConfig struct {
	URL   string      // ws://host:port/v1/link, or wss://
	Token string      // the edge's bearer token; "" with a client certificate
	TLS   *tls.Config // for wss, nil for the defaults; certificates for mTLS go here

	// Model codes the texts that go up, and NewDecoder reads what comes down.
	// Nil: asks travel through zstd and replies come without a model.
	Model codec.Model
	// NewDecoder makes the decoder of a reply from the model that both ends code
	// this exchange with, nil: none, and the ask as it was sent: with the granted
	// limit and the modes that both ends know.
	NewDecoder func(codec.Model, tenbit.Ask) Decoder
	// Histories is for how many tenants the model goes on learning from what
	// crosses, where the origin does so, too. 0: for none. Each takes up to 6 MiB.
	Histories int
	// Learner makes what is learnt, nil: [Texts] of Model.
	Learner Learner
	// Candidates codes final answers, nil: asks that have some go through zstd.
	Candidates Candidates
	// Twin is the fingerprint of the small model with its options and seeds, 0:
	// drafts travel. See the origin's [Twin].
	Twin uint64
	// Twinned is told of each ask that went without its draft whether the
	// origin's twin had it, and false of each connection whose origin runs
	// another small model; nil: nobody is.
	Twinned func(same bool)

	// DialTimeout bounds a connection attempt with hello, 0: 2 s.
	DialTimeout time.Duration
	// ResumeTimeout bounds the wait for a new connection after a cut, 0: 5 s.
	ResumeTimeout time.Duration
	// Silence is the longest wait for a request's next frame, 0: 5 min.
	Silence time.Duration
	// PingEvery is the pause after which a quiet connection is probed, 0: 30 s,
	// below 0: never.
	PingEvery time.Duration

	Log *slog.Logger // nil: none
	// Dial opens connections, nil: [net.Dialer].
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client is the edge's end of the link. It connects when first asked, and again
// after a cut. Use [NewClient]; all methods may be called concurrently.
type Client struct {
	cfg   ClientConfig
	meter meter
	pasts pasts
	ctx   context.Context // of the goroutines, ended by Close
	stop  context.CancelFunc
	wg    sync.WaitGroup // goroutines and requests

	mu      sync.Mutex // guards all below
	closed  bool
	now     *session // nil or ended: none
	dialing *attempt // nil: none under way
	fails   int      // attempts that failed in a row
	wait    time.Time
	reason  error // of the last failure
}

// NewClient checks the configuration. It doesn't connect.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	var errs []error
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		errs = append(errs, errors.New("url: want ws://host/path or wss://host/path"))
	}
	if cfg.NewDecoder == nil {
		errs = append(errs, errors.New("no decoder"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("link client: %w", err)
	}
	setDefault(&cfg.DialTimeout, 2*time.Second)
	setDefault(&cfg.ResumeTimeout, 5*time.Second)
	setDefault(&cfg.Silence, 5*time.Minute)
	setDefault(&cfg.PingEvery, 30*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	c := &Client{cfg: cfg, pasts: pasts{learner: learnerOr(cfg.Learner, cfg.Model, cfg.Histories), most: cfg.Histories}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c, nil
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Escalate sends what the edge knows and returns what the far side added. The
// reply's Cost is right on errors too: the bits are those that were decoded or,
// where that is more, those that the received bytes can carry.
//
// Errors: [ErrUnavailable] and what wraps it, [ErrProtocol] and what wraps it,
// [*RemoteError], the context's, and those of the decoder.
func (c *Client) Escalate(ctx context.Context, a tenbit.Ask) (tenbit.Reply, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return tenbit.Reply{}, ErrClosed
	}
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()

	r := &request{c: c, ask: a, limit: a.Limit}
	r.past, r.history = c.pasts.take(a.Tenant)
	reply, err := r.run(ctx)
	r.learn(reply, err)
	c.pasts.give(r.past, r.history)
	wires := c.meter.finish(&r.wire)
	reply.Cost = tenbit.Cost{Bits: r.bits(), WireUp: wires.WireUp, WireDown: wires.WireDown}
	if err != nil {
		return tenbit.Reply{Cost: reply.Cost}, fmt.Errorf("escalate: %w", err)
	}
	return reply, nil
}

// Wire is the number of bytes that all connections carried so far, both ways,
// handshakes and framing included.
func (c *Client) Wire() (up, down int64) { return c.meter.totals() }

// Close ends the connection and waits for every goroutine and request. Requests
// under way fail with [ErrClosed].
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	s := c.now
	c.mu.Unlock()
	if s != nil {
		s.leave()
	}
	c.stop()
	c.wg.Wait()
	return nil
}
