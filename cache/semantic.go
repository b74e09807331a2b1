package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"tenbit"
)

// Embedder turns texts into vectors.
type Embedder interface {
	Embed(ctx context.Context, texts []string, dimensions int) (vectors [][]float32, tokens int, err error)
}

// Values keeps entries by key, such as [Exact].
type Values interface {
	Get(ctx context.Context, k Key) ([]byte, bool)
	Put(ctx context.Context, k Key, val []byte)
}

// SemanticOptions are what a semantic cache is made of.
type SemanticOptions struct {
	Embed   Embedder
	Model   string   // that embeds: vectors of another one are never met
	Values  Values   // keeps questions and answers
	Vectors *Vectors // nil: the index is in memory alone
	Alone   string   // why that is so
	Bytes   int64    // of the index in memory
	TTL     time.Duration
	// Rate is the most that may be wrong of what the cache answers, 0 to 1. At 0
	// every answer waits for its verdict.
	Rate float64
	// Audit is the share of the answers that might go out without a verdict and
	// get one all the same, 0 to 1.
	Audit float64
	Rand  func() float64      // from 0 to 1, for what is drawn; nil: the system's
	Seen  func(result string) // told how each look-up and verdict ended; nil: nobody is
}

// Semantic finds stored answers to questions that were worded otherwise. What it
// finds is a candidate: equal in everything but the last words of the user, and
// passed by the guards. Whether its answer goes out unseen, or waits for a
// verdict, depends on what verdicts said of it before. Safe for concurrent use.
type Semantic struct {
	SemanticOptions

	index   *index
	breaker *gobreaker.CircuitBreaker[[]float32]

	failing atomic.Bool // the last question got no vector

	mu      sync.Mutex // guards tenants
	tenants map[tenbit.TenantID]*record
}

// record is what verdicts said to one tenant: of candidates in general, and of
// what the local judge lets pass.
type record struct {
	all    evidence
	passed evidence // verdicts on what the local judge took for right
}

const (
	// MaxQuestion bounds the questions that take part, in bytes: longer ones are
	// mostly texts to work on, of which small differences matter.
	MaxQuestion = 4 << 10
	// neighbours are looked at, until the guards let one pass.
	neighbours = 8
	// embedWait is the most that a request waits for its vector.
	embedWait = 2 * time.Second
	// maxRecords bounds the tenants that are remembered; beyond it all begin anew.
	maxRecords = 1000
	// hopeless is how seldom a candidate is right that isn't worth a verdict; of
	// those one in again is judged all the same, since things change.
	hopeless, again = 0.1, 16
)

// NewSemantic makes an empty cache.
func NewSemantic(o SemanticOptions) *Semantic {
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &Semantic{
		SemanticOptions: o, index: newIndex(o.Bytes, o.TTL), tenants: map[tenbit.TenantID]*record{},
		breaker: gobreaker.NewCircuitBreaker[[]float32](gobreaker.Settings{
			Name: "embeddings", Timeout: 2 * time.Second,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
			IsSuccessful: func(err error) bool {
				return err == nil || errors.Is(err, context.Canceled) || errors.Is(err, tenbit.ErrRejected)
			},
		}),
	}
}

// Near is what a look-up found for one question.
type Near struct {
	Found      bool    // there is a candidate
	Sure       bool    // it may go out without a verdict
	Answer     []byte  // the candidate's, as it was kept; not to be changed
	Similarity float32 // of the questions: the cosine of their vectors
	Question   string  // that the candidate's answer was given to
	// Right is how often the candidate's answer is right at this similarity, at least.
	Right float64

	tenant   tenbit.TenantID
	features Features
	asked    kept // the new question; no answer yet
	vector   []float32
	id       Key // the candidate's
	answer   Key // the candidate's with its answer: what verdicts are on
}

// Ask takes a question of a tenant in. Surroundings are everything else that
// decides on the answer: questions with others never meet, nor do those of other
// languages or tenants. Nil: the question takes no part.
func (s *Semantic) Ask(ctx context.Context, t tenbit.TenantID, surroundings []byte, question string) *Near {
	if question == "" || len(question) > MaxQuestion {
		return nil
	}
	n := &Near{tenant: t, features: FeaturesOf(question)}
	n.asked = kept{place: KeyOf(t, fmt.Appendf(nil, "semantic place\n%q %s\n%s", s.Model, n.features.Language, surroundings)), question: question}
	var err error
	n.vector, err = s.embed(ctx, question)
	s.failing.Store(err != nil && ctx.Err() == nil)
	if err != nil {
		s.saw("no_embedding")
		return nil
	}
	return n
}

// Find looks for the nearest entry that the guards let pass.
func (s *Semantic) Find(ctx context.Context, n *Near) {
	guarded := false
	for _, c := range s.near(ctx, n.asked.place, n.vector) {
		e, ok := s.entry(ctx, n.tenant, n.asked.place, c)
		if !ok {
			continue
		}
		if Guard(n.features, FeaturesOf(e.question)) != "" {
			guarded = true
			continue
		}
		n.Found, n.id, n.Answer, n.Similarity, n.Question = true, c.id, e.answer, c.similarity, e.question
		break
	}
	switch {
	case !n.Found && guarded:
		s.saw("guarded")
	case !n.Found:
		s.saw("miss")
	case s.hopeless(n.tenant, n.Similarity):
		n.Found = false
		s.saw("unlikely")
	default:
		n.answer = answerOf(n.id, n.Answer)
		n.Right = s.verdicts(ctx, n.id, n.answer).right(n.Similarity)
		n.Sure = s.goes(n.Right)
	}
}

