package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/redistest"
)

// counts are what a cache saw.
type counts map[string]int

func newSemantic(t *testing.T, behind Behind, v *Vectors, change func(*SemanticOptions)) (*Semantic, counts) {
	t.Helper()
	seen := counts{}
	values, err := NewExact(Options{Bytes: 1 << 20, TTL: time.Hour, Behind: behind})
	if err != nil {
		t.Fatal(err)
	}
	o := SemanticOptions{
		Embed: fake.Embedder{}, Values: values, Vectors: v,
		Bytes: 1 << 20, TTL: time.Hour, Rate: 0.02, Seen: func(r string) { seen[r]++ },
	}
	if change != nil {
		change(&o)
	}
	return NewSemantic(o), seen
}

// find looks a question up.
func find(t *testing.T, s *Semantic, tenant tenbit.TenantID, surroundings, question string) *Near {
	t.Helper()
	n := s.Ask(t.Context(), tenant, []byte(surroundings), question)
	if n == nil {
		t.Fatalf("%q takes no part", question)
	}
	s.Find(t.Context(), n)
	return n
}

func keep(t *testing.T, s *Semantic, tenant tenbit.TenantID, surroundings, question, answer string) {
	t.Helper()
	s.Keep(t.Context(), find(t, s, tenant, surroundings, question), []byte(answer))
}

const (
	capital    = "What is the capital of France?"
	paraphrase = "Which city is the capital of France?"
)

func TestSemanticFinds(t *testing.T) {
	s, seen := newSemantic(t, nil, nil, nil)
	keep(t, s, "a", "", capital, "Paris")
	keep(t, s, "a", "", "How do I boil an egg?", "In water")
	n := find(t, s, "a", "", paraphrase)
	if !n.Found || string(n.Answer) != "Paris" || n.Question != capital || n.Similarity < 0.5 || n.Sure || n.Right != 0 {
		t.Errorf("got %+v, want Paris, not sure", n)
	}
	if n := find(t, s, "a", "", "What is the capital of Spain?"); n.Found {
		t.Errorf("another name: got %+v", n)
	}
	if seen["guarded"] == 0 || seen["miss"] == 0 {
		t.Errorf("got %v, want a guarded one and a miss", seen)
	}
}

// shared is a Redis for values and vectors.
func shared(t *testing.T, addr string) (*Redis, *Vectors) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1})
	r := NewRedis(client, time.Second, Keyring{}) // a busy machine is not the subject
	t.Cleanup(func() {
		_ = r.Close()
		_ = client.Close()
	})
	return r, NewVectors(client, time.Second, time.Hour)
}

// everywhere runs a test in memory, over a Redis that edges share, and with its
// vector sets.
func everywhere(t *testing.T, run func(t *testing.T, s *Semantic)) {
	for name, start := range map[string]func(t *testing.T) string{
		"memory":                    nil,
		"redis without vector sets": func(t *testing.T) string { return redistest.Start(t) },
		"vector sets":               func(t *testing.T) string { return redistest.Vectors(t).Addr() },
	} {
		t.Run(name, func(t *testing.T) {
			var behind Behind // nil: none
			var v *Vectors
			if start != nil {
				behind, v = shared(t, start(t))
			}
			s, _ := newSemantic(t, behind, v, nil)
			run(t, s)
		})
	}
}

