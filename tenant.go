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
	Windows    []Window // all must allow a reservation; none on bits means nothing may be bought
	MaxRequest Bits     // most bits for one request
	OnEmpty    OnEmpty  // what happens when nothing is left
	Semantic   bool     // stored answers to questions that say the same may be given
	Lossy      bool     // the shortest answer may stand for the whole one: [ModeBrief]
	Confidence *float64 // from which a draft is answered as it is; nil: the gateway's
	// Above are the budgets that the tenant shares with others: its group's,
	// everybody's. A reservation is made in all of them or in none.
	Above []Pool

	Requests int           // most requests per Span, 0: no limit
	Span     time.Duration // 0 where Requests is
	Active   int           // most requests at the same time, 0: no limit
}

// Pool is a budget that several tenants draw on. One without windows has no limit.
type Pool struct {
	ID      string // "g:" and a group's name, "all", or "s:" and a share's
	Windows []Window
}

// Window is a hard ceiling: at most Limit is spent or held in any span of
// length Per, counted in fixed slots by the ledger's clock. A reservation
// counts in the slot in which it was made.
type Window struct {
	Unit  Unit
	Limit int64 // millibits, asks, bytes or millionths of the currency, as Unit says
	Per   time.Duration
}

// Unit is something that budgets count.
type Unit int

// The units. The zero value is bits.
const (
	UnitBits        Unit = iota // information down, in millibits
	UnitEscalations             // asks of the far side
	UnitUp                      // bytes up
	UnitMoney                   // millionths of the currency in which prices are given
	Units                       // how many there are
)

// String names a unit as configurations and reports do.
func (u Unit) String() string {
	if u < 0 || u >= Units {
		return "unknown"
	}
	return [Units]string{"bits", "escalations", "up_bytes", "money"}[u]
}

// Amount is what a request may take, or took, by [Unit].
type Amount [Units]int64

// Bits is the information in an amount.
func (a Amount) Bits() Bits { return Bits(a[UnitBits]) }

// Add sums amounts.
func (a Amount) Add(b Amount) Amount {
	for u := range a {
		a[u] += b[u]
	}
	return a
}

// Sub is what remains of a.
func (a Amount) Sub(b Amount) Amount {
	for u := range a {
		a[u] -= b[u]
	}
	return a
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
	// ErrLedgerDown says that the ledger cannot be reached, or may have lost what
	// it acknowledged: the remote side is closed.
	ErrLedgerDown = errors.New("ledger unavailable")
	// ErrSettled says that a reservation's id was used before: what it granted is
	// spent or given back.
	ErrSettled = errors.New("already settled")
)
