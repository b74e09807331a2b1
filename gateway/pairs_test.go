package gateway_test

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tenbit"
	"tenbit/cache"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

//go:embed testdata/pairs.txt
var pairsFile string

// wording is one of the questions that go with another one.
type wording struct {
	text, kind string // kind: how it differs
	same       bool
}

// theme is a question with others that say the same, or only look so.
type theme struct {
	question string
	others   []wording
}

func themes(t *testing.T) (out []theme) {
	t.Helper()
	for line := range strings.Lines(pairsFile) {
		line = strings.TrimSpace(line)
		mark, text, _ := strings.Cut(line, " ")
		switch {
		case line == "" || mark == "#":
			continue
		case mark == "?":
			out = append(out, theme{question: text})
			continue
		}
		w := wording{text: text, same: mark == "="}
		if !w.same {
			w.kind, w.text, _ = strings.Cut(text, ": ")
		}
		if len(out) == 0 || mark != "=" && mark != "!" || w.text == "" {
			t.Fatalf("pairs.txt: %q", line)
		}
		out[len(out)-1].others = append(out[len(out)-1].others, w)
	}
	return out
}

// TestPairsAreWhatTheySay: enough of them, half of each sort, none twice.
func TestPairsAreWhatTheySay(t *testing.T) {
	seen, kinds := map[string]bool{}, map[string]int{}
	for _, th := range themes(t) {
		for _, w := range append(th.others, wording{text: th.question, kind: "question"}) {
			if seen[w.text] {
				t.Errorf("%q stands twice", w.text)
			}
			seen[w.text] = true
			kinds[w.kind]++
		}
	}
	t.Log(kinds)
	if same, all := kinds[""], len(seen)-kinds["question"]; all < 300 || 2*same != all {
		t.Errorf("%d pairs, %d of them the same; want at least 300, half of them", all, same)
	}
}

// tally counts what a run did with the pairs.
type tally struct {
	hits, wrong      int // answers that the semantic cache gave, and those of them that were wrong
	unseen           int // hits that went out without a verdict
	same, found      int // questions that say the same, and those of them that were answered so
	different, false int // the others, and those of them that got another's answer
	calls            int // of the large model
}

func (c *tally) String() string {
	lo, hi := interval(c.wrong, c.hits)
	flo, fhi := interval(c.false, c.different)
	return fmt.Sprintf("%d hits, %d wrong: %.2f %% (95 %%: %.2f to %.2f); %d unseen; same: %d of %d hit (%.1f %%); different: %d of %d hit (%.2f %%, 95 %%: %.2f to %.2f); %d calls",
		c.hits, c.wrong, share(c.wrong, c.hits), 100*lo, 100*hi, c.unseen, c.found, c.same, share(c.found, c.same), c.false, c.different, share(c.false, c.different), 100*flo, 100*fhi, c.calls)
}

func share(k, n int) float64 { return 100 * float64(k) / float64(max(n, 1)) }

// count notes one question and how it was answered.
func (c *tally) count(w wording, hit, right bool) {
	if w.same {
		c.same++
	} else {
		c.different++
	}
	if !hit {
		return
	}
	c.hits++
	if w.same {
		c.found++
	}
	if !right {
		c.wrong++
		c.false++
	}
}

// interval is that of Clopper and Pearson, 95 %, by halving.
func interval(k, n int) (lo, hi float64) {
	tail := func(p float64, from, to int) (sum float64) {
		for i := from; i <= to; i++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(n - i + 1))
			sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		}
		return sum
	}
	find := func(less func(p float64) bool) float64 {
		lo, hi := 0.0, 1.0
		for range 50 {
			if mid := (lo + hi) / 2; less(mid) {
				lo = mid
			} else {
				hi = mid
			}
		}
		return lo
	}
	hi = 1
	if k > 0 {
		lo = find(func(p float64) bool { return tail(p, k, n) < 0.025 })
	}
	if k < n {
		hi = find(func(p float64) bool { return tail(p, 0, k) > 0.025 })
	}
	return lo, hi
}