// TestTenantsNeverMeet holds for memory, for a shared Redis, and for vector sets.
func TestTenantsNeverMeet(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Semantic) {
		keep(t, s, "a", "sur", capital, "Paris")
		for _, other := range []struct {
			name                   string
			tenant                 tenbit.TenantID
			surroundings, question string
		}{
			{"another tenant", "b", "sur", capital},
			{"a name that begins alike", "ab", "sur", capital},
			{"a name with the other's surroundings", "asur", "", capital},
			{"the other's name in the question", "b", "sur", "a " + capital},
			{"the other's name in the surroundings", "", "asur", capital},
			{"an empty name", "", "sur", capital},
			{"a place's name in the surroundings", "b", "semantic place\n\"\" en\nsur", capital},
			{"other surroundings", "a", "su", capital},
			{"surroundings that are the language's", "a", "en\nsur", capital},
		} {
			if n := find(t, s, other.tenant, other.surroundings, other.question); n.Found {
				t.Errorf("%s: got %q", other.name, n.Answer)
			}
		}
		if n := find(t, s, "a", "sur", paraphrase); !n.Found {
			t.Error("the tenant itself: a miss")
		}
	})
}

// TestMisplacedEntries: what lies in Redis under another place or name than its
// own, or is damaged, is no entry.
func TestMisplacedEntries(t *testing.T) {
	r, v := shared(t, redistest.Vectors(t).Addr())
	s, _ := newSemantic(t, r, v, nil)
	mine := s.Ask(t.Context(), "a", nil, capital)
	theirs := s.Ask(t.Context(), "b", nil, capital)
	s.Keep(t.Context(), mine, []byte("Paris"))
	id := mine.asked.id("a")
	for _, tt := range []struct {
		name string
		do   func(v *Vectors) error
	}{
		{"an entry's name in another tenant's set", func(v *Vectors) error {
			return v.add(t.Context(), theirs.asked.place, id, theirs.vector)
		}},
		{"an entry of another tenant under a name of theirs", func(v *Vectors) error {
			e := kept{place: mine.asked.place, question: capital, answer: []byte("Paris")}
			s.Values.Put(t.Context(), theirs.asked.id("b"), e.encode())
			return v.add(t.Context(), theirs.asked.place, theirs.asked.id("b"), theirs.vector)
		}},
		{"no entry", func(v *Vectors) error {
			s.Values.Put(t.Context(), theirs.asked.id("b"), []byte("\x01junk"))
			return v.add(t.Context(), theirs.asked.place, theirs.asked.id("b"), theirs.vector)
		}},
		{"a name that is no key", func(v *Vectors) error {
			return v.client.VAdd(t.Context(), setName(theirs.asked.place), "x", &redis.VectorFP32{Val: blob(theirs.vector)}).Err()
		}},
	} {
		if err := tt.do(s.Vectors); err != nil {
			t.Fatal(err)
		}
		if n := find(t, s, "b", "", capital); n.Found {
			t.Errorf("%s: got %q", tt.name, n.Answer)
		}
	}
	if n := find(t, s, "a", "", paraphrase); !n.Found {
		t.Error("the entry's owner: a miss")
	}
}

// TestVectorSetsAreShared: another edge finds the entry and its verdicts.
func TestVectorSetsAreShared(t *testing.T) {
	addr := redistest.Vectors(t).Addr()
	edge := func() (*Semantic, *Redis) {
		r, v := shared(t, addr)
		s, _ := newSemantic(t, r, v, nil)
		return s, r
	}
	first, written := edge()
	second, _ := edge()
	keep(t, first, "a", "", capital, "Paris")
	settle(t, written)
	if got := first.Where(t.Context()); got != "index in the vector sets of Redis" {
		t.Errorf("where: %q", got)
	}
	for range 200 {
		first.Judge(t.Context(), find(t, first, "a", "", paraphrase), true, false)
	}
	n := find(t, second, "a", "", paraphrase)
	if !n.Found || string(n.Answer) != "Paris" || n.Right < 0.98 {
		t.Errorf("got %v %q, right %v; want Paris, with the other edge's verdicts", n.Found, n.Answer, n.Right)
	}
	n = find(t, first, "a", "", paraphrase)
	if own := first.index.near(n.asked.place, n.vector, 1); len(own) != 1 || own[0].similarity-n.Similarity > 1e-3 || n.Similarity-own[0].similarity > 1e-3 {
		t.Errorf("memory says %v, the vector set %v", own, n.Similarity)
	}
}