// embed is a question's vector, of length one.
func (s *Semantic) embed(ctx context.Context, question string) ([]float32, error) {
	return s.breaker.Execute(func() ([]float32, error) {
		ctx, cancel := context.WithTimeout(ctx, embedWait)
		defer cancel()
		vectors, _, err := s.Embed.Embed(ctx, []string{question}, 0)
		if err != nil {
			return nil, fmt.Errorf("embed a question: %w", err)
		}
		if len(vectors) != 1 {
			return nil, fmt.Errorf("embed a question: %d vectors", len(vectors))
		}
		v, ok := unitVector(vectors[0])
		if !ok {
			return nil, errors.New("embed a question: the vector has no direction")
		}
		return v, nil
	})
}

// near are the nearest entries of both indexes.
func (s *Semantic) near(ctx context.Context, place Key, vector []float32) []neighbour {
	out := s.index.near(place, vector, neighbours)
	if s.Vectors != nil {
		if shared, err := s.Vectors.near(ctx, place, vector, neighbours); err == nil { // else memory alone
			out = append(out, shared...)
		}
	}
	return nearest(out, neighbours)
}

// entry reads a candidate. What isn't there any more, or isn't what it should
// be, leaves the index.
func (s *Semantic) entry(ctx context.Context, t tenbit.TenantID, place Key, n neighbour) (kept, bool) {
	if b, ok := s.Values.Get(ctx, n.id); ok {
		if e, err := decodeKept(b); err == nil && e.place.sum == place.sum && e.id(t) == n.id {
			return e, true
		}
	}
	s.index.remove(n.id)
	if s.Vectors != nil && n.element != "" {
		_ = s.Vectors.remove(ctx, place, n.element) // a miss as long as it stays
	}
	return kept{}, false
}

// verdicts are those of all edges where they are shared.
func (s *Semantic) verdicts(ctx context.Context, id, answer Key) evidence {
	own := s.index.verdicts(id, answer)
	if s.Vectors == nil {
		return own
	}
	if shared, err := s.Vectors.verdicts(ctx, answer); err == nil && len(shared) >= len(own) {
		return shared
	}
	return own
}

// goes draws whether an answer that is right with this probability may go out.
func (s *Semantic) goes(right float64) bool {
	return s.Rand() < min(chance(right, s.Rate), 1-s.Audit)
}

// hopeless reports that candidates as similar as this are hardly ever right for
// the tenant, so that none is worth a verdict.
func (s *Semantic) hopeless(t tenbit.TenantID, similarity float32) bool {
	s.mu.Lock()
	var all evidence
	if r := s.tenants[t]; r != nil {
		all = r.all
	}
	s.mu.Unlock()
	return all.rightAtMost(similarity) < hopeless && s.Rand() >= 1/float64(again)
}

// Passes draws whether what the local judge took for right may go out without
// another verdict: that depends on what those said before of what it let pass.
func (s *Semantic) Passes(n *Near) bool {
	s.mu.Lock()
	var passed evidence
	if r := s.tenants[n.tenant]; r != nil {
		passed = r.passed
	}
	s.mu.Unlock()
	return s.goes(max(n.Right, passed.right(1)))
}

// Judge notes a verdict on the candidate; passed says that the local judge had
// taken it for right.
func (s *Semantic) Judge(ctx context.Context, n *Near, right, passed bool) {
	v := Verdict{n.Similarity, right}
	s.index.judge(n.id, n.answer, v)
	if s.Vectors != nil {
		_ = s.Vectors.judge(ctx, n.answer, v) // this process knows it
	}
	s.mu.Lock()
	if len(s.tenants) >= maxRecords && s.tenants[n.tenant] == nil {
		clear(s.tenants)
	}
	if s.tenants[n.tenant] == nil {
		s.tenants[n.tenant] = &record{}
	}
	r := s.tenants[n.tenant]
	r.all = r.all.with(v)
	if passed {
		r.passed = r.passed.with(Verdict{1, right})
	}
	s.mu.Unlock()
	s.saw(map[bool]string{true: "right", false: "wrong"}[right])
}

// Keep makes an entry of the question that was looked up, with its answer.
func (s *Semantic) Keep(ctx context.Context, n *Near, answer []byte) {
	e := n.asked
	e.answer = answer
	id := e.id(n.tenant)
	s.Values.Put(ctx, id, e.encode())
	s.index.add(n.tenant, e.place, id, n.vector)
	if s.Vectors != nil {
		_ = s.Vectors.add(ctx, e.place, id, n.vector) // this process has it
	}
}

// Served notes that a candidate went out without a verdict.
func (s *Semantic) Served() { s.saw("served") }

// Where says what the index is kept in, and whether anything comes into it.
func (s *Semantic) Where(ctx context.Context) string {
	text := "index in the vector sets of Redis"
	if s.Vectors == nil {
		text = "index in memory: " + s.Alone
	} else if has, why := s.Vectors.Have(ctx); !has {
		text = "index in memory: " + why
	}
	if s.failing.Load() {
		text += "; the model makes no embeddings at the moment"
	}
	return text
}

func (s *Semantic) saw(result string) {
	if s.Seen != nil {
		s.Seen(result)
	}
}