// answerTo is the answer to a wording: the question's, or one of its own.
func answerTo(th theme, w wording) string {
	if w.same {
		return reply(th.question)
	}
	return reply(w.text)
}

// reply is an answer that is nobody else's, and no short one.
func reply(question string) string {
	return "This is what there is to say of it: " + strings.ToUpper(question)
}

// shuffled are all wordings with their themes, in an order that seed makes.
func shuffled(ths []theme, seed uint64) (out []struct {
	theme
	wording
},
) {
	for _, th := range ths {
		for _, w := range th.others {
			out = append(out, struct {
				theme
				wording
			}{th, w})
		}
	}
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func semanticOf(rate float64) *cache.Semantic {
	return cache.NewSemantic(cache.SemanticOptions{Embed: fake.Embedder{}, Values: memory(8 << 20), Bytes: 8 << 20, TTL: time.Hour, Rate: rate, Audit: 0.05, Rand: rand.New(rand.NewPCG(5, 5)).Float64})
}

// TestPairsGuardsAlone has all questions stored and looks the others up. Nothing
// judges: what is found is what the guards let pass of the nearest.
func TestPairsGuardsAlone(t *testing.T) {
	ctx, ths := t.Context(), themes(t)
	s := semanticOf(0)
	for _, th := range ths {
		s.Keep(ctx, s.Ask(ctx, "t", nil, th.question), []byte(reply(th.question)))
	}
	var all tally
	passed := map[string]int{}
	for _, q := range shuffled(ths, 1) {
		n := s.Ask(ctx, "t", nil, q.text)
		s.Find(ctx, n)
		right := n.Found && string(n.Answer) == answerTo(q.theme, q.wording)
		all.count(q.wording, n.Found, right)
		if n.Found && !right {
			passed[q.kind]++
		}
	}
	t.Logf("guards alone: %v; wrong by kind: %v", &all, passed)
	seen := passed["number"] + passed["negation"] + passed["name"] + passed["unit"] + passed["code"]
	if 10*all.found < 8*all.same || seen > 2 {
		t.Errorf("the guards let pass %d of %d that are the same, and %d with another number, negation, name, unit or identifier", all.found, all.same, seen)
	}
}

// oracle is a large model that knows all answers and judges drafts; it errs with
// some probability.
func oracle(ths []theme, errs float64) *fake.Model {
	answers := map[string]string{}
	for _, th := range ths {
		answers[th.question] = reply(th.question)
		for _, w := range th.others {
			answers[w.text] = answerTo(th, w)
		}
	}
	r := rand.New(rand.NewPCG(7, 7))
	return fake.NewModel(func(c fake.Call) fake.Reply {
		question, note, judging := strings.Cut(c.Request.Question(), "\n\n[Note from the gateway")
		answer := answers[strings.TrimSpace(question)]
		right := strings.Contains(note, "\n"+quoted(answer)+"\n")
		if judging && right != (r.Float64() < errs) {
			return fake.Text("DRAFT OK")
		}
		return fake.Text(answer)
	})
}

// TestPairs asks all questions of the whole gateway, and then all others, with
// the far side's verdict on what is found.
func TestPairs(t *testing.T) {
	const rate = 0.02
	for _, errs := range []float64{0, 0.02, 0.1} {
		t.Run(fmt.Sprintf("a judge that errs in %v", errs), func(t *testing.T) {
			ths := themes(t)
			if raceEnabled {
				ths = ths[:12] // the same walks, fewer of them
			}
			large := oracle(ths, errs)
			b := open(t, fake.Says("I can't say."), large, func(g *gateway.Gateway, n *tenbit.Tenant) {
				n.Semantic, g.Semantic = true, semanticOf(rate)
			})
			for _, th := range ths {
				b.post(t, ask(th.question))
			}
			before := len(large.Calls())
			var all tally
			var hits, misses []float64
			for _, q := range shuffled(ths, 1) {
				resp, body := b.post(t, ask(q.text))
				hit := resp.Header.Get("X-Tenbit-Route") == "semantic"
				all.count(q.wording, hit, content(t, body) == answerTo(q.theme, q.wording))
				bits, err := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
				if err != nil {
					t.Fatal(err)
				}
				if hit {
					hits = append(hits, float64(bits)/1000)
				} else {
					misses = append(misses, float64(bits)/1000)
				}
			}
			all.calls = len(large.Calls()) - before
			t.Logf("%v; bits: %.1f a hit, %.0f otherwise", &all, mean(hits), mean(misses))
			enough := errs == 0 || !raceEnabled // hits for one error of the judge's
			if errs <= rate && enough && float64(all.wrong) > rate*float64(all.hits) {
				t.Errorf("%d of %d hits are wrong, over the configured %v", all.wrong, all.hits, rate)
			}
			if errs == 0 && (all.wrong > 0 || all.found < all.same/2) {
				t.Errorf("with a judge that is right: %d wrong, %d of %d found", all.wrong, all.found, all.same)
			}
		})
	}
}

func mean(xs []float64) (m float64) {
	for _, x := range xs {
		m += x / float64(len(xs))
	}
	return m
}

// TestPairsOverTime asks everything again and again, in ever another order, so
// that the bounds are learnt and answers go out unseen. The index, the guards,
// the bounds and the audits are the cache's; a judge stands for the far side.
// Where nothing new is kept, questions that only look alike come for ever.
func TestPairsOverTime(t *testing.T) {
	const rate = 0.02
	rounds := map[bool]int{false: 30, true: 12}[raceEnabled]
	for _, tt := range []struct {
		name string
		keep bool
		errs float64
	}{{"answers are kept", true, 0}, {"a judge that errs in 0.02", true, 0.02}, {"nothing new is kept", false, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, ths := t.Context(), themes(t)
			s := semanticOf(rate)
			for _, th := range ths {
				s.Keep(ctx, s.Ask(ctx, "t", nil, th.question), []byte(reply(th.question)))
			}
			r := rand.New(rand.NewPCG(3, 3))
			var all, last tally
			for round := range rounds {
				for _, q := range shuffled(ths, uint64(round)) {
					hit, right, unseen := consult(ctx, s, q.text, answerTo(q.theme, q.wording), tt.keep, func(is bool) bool { return is != (r.Float64() < tt.errs) })
					all.count(q.wording, hit, right)
					if unseen {
						all.unseen++
					}
					if round == rounds-1 {
						last.count(q.wording, hit, right)
						last.unseen += map[bool]int{true: 1}[unseen]
					}
				}
			}
			t.Logf("%d rounds: %v", rounds, &all)
			t.Logf("the last round: %v", &last)
			if float64(all.wrong) > rate*float64(all.hits) {
				t.Errorf("%d of %d hits are wrong, over the configured %v", all.wrong, all.hits, rate)
			}
			if all.unseen == 0 {
				t.Error("nothing went out unseen: nothing was learnt")
			}
		})
	}
}

