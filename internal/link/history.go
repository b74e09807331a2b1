package link

import (
	"sync"

	"tenbit"
	"tenbit/codec"
)

// maxLearn is the most text of one exchange that a history learns, in bytes:
// about a fifth of a second of one core. Longer exchanges leave it as it was.
const maxLearn = 64 << 10

// Learner makes models that learn from what crosses. Its models are immutable
// and belong to one tenant each; they are told apart by their fingerprints. Both
// ends must learn the same from the same exchanges.
type Learner interface {
	// Form says what is learnt, 1 to 7: ends of different forms don't learn.
	Form() uint8
	// Fresh has learnt nothing. Its fingerprint is known to both ends.
	Fresh() codec.Model
	// After is m when it has learnt a whole reply to an ask.
	After(m codec.Model, a tenbit.Ask, r tenbit.Reply) codec.Model
	// Next is the fingerprint that After's result would have.
	Next(m codec.Model, a tenbit.Ask, r tenbit.Reply) uint64
}

// Texts learns the texts that crossed: the form 1.
type Texts struct{ fresh *codec.History }

// NewTexts makes a learner on m.
func NewTexts(m codec.Model) Texts { return Texts{codec.NewHistory(m)} }

// Form is 1.
func (Texts) Form() uint8 { return 1 }

// Fresh has learnt nothing.
func (t Texts) Fresh() codec.Model { return t.fresh }

// After learns the request, the draft and the text of a whole full reply.
func (Texts) After(m codec.Model, a tenbit.Ask, r tenbit.Reply) codec.Model {
	if texts, ok := learnt(a, r); ok {
		return m.(*codec.History).After(a.Request.Body, texts...)
	}
	return m
}

// Next is After's fingerprint.
func (Texts) Next(m codec.Model, a tenbit.Ask, r tenbit.Reply) uint64 {
	if texts, ok := learnt(a, r); ok {
		return m.(*codec.History).NextFingerprint(a.Request.Body, texts...)
	}
	return m.Fingerprint()
}

// learnt are the texts of an exchange beside the request, unless they are too long.
func learnt(a tenbit.Ask, r tenbit.Reply) (texts [][]byte, ok bool) {
	n := len(a.Request.Body)
	if a.Draft != nil {
		texts = append(texts, []byte(a.Draft.Content))
	}
	if r.Mode == tenbit.ModeFull && !r.Cut {
		texts = append(texts, []byte(r.Message.Content))
	}
	for _, t := range texts {
		n += len(t)
	}
	return texts, n <= maxLearn
}

// exchange is what both ends have when a reply is whole.
type exchange struct {
	ask   tenbit.Ask
	reply tenbit.Reply
}

// stateOf names a history in an ask: enough of its fingerprint that one taken
// for another is rare, and then the digest of the texts tells.
func stateOf(h codec.Model) uint32 { return uint32(h.Fingerprint()) }

// past is what one tenant of an edge has learnt, as the edge keeps it.
type past struct {
	tenant  tenbit.TenantID
	history codec.Model
	busy    bool // one request at a time learns
}

// pasts are the histories of a client, the least recently used first.
type pasts struct {
	learner Learner // nil: nothing is learnt
	most    int

	mu  sync.Mutex // guards all below, and busy
	all []*past
}

// take gives a tenant's history to one request. Nil: another has it, or all of
// the room is in use.
func (p *pasts) take(tenant tenbit.TenantID) *past {
	if p.learner == nil || p.most == 0 {
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
	h := &past{tenant: tenant, history: p.learner.Fresh()}
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
	history codec.Model
	next    uint32    // what the history is called when it has learnt pending
	pending *exchange // nil: nothing
}

// memories are the histories of one edge's tenants at the origin, the least
// recently used first. They are found by tenant and state: two processes that
// share a credential don't disturb each other.
type memories struct {
	learner Learner // nil: nothing is learnt
	most    int

	mu  sync.Mutex // guards all below
	all []*memory
}

// find is a tenant's history of that name. Nil: there is none, start anew.
func (m *memories) find(tenant tenbit.TenantID, state uint32) codec.Model {
	if m.learner == nil {
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
			h.history = m.learner.After(h.history, h.pending.ask, h.pending.reply)
		case stateOf(h.history) != state:
			continue
		}
		h.pending = nil
		m.all = append(append(m.all[:i:i], m.all[i+1:]...), h)
		return h.history
	}
	fresh := m.learner.Fresh()
	if state != stateOf(fresh) {
		return nil
	}
	if len(m.all) == m.most {
		m.all = m.all[1:]
	}
	m.all = append(m.all, &memory{tenant: tenant, history: fresh})
	return fresh
}

// keep notes what crossed under a history, until the edge says that it has it.
func (m *memories) keep(tenant tenbit.TenantID, h codec.Model, x exchange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		if e.tenant == tenant && e.history == h {
			e.next, e.pending = uint32(m.learner.Next(h, x.ask, x.reply)), &x
			return
		}
	}
}

// learnerOr is the learner to use: none without a model or without room.
func learnerOr(l Learner, m codec.Model, most int) Learner {
	switch {
	case m == nil || most == 0:
		return nil
	case l == nil:
		return NewTexts(m)
	}
	return l
}
