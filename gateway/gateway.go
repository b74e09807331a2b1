// Package gateway serves the OpenAI API and walks each request from the cache
// to the draft, the gate, the budget and the far side.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"tenbit"
	"tenbit/cache"
	"tenbit/policy"
)

// Ledger keeps the tenants' budgets. A budget is a hard ceiling under any
// concurrency.
type Ledger interface {
	// Reserve sets aside up to the wanted bits for request id, at least one
	// millibit, and the other units in full, or fails with
	// [tenbit.ErrOverBudget] or [tenbit.ErrLedgerDown].
	Reserve(ctx context.Context, t tenbit.Tenant, id string, want tenbit.Amount) (tenbit.Hold, error)
	// Settle turns what was spent of a hold into spending and releases the rest.
	Settle(ctx context.Context, h tenbit.Hold, spent tenbit.Amount) error
	// Left is what the tenant could still reserve and when that grows next,
	// zero time when it never does.
	Left(ctx context.Context, t tenbit.Tenant) (tenbit.Bits, time.Time, error)
}

// Metrics observes requests. Implementations must not block.
type Metrics interface {
	// Request is told once per request, when its last byte is written.
	Request(route, degraded string, status int, took time.Duration)
	// FirstToken is told when a stream's first text leaves.
	FirstToken(took time.Duration)
	// Settled is told what a tenant was charged and what crossed the wire for it.
	Settled(t tenbit.TenantID, c tenbit.Cost)
}

// LocalDown says what happens when the local model cannot answer.
type LocalDown string

// The two choices: HTTP 502, or the whole answer from the far side where the budget allows.
const (
	LocalDownReject LocalDown = "reject"
	LocalDownRemote LocalDown = "remote"
)

// Gateway answers requests. All fields are set before the first request and
// read-only afterwards.
type Gateway struct {
	Models    []string            // names under which clients may ask; the first is the default shown
	Keys      Tenants             // who may ask
	Drafter   policy.Drafter      // draws drafts and candidates from the local model
	Embed     Embedder            // nil: there are no embeddings
	Gate      policy.Gate         // when a draft is good enough, where the tenant doesn't say
	Price     policy.Price        // what bits must bring
	Remote    policy.Remote       // nil: everything is answered locally
	Ledger    Ledger              // needed where Remote is set
	Cache     *cache.Exact        // nil: nothing is kept
	Semantic  *cache.Semantic     // nil: equal meanings are not looked for
	Verdict   Verdict             // who judges what Semantic finds; empty: the far side
	Version   string              // of policy and models: answers kept under another one are not found
	Responses Shelf               // keeps responses; nil: none
	Pack      func([]byte) []byte // shrinks what is kept; nil: as it is
	Unpack    func([]byte) ([]byte, error)
	Modes     tenbit.ModeSet // what replies are accepted
	Origins   []string       // of web pages that may ask; none: no CORS
	Metrics   Metrics
	Log       *slog.Logger
	Tariff    Tariff // of the large model; zero: money is not counted

	LedgerNear bool // the ledger is in this process: nobody waits for what it says
	LocalDown  LocalDown
	Worth      *policy.Worth // which drafts of open questions go up; nil: all
	Rounds     int           // of questions about a draft, each a call of the large model; 0: one
	Foresee    bool          // questions are ready before the far side asks for them: without an origin, and with a twin
	Twin       bool          // the origin may have a twin, which writes them, too
	Expand     bool          // the local model writes out brief answers
	MaxBody    int64         // largest request body in bytes
	MaxActive  int           // requests walked at the same time; more get 503
	Patience   time.Duration // silence after which a stream is opened without text
	PingEvery  time.Duration // between pings on a silent stream
	BodyTime   time.Duration // in which a request's body must arrive
	Stall      time.Duration // that a client may take for what was written to it
	SettleTime time.Duration // most time for settlement after the client has left

	asks    askIDs
	flights flights
	paces   paces
	active  chan struct{}
	packing chan struct{} // holds one while an answer is packed
}

// New checks g and makes it ready to serve.
func New(g *Gateway) (*Gateway, error) {
	var errs []error
	if len(g.Models) == 0 {
		errs = append(errs, errors.New("gateway: no model name"))
	}
	if g.Remote != nil && g.Ledger == nil {
		errs = append(errs, errors.New("gateway: a remote needs a ledger"))
	}
	if g.MaxBody <= 0 || g.MaxActive <= 0 || g.Patience <= 0 || g.PingEvery <= 0 || g.BodyTime <= 0 || g.Stall <= 0 || g.SettleTime <= 0 {
		errs = append(errs, errors.New("gateway: a limit is not positive"))
	}
	if g.Keys == nil {
		errs = append(errs, errors.New("gateway: nobody may ask"))
	}
	if g.Metrics == nil || g.Log == nil {
		errs = append(errs, errors.New("gateway: metrics and log must be set"))
	}
	_, _ = rand.Read(g.asks.prefix[:]) // never fails
	g.packing = make(chan struct{}, 1)
	g.active = make(chan struct{}, max(g.MaxActive, 0))
	return g, errors.Join(errs...)
}
