package policy

import (
	"sync"

	"tenbit"
)

// Worth decides whether the draft of an open question is worth its way up. Its
// text takes about as many bytes up as it can save down, so it pays where drafts
// are often right, or short beside the answers. Only the edge needs to know. The
// zero value is ready and may be used concurrently.
type Worth struct {
	// Never keeps every draft at home that a reply can do without.
	Never bool

	mu      sync.Mutex // guards tenants
	tenants map[tenbit.TenantID]*worth
}

// worth is what a tenant's open questions were like, the recent ones most.
type worth struct {
	open         int // questions so far
	shown, right float64
	said, bytes  float64 // whole answers, and their text
}

const (
	// What a tenant begins with: a quarter of the drafts shown was right, as the
	// odds of accept say.
	shownBefore, rightBefore = 4, 1
	// explore shows every so manyth draft whatever it costs, to learn.
	explore = 16
	// forget halves what was seen once that many drafts or answers were.
	forgetAt = 64
	// maxWorth bounds the tenants; beyond it all begin anew.
	maxWorth = 1000
)

// Stays reports whether the draft of ask, which has all but that decided, had
// better stay at home: what a reply says without it costs less.
func (w *Worth) Stays(ask tenbit.Ask) bool {
	if ask.Draft == nil || len(ask.Candidates) > 0 || !wholeFits(ask) { // then the draft is what the reply is about
		return false
	}
	if w.Never {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.of(ask.Tenant)
	if t.open++; t.open%explore == 0 {
		return false
	}
	share := (t.right + rightBefore) / (t.shown + shownBefore)
	usual := (t.bytes + usualAnswer) / (t.said + 1)
	return share*usual < float64(len(ask.Draft.Content))
}

// Learn notes what came of an open question: whether its draft was shown, and the reply.
func (w *Worth) Learn(ask tenbit.Ask, r tenbit.Reply) {
	if len(ask.Candidates) > 0 || r.NeedsQuestions() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.of(ask.Tenant)
	if ask.Draft != nil && !ask.Stays {
		if t.shown++; r.Mode == tenbit.ModeAccept {
			t.right++
		}
		if t.shown >= forgetAt {
			t.shown, t.right = t.shown/2, t.right/2
		}
	}
	if r.Mode == tenbit.ModeFull || r.Mode == tenbit.ModePlain {
		t.said, t.bytes = t.said+1, t.bytes+float64(len(r.Message.Content))
		if t.said >= forgetAt {
			t.said, t.bytes = t.said/2, t.bytes/2
		}
	}
}

func (w *Worth) of(id tenbit.TenantID) *worth {
	if t := w.tenants[id]; t != nil {
		return t
	}
	if w.tenants == nil || len(w.tenants) >= maxWorth {
		w.tenants = map[tenbit.TenantID]*worth{}
	}
	t := &worth{}
	w.tenants[id] = t
	return t
}
