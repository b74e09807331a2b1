package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"tenbit"
)

// paces bound what tenants ask, whatever that costs: requests in a span of time
// and at the same time, of this process.
type paces struct {
	mu  sync.Mutex // guards all
	all map[tenbit.TenantID]*pace
}

type pace struct {
	active int
	slot   int64 // of the tenant's span
	count  int   // in it
}

// paced runs h where the tenant's pace allows.
func (g *Gateway) paced(w http.ResponseWriter, r *http.Request, c *call, h func(http.ResponseWriter, *http.Request, *call) error) error {
	err := g.paces.enter(c.tenant, time.Now())
	g.paces.rate(w.Header(), c.tenant, time.Now())
	if err != nil {
		err.RetryAfter = max(err.wait, time.Second)
		return err.Error
	}
	c.held = append(c.held, func() { g.paces.leave(c.tenant) })
	if g.Ledger != nil && !g.LedgerNear && r.Method == http.MethodPost {
		look := lookAhead(r.Context(), g.Ledger, c.tenant)
		c.left = look.wait
		defer look.end()
	}
	return h(w, r, c)
}

// admit takes one of the places for requests that are walked.
func (g *Gateway) admit(c *call) error {
	select {
	case g.active <- struct{}{}:
		c.held = append(c.held, func() { <-g.active })
		return nil
	default:
		return overloaded()
	}
}

// tooFast is a 429 with the time after which it makes sense to try again.
type tooFast struct {
	*Error
	wait time.Duration
}

// enter counts a request. Each without an error needs a leave.
func (ps *paces) enter(t tenbit.Tenant, now time.Time) *tooFast {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all == nil {
		ps.all = map[tenbit.TenantID]*pace{}
	}
	p := ps.all[t.ID]
	if p == nil {
		p = &pace{}
		ps.all[t.ID] = p
	}
	if t.Active > 0 && p.active >= t.Active {
		return &tooFast{rateLimited("You have too many requests under way. Wait for one to end."), time.Second}
	}
	if t.Requests > 0 && t.Span > 0 {
		if slot := now.UnixNano() / int64(t.Span); slot != p.slot {
			p.slot, p.count = slot, 0
		}
		if p.count >= t.Requests {
			return &tooFast{rateLimited("You have sent too many requests. Slow down."), time.Unix(0, (p.slot+1)*int64(t.Span)).Sub(now)}
		}
		p.count++
	}
	p.active++
	return nil
}

func (ps *paces) leave(t tenbit.Tenant) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.all[t.ID].active--
}

func rateLimited(msg string) *Error {
	return &Error{Status: http.StatusTooManyRequests, Type: "requests", Code: "rate_limit_exceeded", Msg: msg}
}

// rate says what is left of a tenant's limit on requests, where it has one, in
// place of what is left of the process's.
func (ps *paces) rate(h http.Header, t tenbit.Tenant, now time.Time) {
	if t.Requests <= 0 || t.Span <= 0 {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	left, reset := t.Requests, time.Duration(0)
	if p := ps.all[t.ID]; p != nil && p.slot == now.UnixNano()/int64(t.Span) {
		left, reset = max(t.Requests-p.count, 0), time.Unix(0, (p.slot+1)*int64(t.Span)).Sub(now)
	}
	h.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(t.Requests))
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(left))
	h.Set("X-Ratelimit-Reset-Requests", reset.Round(time.Millisecond).String())
}