// TestVectorsComeAndGo: a server is asked again when it may be another one.
func TestVectorsComeAndGo(t *testing.T) {
	m := redistest.Vectors(t)
	_, v := shared(t, m.Addr())
	s, _ := newSemantic(t, nil, v, nil)
	keep(t, s, "a", "", capital, "Paris")
	m.SetError("LOADING Redis is loading the dataset in memory")
	if n := find(t, s, "a", "", paraphrase); !n.Found {
		t.Error("the server fails: memory should answer")
	}
	m.SetError("")
	m.Close()
	if n := find(t, s, "a", "", paraphrase); !n.Found {
		t.Error("the server is away: memory should answer")
	}
	if has, _ := v.Have(t.Context()); has {
		t.Error("a server that is away has vector sets")
	}
	_, s.Vectors = shared(t, miniredis.RunT(t).Addr())
	if got := s.Where(t.Context()); got != "index in memory: Redis has no vector sets (8.0 has)" {
		t.Errorf("where: %q", got)
	}
}

func TestSemanticLearns(t *testing.T) {
	s, seen := newSemantic(t, nil, nil, nil)
	keep(t, s, "a", "", capital, "Paris")
	keep(t, s, "a", "", "Which tower stands in Paris?", "Eiffel's")
	for range 300 {
		n := find(t, s, "a", "", paraphrase)
		s.Judge(t.Context(), n, true, false)
	}
	if n := find(t, s, "a", "", paraphrase); !n.Sure {
		t.Errorf("after 300 right ones: got %+v, want sure", n)
	}
	if n := find(t, s, "a", "", "Which big tower stands in Paris?"); n.Sure || n.Right > 0 {
		t.Errorf("another entry: got %+v, want nothing known", n)
	}
	if seen["right"] != 300 {
		t.Errorf("got %v, want 300 right", seen)
	}
	s.Rate = 0
	if n := find(t, s, "a", "", paraphrase); n.Sure {
		t.Error("at an error rate of 0 an answer goes out unseen")
	}
	s.Rate, s.Audit = 0.02, 1
	if n := find(t, s, "a", "", paraphrase); n.Sure {
		t.Error("where all are audited an answer goes out unseen")
	}
}

// TestAnotherAnswerStartsAnew: what verdicts said of an answer says nothing of
// the one that takes its place, also where they come late or another edge
// replaced it.
func TestAnotherAnswerStartsAnew(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Semantic) {
		keep(t, s, "a", "", capital, "Paris")
		late := find(t, s, "a", "", paraphrase)
		for range 300 {
			s.Judge(t.Context(), find(t, s, "a", "", paraphrase), true, false)
		}
		if n := find(t, s, "a", "", paraphrase); n.Right < 0.98 {
			t.Fatalf("after 300 right ones: got %v", n.Right)
		}
		keep(t, s, "a", "", capital, "Lyon")
		for range 20 {
			s.Judge(t.Context(), late, true, false)
			if n := find(t, s, "a", "", paraphrase); string(n.Answer) != "Lyon" || n.Right != 0 || n.Sure {
				t.Fatalf("another answer: got %q, right %v, sure %v; want Lyon, of which nothing is known", n.Answer, n.Right, n.Sure)
			}
		}
		for range 300 {
			s.Judge(t.Context(), find(t, s, "a", "", paraphrase), true, false)
		}
		if n := find(t, s, "a", "", paraphrase); n.Right < 0.98 {
			t.Errorf("after 300 right ones on the other: got %v", n.Right)
		}
		// Another edge stores one; this one's index knows nothing of that.
		e := kept{place: late.asked.place, question: capital, answer: []byte("Nice")}
		s.Values.Put(t.Context(), e.id("a"), e.encode())
		if n := find(t, s, "a", "", paraphrase); string(n.Answer) != "Nice" || n.Right != 0 {
			t.Errorf("another edge's answer: got %q, right %v; want Nice, of which nothing is known", n.Answer, n.Right)
		}
	})
}

