package tenbit

import (
	"errors"
	"time"
)

// TenantID names a tenant. It is never shown to other tenants and is a hard
// part of every key that is kept for one.
type TenantID string

// Tenant is who asks and who pays.
type Tenant struct {
	ID         TenantID
	Windows    []Window // all must allow a reservation; none means nothing may be bought
	MaxRequest Bits     // most bits for one request
	OnEmpty    OnEmpty  // what happens when nothing is left
	Lossy      bool     // the shortest answer may stand for the whole one: [ModeBrief]
	Confidence *float64 // from which a draft is answered as it is; nil: the gateway's
}

// Window is a hard ceiling: at most Limit bits are spent or held in any span of
// length Per, counted in fixed slots by the ledger's clock.
type Window struct {
	Limit Bits
	Per   time.Duration
}

// OnEmpty says what a tenant gets when its budget is spent.
type OnEmpty string

// The two choices: the local draft, marked as degraded, or HTTP 429.
const (
	EmptyLocal  OnEmpty = "local"
	EmptyReject OnEmpty = "reject"
)

// Hold is a reservation: Granted bits set aside for request ID until Expires.
// An unsettled hold counts as spent when it expires, since the reply may have
// crossed.
type Hold struct {
	ID      string
	Tenant  TenantID
	Granted Bits
	Expires time.Time
}

// Errors of the ledger.
var (
	// ErrOverBudget says that a window has nothing left.
	ErrOverBudget = errors.New("over budget")
	// ErrLedgerDown says that the ledger cannot be reached: the remote side is closed.
	ErrLedgerDown = errors.New("ledger unavailable")
)
