package cache

import (
	"cmp"
	"container/list"
	"math"
	"slices"
	"sync"
	"time"

	"tenbit"
)

// index finds near vectors in memory, place by place, under a ceiling in bytes.
// What is full takes from the tenant that holds the most, its oldest first.
type index struct {
	max int64
	ttl time.Duration

	mu      sync.Mutex // guards what follows, and the points' verdicts
	used    int64      // never over max
	tenants map[tenbit.TenantID]*holding
	places  map[Key][]*point // oldest first
	points  map[Key]*point
}

// holding is what one tenant keeps.
type holding struct {
	used  int64
	order *list.List // of *point, least used first
}

// point is an entry's vector, with what verdicts said of its answer.
type point struct {
	id, place Key
	tenant    tenbit.TenantID
	vector    []float32 // of length one; never changed
	expires   time.Time
	answer    Key // that verdicts are on; zero: nobody asked for them yet
	verdicts  evidence
	at        *list.Element
}

// neighbour is an entry and how similar its question is: the cosine, at most 1.
type neighbour struct {
	id         Key
	similarity float32
	element    string // its name in a vector set; empty in memory
}

const (
	pointOverhead = 512  // bytes: keys, list element, map slots
	verdictBytes  = 16   // with the slice's slack
	maxPlace      = 4096 // points of one place: what one look-up reads
)

func newIndex(bytes int64, ttl time.Duration) *index {
	return &index{max: bytes, ttl: ttl, tenants: map[tenbit.TenantID]*holding{}, places: map[Key][]*point{}, points: map[Key]*point{}}
}

func (p *point) size() int64 {
	return int64(4*len(p.vector)+verdictBytes*len(p.verdicts)) + pointOverhead
}

// add keeps a vector; one with the same id gives way to it.
func (x *index) add(t tenbit.TenantID, place, id Key, vector []float32) {
	p := &point{id: id, place: place, tenant: t, vector: vector, expires: time.Now().Add(x.ttl)}
	x.mu.Lock()
	defer x.mu.Unlock()
	if old := x.points[id]; old != nil {
		x.drop(old)
	}
	if p.size() > x.max/8 {
		return
	}
	if all := x.places[place]; len(all) >= maxPlace {
		x.drop(all[0])
	}
	x.makeRoom(p.size())
	h := x.tenants[t]
	if h == nil {
		h = &holding{order: list.New()}
		x.tenants[t] = h
	}
	p.at = h.order.PushBack(p)
	h.used += p.size()
	x.used += p.size()
	x.places[place] = append(x.places[place], p)
	x.points[id] = p
}

// makeRoom drops points until so many bytes fit.
func (x *index) makeRoom(size int64) {
	for x.used+size > x.max {
		var most *holding
		for _, h := range x.tenants {
			if most == nil || h.used > most.used {
				most = h
			}
		}
		if most == nil {
			return
		}
		x.drop(most.order.Front().Value.(*point))
	}
}

// drop forgets a point that is kept.
func (x *index) drop(p *point) {
	h := x.tenants[p.tenant]
	h.order.Remove(p.at)
	h.used -= p.size()
	x.used -= p.size()
	if h.order.Len() == 0 {
		delete(x.tenants, p.tenant)
	}
	delete(x.points, p.id)
	all := x.places[p.place]
	if all = slices.DeleteFunc(all, func(q *point) bool { return q == p }); len(all) == 0 {
		delete(x.places, p.place)
	} else {
		x.places[p.place] = all
	}
}

// remove forgets an entry, if it is kept.
func (x *index) remove(id Key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.points[id]; p != nil {
		x.drop(p)
	}
}

// near are the at most k nearest entries of a place, nearest first.
func (x *index) near(place Key, vector []float32, k int) []neighbour {
	x.mu.Lock()
	all := slices.Clone(x.places[place]) // what is read below never changes
	x.mu.Unlock()
	now := time.Now()
	var out []neighbour
	for _, p := range all {
		if len(p.vector) != len(vector) || now.After(p.expires) {
			continue
		}
		out = append(out, neighbour{id: p.id, similarity: dot(p.vector, vector)})
	}
	return nearest(out, k)
}

// nearest sorts neighbours and keeps k of them, each once.
func nearest(ns []neighbour, k int) []neighbour {
	slices.SortFunc(ns, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.similarity, a.similarity), slices.Compare(a.id.sum[:], b.id.sum[:]))
	})
	var out []neighbour
	for _, n := range ns {
		if len(out) < k && !slices.ContainsFunc(out, func(o neighbour) bool { return o.id == n.id }) {
			out = append(out, n)
		}
	}
	return out
}

// verdicts are those on an entry's answer; using it keeps it from being the next
// to go. Where the answer has changed, those on the old one are forgotten.
func (x *index) verdicts(id, answer Key) evidence {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.points[id]
	if p == nil {
		return nil
	}
	x.tenants[p.tenant].order.MoveToBack(p.at)
	if p.answer != answer {
		p.answer = answer
		x.grow(p, nil)
	}
	return p.verdicts
}

// judge notes a verdict on an entry's answer, if it still has that one.
func (x *index) judge(id, answer Key, v Verdict) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.points[id]
	if p == nil || p.answer != answer {
		return
	}
	x.grow(p, p.verdicts.with(v))
	x.makeRoom(0)
}

// grow gives a point other verdicts.
func (x *index) grow(p *point, verdicts evidence) {
	before := p.size()
	p.verdicts = verdicts
	grown := p.size() - before
	x.used += grown
	x.tenants[p.tenant].used += grown
}

// bytes is what the index holds.
func (x *index) bytes() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.used
}

func dot(a, b []float32) (sum float32) {
	b = b[:len(a)]
	var s [4]float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s[0] += a[i] * b[i]
		s[1] += a[i+1] * b[i+1]
		s[2] += a[i+2] * b[i+2]
		s[3] += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s[0] += a[i] * b[i]
	}
	return s[0] + s[1] + s[2] + s[3]
}

// maxDimensions bounds a vector.
const maxDimensions = 1 << 14

// unitVector is v at length one; false where it has no direction.
func unitVector(v []float32) ([]float32, bool) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if len(v) == 0 || len(v) > maxDimensions || !(sum > 0) || math.IsInf(sum, 0) {
		return nil, false
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out, true
}
