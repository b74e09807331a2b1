package link

import (
	"sync"

	"tenbit"
	"tenbit/codec"
)

// maxLearn is the most text of one exchange that a history learns, in bytes:
// about a fifth of a second of one core. Longer exchanges leave it as it was.
const maxLearn = 64 << 10

// exchange is what both ends have when a reply is whole.
type exchange struct {
	body  []byte
	texts [][]byte
}

func exchanged(a tenbit.Ask, full string) exchange {
	x := exchange{body: a.Request.Body}
	if a.Draft != nil {
		x.texts = append(x.texts, []byte(a.Draft.Content))
	}
	if full != "" {
		x.texts = append(x.texts, []byte(full))
	}
	return x
}

// after is h when it has learnt x, or h itself where x is too long.
func (x exchange) after(h *codec.History) *codec.History {
	if x.tooLong() {
		return h
	}
	return h.After(x.body, x.texts...)
}

// state is what after's result would be called.
func (x exchange) state(h *codec.History) uint32 {
	if x.tooLong() {
		return stateOf(h)
	}
	return uint32(h.NextFingerprint(x.body, x.texts...))
}

func (x exchange) tooLong() bool {
	n := len(x.body)
	for _, t := range x.texts {
		n += len(t)
	}
	return n > maxLearn
}

// stateOf names a history in an ask: enough of its fingerprint that one taken
// for another is rare, and then the digest of the texts tells.
func stateOf(h *codec.History) uint32 { return uint32(h.Fingerprint()) }

// past is what one tenant of an edge has learnt, as the edge keeps it.
type past struct {
	tenant  tenbit.TenantID
	history *codec.History
	busy    bool // one request at a time learns
}

// pasts are the histories of a client, the least recently used first.
type pasts struct {
	fresh *codec.History // nil: the model can't learn
	most  int

	mu  sync.Mutex // guards all below, and busy
	all []*past
}

// take gives a tenant's history to one request. Nil: another has it, or all of
// the room is in use.
func (p *pasts) take(tenant tenbit.TenantID) *past {
	if p.fresh == nil || p.most == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, spare := -1, -1
	for i, h := range p.all {
		if h.tenant == tenant {
			at = i
		}
		if spare < 0 && !h.busy {
			spare = i
		}
	}
	h := &past{tenant: tenant, history: p.fresh}
	switch {
	case at >= 0 && p.all[at].busy:
		return nil
	case at >= 0:
		h = p.all[at]
	case len(p.all) < p.most:
	case spare >= 0:
		at = spare
	default:
		return nil
	}
	if at >= 0 {
		p.all = append(p.all[:at], p.all[at+1:]...)
	}
	p.all = append(p.all, h)
	h.busy = true
	return h
}

func (p *pasts) give(h *past) {
	if h == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h.busy = false
}

// memory is a history as the origin keeps it. The edge's next ask tells whether
// the last exchange was whole there, too.
type memory struct {
	tenant  tenbit.TenantID
	history *codec.History
	next    uint32    // what the history is called when it has learnt pending
	pending *exchange // nil: nothing
}

// memories are the histories of one edge's tenants at the origin, the least
// recently used first. They are found by tenant and state: two processes that
// share a credential don't disturb each other.
type memories struct {
	fresh *codec.History // nil: histories are off
	most  int

	mu  sync.Mutex // guards all below
	all []*memory
}

// find is a tenant's history of that name. Nil: there is none, start anew.
func (m *memories) find(tenant tenbit.TenantID, state uint32) *codec.History {
	if m.fresh == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, h := range m.all {
		if h.tenant != tenant {
			continue
		}
		switch {
		case h.pending != nil && h.next == state:
			h.history = h.pending.after(h.history)
		case stateOf(h.history) != state:
			continue
		}
		h.pending = nil
		m.all = append(append(m.all[:i:i], m.all[i+1:]...), h)
		return h.history
	}
	if state != stateOf(m.fresh) {
		return nil
	}
	if len(m.all) == m.most {
		m.all = m.all[1:]
	}
	m.all = append(m.all, &memory{tenant: tenant, history: m.fresh})
	return m.fresh
}

// keep notes what crossed under a history, until the edge says that it has it.
func (m *memories) keep(tenant tenbit.TenantID, h *codec.History, x exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		if e.tenant == tenant && e.history == h {
			e.next, e.pending = x.state(h), &x
			return
		}
	}
}