// consult is one question put to the cache, with a judge for what isn't sure.
func consult(ctx context.Context, s *cache.Semantic, question, answer string, keep bool, judge func(right bool) bool) (hit, right, unseen bool) {
	n := s.Ask(ctx, "t", nil, question)
	s.Find(ctx, n)
	right = n.Found && string(n.Answer) == answer
	if n.Found && !n.Sure {
		if yes := judge(right); yes {
			s.Judge(ctx, n, true, false)
			return true, right, false
		}
		s.Judge(ctx, n, false, false)
	} else if n.Sure {
		return true, right, true
	}
	if keep {
		s.Keep(ctx, n, []byte(answer))
	}
	return false, false, false
}

// TestInterval checks the interval against values of tables.
func TestInterval(t *testing.T) {
	for _, tt := range []struct {
		k, n   int
		lo, hi float64
	}{{0, 100, 0, 0.0362}, {5, 100, 0.0164, 0.1128}, {100, 100, 0.9638, 1}} {
		if lo, hi := interval(tt.k, tt.n); math.Abs(lo-tt.lo) > 1e-4 || math.Abs(hi-tt.hi) > 1e-4 {
			t.Errorf("%d of %d: got %.4f to %.4f, want %v to %v", tt.k, tt.n, lo, hi, tt.lo, tt.hi)
		}
	}
}
