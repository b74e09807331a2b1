package link

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tenbit"
	"tenbit/codec"

	"github.com/coder/websocket"
)

// Handler gives meaning to an ask.
type Handler interface {
	// Serve answers ask. It sends codeword bytes through send as they become
	// final; send never blocks, and fails when the reply leaves its limit or
	// nobody waits for it. A cancelled ctx stops the large model within
	// milliseconds. ask.Tenant is "edge/tenant"; model is what both ends code this
	// exchange with, nil: none.
	Serve(ctx context.Context, model codec.Model, ask tenbit.Ask, send func(p []byte) error) (tenbit.Sent, error)
}

// Ledger charges the edges. It is the origin's own, whatever the edges' say.
type Ledger interface {
	// Reserve sets aside up to want for the request id, all-or-nothing over the
	// tenant's windows, and grants what is left where that is less. Errors wrap
	// [tenbit.ErrOverBudget] or [tenbit.ErrLedgerDown].
	Reserve(ctx context.Context, tenant tenbit.Tenant, id string, want tenbit.Bits) (tenbit.Hold, error)
	// Settle books what was spent and frees the rest.
	Settle(ctx context.Context, hold tenbit.Hold, spent tenbit.Bits) error
}

// Edge is one that may connect.
type Edge struct {
	Name string
	// Token is [HashToken] of the edge's bearer token; zero: none is accepted.
	Token [sha256.Size]byte
	// Certificate is the DNS name in the verified client certificate of an
	// edge that needs one. With a Token both are needed.
	Certificate string
	// Tenant pays at the origin: the edge credential owns the egress cap.
	Tenant tenbit.Tenant
}

// HashToken is what a server stores of a token: HMAC-SHA-256 under its own key.
func HashToken(key []byte, token string) [sha256.Size]byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(token))
	return [sha256.Size]byte(m.Sum(nil))
}

// ServerConfig says how an origin serves its edges. Limits are per edge, over
// all of its connections.
type ServerConfig struct {
	Edges   []Edge
	Key     []byte  // of HashToken
	Handler Handler //
	Ledger  Ledger  // nil: no cap of the origin's own
	// Account says who pays for an ask of an edge's tenant, asked for each; nil:
	// the edge's Tenant. The tenant is what the edge says it is.
	Account func(edge string, tenant tenbit.TenantID) tenbit.Tenant
	Model   codec.Model    // nil: none
	Modes   tenbit.ModeSet // 0: all
	// Histories is for how many tenants of an edge the model goes on learning
	// from what crosses. 0: for none. Each takes up to 6 MiB.
	Histories int
	// Learner makes what is learnt, nil: [Texts] of Model.
	Learner Learner
	// Candidates codes final answers, nil: asks that have some go through zstd.
	Candidates Candidates
	// Twin makes the edge's drafts, nil: drafts travel.
	Twin Twin

	MaxStreams int           // requests at a time, 0: 64
	MaxConns   int           // connections, 0: 8
	MaxBytes   int64         // texts and replies in memory, without the model's states (docs/link.md), 0: 64 MiB
	Keep       int           // finished replies kept for a resume, 0: 256
	KeepBytes  int64         // their bytes, 0: 16 MiB
	KeepFor    time.Duration // their age, 0: 2 min
	Grace      time.Duration // how long a reply is made for a cut connection, 0: 15 s
	Idle       time.Duration // a connection without message or ping is closed, 0: 5 min

	// Coalesce is how long codeword bytes are gathered before they leave, 0:
	// 100 ms; CoalesceBytes leave at once, 0: 8 KiB. So does the end.
	Coalesce      time.Duration
	CoalesceBytes int

	Log *slog.Logger // nil: none
}

// Server is the origin's end of the link, an [http.Handler]. Use [NewServer].
type Server struct {
	cfg   ServerConfig
	edges []*edge
	ctx   context.Context // of the replies and connections
	stop  context.CancelCauseFunc
	wg    sync.WaitGroup // replies and connections

	mu       sync.Mutex // guards draining, and wg against Add after Wait
	draining bool
}

