package link

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"tenbit"
	"tenbit/codec"
)

// maxLearn is the most text of one exchange that [Texts] learns, in bytes:
// about a fifth of a second of one core. Longer exchanges leave it as it was.
const maxLearn = 64 << 10

// Learner makes models that learn from what crosses. Its models are immutable
// and belong to one tenant each. Both ends must learn the same from the same
// exchanges.
type Learner interface {
	// Form says what can be learnt, a bit each, 1 to 7. Two ends learn what both can.
	Form() uint8
	// Fresh has learnt nothing and will learn that part of Form. It is the same
	// at both ends.
	Fresh(form uint8) codec.Model
	// After is m when it has learnt a whole reply to an ask.
	After(m codec.Model, a tenbit.Ask, r tenbit.Reply) codec.Model
}

// Texts learns the texts that crossed: the form 1.
type Texts struct{ fresh *codec.History }

// NewTexts makes a learner on m.
func NewTexts(m codec.Model) Texts { return Texts{codec.NewHistory(m)} }

// Form is 1.
func (Texts) Form() uint8 { return 1 }

// Fresh has learnt nothing.
func (t Texts) Fresh(uint8) codec.Model { return t.fresh }

// After learns the request, the draft and the text of a whole full reply.
func (Texts) After(m codec.Model, a tenbit.Ask, r tenbit.Reply) codec.Model {
	var texts [][]byte
	body := learnt(a.Request)
	n := len(body)
	if a.Draft != nil {
		texts = append(texts, []byte(a.Draft.Content))
	}
	if r.Mode == tenbit.ModeFull && !r.Cut {
		texts = append(texts, []byte(r.Message.Content))
	}
	for _, t := range texts {
		n += len(t)
	}
	if n > maxLearn {
		return m
	}
	return m.(*codec.History).After(body, texts...)
}

// history is what both ends hold of a tenant's exchanges. It is immutable.
type history struct {
	form  uint8       // what it learns; 0: nothing was agreed on yet
	model codec.Model // nil where form is 0
	refs  []ref
	chain uint64 // says what was exchanged, in its order; 0: nothing yet
}

// newHistory has learnt nothing.
func newHistory(l Learner, form uint8) *history {
	return &history{form: form, model: l.Fresh(form)}
}

// name tells a history from those before and after it. 0 is a fresh one.
func (h *history) name() uint8 {
	if h.chain == 0 {
		return 0
	}
	return uint8(h.chain%255) + 1
}

// size is about how many bytes the texts in it take.
func (h *history) size() (n int) {
	for _, r := range h.refs {
		n += len(r)
	}
	return n
}

// exchange is what both ends have when a reply is whole: the ask as it was
// sent, the reply, and the digests of both.
type exchange struct {
	ask     tenbit.Ask
	reply   tenbit.Reply
	digests [2]uint32
}

// link is the chain of the history when it has learnt x.
func (h *history) link(x exchange) uint64 {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], h.chain)
	binary.BigEndian.PutUint32(b[8:], x.digests[0])
	binary.BigEndian.PutUint32(b[12:], x.digests[1])
	sum := sha256.Sum256(b[:])
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// after is the history when it has learnt x.
func (h *history) after(l Learner, x exchange) *history {
	return &history{h.form, l.After(h.model, x.ask, x.reply), with(h.refs, newRef(x.ask, x.reply)), h.link(x)}
}

// maxHistory bounds the texts in all histories of one edge, in bytes, at each end.
const maxHistory = 64 << 20

// past is what one tenant of an edge has learnt, as the edge keeps it.
type past struct {
	tenant  tenbit.TenantID
	history *history
	learns  bool // a request that will change it is under way
}

// pasts are the histories of a client, the least recently used first.
type pasts struct {
	learner Learner // nil: nothing is learnt
	most    int

	mu  sync.Mutex // guards all below, and the pasts
	all []*past
}

// take gives a tenant's history to a request. One at a time changes it: p is
// nil for the others. h is nil where nothing is learnt.
func (ps *pasts) take(tenant tenbit.TenantID) (p *past, h *history) {
	if ps.learner == nil || ps.most == 0 {
		return nil, nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for i, p := range ps.all {
		if p.tenant != tenant {
			continue
		}
		ps.all = append(append(ps.all[:i:i], ps.all[i+1:]...), p)
		if p.learns {
			return nil, p.history
		}
		p.learns = true
		return p, p.history
	}
	p = &past{tenant: tenant, history: new(history), learns: true}
	ps.all = append(ps.all, p)
	ps.evict()
	return p, p.history
}

// give ends what take began, with what the history has become.
func (ps *pasts) give(p *past, h *history) {
	if p == nil {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.learns, p.history = false, h
	ps.evict()
}

// evict drops the histories that were not used for longest. A request that holds
// one goes on with it, for nothing.
func (ps *pasts) evict() {
	size := 0
	for _, p := range ps.all {
		size += p.history.size()
	}
	for len(ps.all) > ps.most || size > maxHistory && len(ps.all) > 1 {
		size -= ps.all[0].history.size()
		ps.all = ps.all[1:]
	}
}

// memory is a history as the origin keeps it. The edge's next ask tells whether
// the last exchange was whole there, too.
type memory struct {
	owner  owner
	before *history // what now was made of, for asks on their way
	now    *history
	next   func() *history // now with the last exchange, nil: none
	chain  uint64          // of next
}

// owner tells histories apart: processes that share a credential have their
// own, since their ids begin differently.
type owner struct {
	tenant tenbit.TenantID
	prefix [8]byte
}

// memories are the histories of one edge's tenants at the origin, the least
// recently used first.
type memories struct {
	learner Learner // nil: nothing is learnt
	most    int

	mu  sync.Mutex // guards all below, and the memories
	all []*memory
}

// find is the history of that form and name. learns says that the ask will change it: so
// the edge has no reply that would have. Nil: the edge must begin anew.
func (m *memories) find(o owner, form, name uint8, learns bool) *history {
	if m.learner == nil || form == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range m.all {
		if e.owner != o || e.now.form != form {
			continue
		}
		m.all = append(append(m.all[:i:i], m.all[i+1:]...), e)
		switch {
		case e.next != nil && (&history{chain: e.chain}).name() == name:
			e.before, e.now, e.next = e.now, e.next(), nil
			m.evict()
		case e.now.name() == name:
			if learns {
				e.next = nil
			}
		case !learns && e.before != nil && e.before.name() == name:
			return e.before
		case name == 0:
			e.before, e.now, e.next = nil, newHistory(m.learner, form), nil
		default:
			return nil
		}
		return e.now
	}
	if name != 0 {
		return nil
	}
	e := &memory{owner: o, now: newHistory(m.learner, form)}
	m.all = append(m.all, e)
	m.evict()
	return e.now
}

// keep notes what crossed under a history, until the edge says that it has it.
// The result learns it ahead of time, and from then on only what was learnt is kept.
func (m *memories) keep(o owner, h *history, x exchange) (learn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		if e.owner == o && e.now == h {
			next := sync.OnceValue(func() *history { return h.after(m.learner, x) })
			e.next, e.chain = next, h.link(x)
			return func() { next() }
		}
	}
	return func() {}
}

// evict drops the histories that were not used for longest.
func (m *memories) evict() {
	size := 0
	for _, e := range m.all {
		size += e.now.size()
	}
	for len(m.all) > m.most || size > maxHistory && len(m.all) > 1 {
		size -= m.all[0].now.size()
		m.all = m.all[1:]
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