// TestHopeless: what is never right is hardly judged any more.
func TestHopeless(t *testing.T) {
	s, seen := newSemantic(t, nil, nil, nil)
	keep(t, s, "a", "", capital, "Paris")
	for range 1000 {
		if n := find(t, s, "a", "", paraphrase); n.Found {
			s.Judge(t.Context(), n, false, false)
		}
	}
	if seen["wrong"] < 20 || seen["wrong"] > 200 || seen["unlikely"] < 800 {
		t.Errorf("got %v, want some dozens of verdicts of 1000", seen)
	}
}

// TestPasses: the local judge is believed once enough of what it passed was right.
func TestPasses(t *testing.T) {
	s, _ := newSemantic(t, nil, nil, nil)
	for i := range 300 {
		keep(t, s, "a", "", fmt.Sprintf("What is the capital of France, part %d?", i), "Paris")
	}
	n := find(t, s, "a", "", "What is the capital of France, the part %d?")
	if s.Passes(n) {
		t.Error("believed at once")
	}
	for i := range 300 {
		n := find(t, s, "a", "", fmt.Sprintf("Say: what is the capital of France, part %d?", i))
		s.Judge(t.Context(), n, true, true)
	}
	if n := find(t, s, "a", "", "Tell: what is the capital of France, part 7?"); !n.Found || !s.Passes(n) {
		t.Errorf("not believed after 300: %+v", n)
	}
	if n := find(t, s, "a", "", "Tell: what is the capital of France, part 8?"); s.Passes(&Near{tenant: "b", Right: 0}) {
		t.Errorf("another tenant's judge is believed: %+v", n)
	}
}

func TestSemanticFailsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, seen := newSemantic(t, nil, nil, func(o *SemanticOptions) { o.Embed = fake.Embedder{Err: errors.New("down")} })
		for range 5 {
			if n := s.Ask(t.Context(), "a", nil, capital); n != nil {
				t.Errorf("got %+v without a vector", n)
			}
		}
		if seen["no_embedding"] != 5 || !strings.HasSuffix(s.Where(t.Context()), "no embeddings at the moment") {
			t.Errorf("got %v, %q", seen, s.Where(t.Context()))
		}
		s.Embed = fake.Embedder{}
		time.Sleep(3 * time.Second)
		if n := s.Ask(t.Context(), "a", nil, capital); n == nil {
			t.Error("still none after the model came back")
		}
		s.Embed = slow{}
		start := time.Now()
		if n := s.Ask(t.Context(), "a", nil, capital); n != nil || time.Since(start) > embedWait {
			t.Errorf("a model that hangs: got %v after %v", n, time.Since(start))
		}
		if n := s.Ask(t.Context(), "a", nil, strings.Repeat("x", MaxQuestion+1)); n != nil {
			t.Error("a question over the limit takes part")
		}
	})
}

type slow struct{}

func (slow) Embed(ctx context.Context, _ []string, _ int) ([][]float32, int, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// FuzzKept: any bytes are an entry with one encoding, or none.
func FuzzKept(f *testing.F) {
	f.Add(kept{place: KeyOf("t", nil), question: "q", answer: []byte("a")}.encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeKept(b); err == nil && string(e.encode()) != string(b) {
			t.Errorf("decode, then encode, is not the identity: %x", b)
		}
	})
}

// FuzzVerdict: any text is a verdict that a bound can rest on, or none.
func FuzzVerdict(f *testing.F) {
	for _, s := range []string{"=0.93", "!1", "=NaN", "=+Inf", "", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := parseVerdict(s)
		if !ok {
			return
		}
		if again, ok := parseVerdict(v.text()); !ok || again != v {
			t.Errorf("%q: got %+v, then %+v", s, v, again)
		}
	})
}