// NewServer checks the configuration.
func NewServer(cfg ServerConfig) (*Server, error) {
	var errs []error
	if cfg.Handler == nil {
		errs = append(errs, errors.New("no handler"))
	}
	names := map[string]bool{}
	for i, e := range cfg.Edges {
		if e.Name == "" || names[e.Name] || strings.ContainsRune(e.Name, '/') {
			errs = append(errs, fmt.Errorf("edges[%d].name: want a name of its own, without a slash", i))
		}
		names[e.Name] = true
		if e.Token == [sha256.Size]byte{} && e.Certificate == "" {
			errs = append(errs, fmt.Errorf("edges[%d]: neither token nor certificate", i))
		}
	}
	setDefault(&cfg.MaxStreams, 64)
	if cfg.MaxStreams < 1 || cfg.MaxStreams > maxStream {
		errs = append(errs, fmt.Errorf("max_streams: %d is not between 1 and %d", cfg.MaxStreams, maxStream))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("link server: %w", err)
	}
	setDefault(&cfg.MaxConns, 8)
	setDefault(&cfg.MaxBytes, 64<<20)
	setDefault(&cfg.Keep, 256)
	setDefault(&cfg.KeepBytes, 16<<20)
	setDefault(&cfg.KeepFor, 2*time.Minute)
	setDefault(&cfg.Grace, 15*time.Second)
	setDefault(&cfg.Idle, 5*time.Minute)
	setDefault(&cfg.Coalesce, 100*time.Millisecond)
	setDefault(&cfg.CoalesceBytes, 8<<10)
	if cfg.Modes == 0 {
		cfg.Modes = 1<<(tenbit.ModePlain+1) - 1
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	for _, e := range cfg.Edges {
		s.edges = append(s.edges, newEdge(e, &s.cfg))
	}
	return s, nil
}

// ServeHTTP upgrades the connection of an edge and serves it to its end, which
// is logged here.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := s.authenticate(r)
	if e == nil {
		s.cfg.Log.Warn("edge refused", "remote", r.RemoteAddr, "err", "unknown credential")
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "unknown credential", http.StatusUnauthorized)
		return
	}
	if !s.enter() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	defer s.wg.Done()
	if !e.connect() {
		s.cfg.Log.Warn("edge refused", "edge", e.Name, "err", "too many connections")
		http.Error(w, "too many connections", http.StatusTooManyRequests)
		return
	}
	defer e.disconnect()
	c := &conn{srv: s, edge: e, streams: map[uint16]*follower{}}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{OnPingReceived: c.pinged})
	if err != nil {
		s.cfg.Log.Warn("edge refused", "edge", e.Name, "err", err)
		return
	}
	c.ws = ws
	if err := c.serve(s.ctx); err != nil {
		s.cfg.Log.Warn("edge's connection ended", "edge", e.Name, "err", err)
		return
	}
	s.cfg.Log.Info("edge left", "edge", e.Name)
}

// enter counts a goroutine, unless the server stops.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.wg.Add(1)
	return true
}

// run is enter, and f in a goroutine.
func (s *Server) run(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.wg.Go(f)
	return true
}

// authenticate finds the edge of a request. Every edge is compared, each in
// constant time, so that the time says nothing about the tokens.
func (s *Server) authenticate(r *http.Request) *edge {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := [sha256.Size]byte{}
	if strings.EqualFold(scheme, "Bearer") {
		given = HashToken(s.cfg.Key, token)
	}
	var found *edge
	for _, e := range s.edges {
		ok := subtle.ConstantTimeCompare(given[:], e.Token[:]) == 1 || e.Token == [sha256.Size]byte{}
		if ok && (e.Certificate == "" || verified(r, e.Certificate)) {
			found = e
		}
	}
	return found
}

// verified reports whether TLS verified a client certificate of that name.
func verified(r *http.Request, name string) bool {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return false
	}
	for _, n := range r.TLS.PeerCertificates[0].DNSNames {
		if n == name {
			return true
		}
	}
	return false
}

// Shutdown refuses new requests, waits for those under way until ctx ends,
// cancels the rest and closes every connection.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	var err error
	for _, e := range s.edges {
		if err = e.drain(ctx); err != nil {
			err = fmt.Errorf("link server: stop with requests under way: %w", err)
			break
		}
	}
	s.stop(errStopping)
	s.wg.Wait()
	return err
}

var errStopping = errors.New("origin stops")

func (s *Server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}
