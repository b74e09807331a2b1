package policy

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"tenbit"
	"tenbit/codec"
)

// Recorded are the final answers of several models to one prompt, in normal form.
type Recorded struct {
	Prompt  string
	Answers []string
	Sort    Sort
}

// Sort is what terms are like: each has weights of its own.
type Sort uint8

// The sorts.
const (
	Terms     Sort = iota // formulas, literals and all else
	Sentences             // the first of the answers is one
	Names                 // words, days, times and objects that the question foretells
	sortsOfTerms
)

// TrainAnswers makes the file that short answers are coded with: counts of all
// answers, and the weights of the predictors. Weights are learnt on answers whose
// prompts the counts they see leave out, so that they fit prompts nobody has seen.
// The same answers give the same file. progress is told how many of the lessons
// are over.
func TrainAnswers(recorded []Recorded, progress func(done, all int)) ([]byte, error) {
	var t trained
	var parts [fieldsOfAnswers][3][]Recorded // the halves, and all
	for _, r := range recorded {
		p := &parts[fieldOf(tail(r.Prompt))]
		h := half(r.Prompt)
		p[h], p[2] = append(p[h], r), append(p[2], r)
	}
	var lessons []lesson
	for i, p := range parts {
		f := &t.fields[i]
		*f = newLearnt(countAnswers(p[2]))
		for h := range 2 {
			cs := countAnswers(p[1-h])
			for _, r := range p[h] {
				lessons = append(lessons, lessonsOf(r, f, cs)...)
			}
		}
	}
	if len(lessons) == 0 {
		return nil, errors.New("train: no prompt has different answers")
	}
	learn(lessons, progress)
	return t.append(nil), nil
}

// half splits prompts in two.
func half(prompt string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(prompt)) // never fails
	return int(h.Sum32()>>7) & 1
}

// lesson is an answer that was none of the candidates.
type lesson struct {
	ask    tenbit.Ask
	answer string
	field  *learnt
	sort   Sort
	counts counts
}

// weights are those that a lesson teaches.
func (l lesson) weights() codec.Weights {
	if kindOf(l.answer) == KindNumber {
		return l.field.numbers
	}
	return l.field.sorts[l.sort]
}

// draws is how many lessons a prompt may give.
const draws = 12

// lessonsOf draws an answer and as candidates some of the others, time and again.
func lessonsOf(r Recorded, f *learnt, cs counts) (out []lesson) {
	body, err := json.Marshal(map[string]any{"model": "m", "messages": []any{map[string]string{"role": "user", "content": r.Prompt}}})
	if err != nil {
		return nil
	}
	req, err := tenbit.ParseRequest(body)
	if err != nil || len(r.Answers) < 2 {
		return nil
	}
	rng := rand.New(rand.NewPCG(uint64(len(r.Prompt)), 7))
	if r.Sort == Sentences {
		return []lesson{{tenbit.Ask{Request: req, Candidates: []tenbit.Candidate{{Answer: r.Answers[1], Votes: 1}}}, squeezed(r.Answers[0]), f, r.Sort, cs}}
	}
	seen := map[[2]string]bool{}
	for range draws {
		order := rng.Perm(len(r.Answers))
		answer := r.Answers[order[0]]
		ask := tenbit.Ask{Request: req}
		for _, i := range order[1:min(len(order), 1+[]int{1, 1, 3, 8}[rng.IntN(4)])] {
			a := r.Answers[i]
			at := slices.IndexFunc(ask.Candidates, func(c tenbit.Candidate) bool { return c.Answer == a })
			if at < 0 {
				at = len(ask.Candidates)
				ask.Candidates = append(ask.Candidates, tenbit.Candidate{Answer: a})
			}
			ask.Candidates[at].Votes++
		}
		slices.SortStableFunc(ask.Candidates, func(a, b tenbit.Candidate) int { return b.Votes - a.Votes })
		key := [2]string{answer, ask.Candidates[0].Answer}
		if seen[key] || kindOf(answer) == KindLetter || candidate(ask, answer) >= 0 || !oneLine(answer) {
			continue
		}
		seen[key] = true
		out = append(out, lesson{ask, answer, f, r.Sort, cs})
	}
	return out
}

const (
	epochs = 8
	batch  = 8 // lessons learnt side by side
	// metaRate is how far the weights that lessons start from move to those
	// that they end with (Nichol et al. 2018, Reptile), in 1/65536, falling to 0.
	metaRate = 1 << 16 / 2
)

func learn(lessons []lesson, progress func(done, all int)) {
	rng := rand.New(rand.NewPCG(3, 3))
	for epoch := range epochs {
		rate := int64(metaRate * (epochs - epoch) / epochs)
		order := rng.Perm(len(lessons))
		for len(order) > 0 {
			n := min(batch, len(order))
			ends := make([]codec.Weights, n)
			var wg sync.WaitGroup // of this batch
			for i, l := range order[:n] {
				wg.Go(func() { ends[i] = lessons[l].study() })
			}
			wg.Wait()
			for i, l := range order[:n] {
				move(lessons[l].weights(), ends[i], rate/batch)
			}
			order = order[n:]
			progress(epoch*len(lessons)+len(lessons)-len(order), epochs*len(lessons))
		}
	}
}

// study codes a lesson and returns the weights learnt from it.
func (l lesson) study() codec.Weights {
	g := newGuess(l.ask, learnt{counts: l.counts}, func() codec.Predictor { return codec.Default().Predictor(contexts(l.ask)...) })
	experts := g.termExperts
	if kindOf(l.answer) == KindNumber {
		experts = g.numberExperts
	}
	b := codec.Blend([]codec.Weights{l.weights()}, experts()...)
	e, p := codec.NewEncoder(), codec.Except(b, g.none)
	e.Write(p, []byte(l.answer))
	e.EndText(p)
	return b.Weights()
}

func move(start, end codec.Weights, rate int64) {
	for r, row := range start {
		for i := range row {
			row[i] += int32(int64(end[r][i]-row[i]) * rate >> 16)
		}
	}
}

// countAnswers counts which character follows which: in each prompt's distinct
// answers, as they are and, but for literals, as normal forms of formulas write them.
func countAnswers(recorded []Recorded) counts {
	seen := map[string]map[byte]int{}
	for _, r := range recorded {
		if r.Sort == Sentences {
			continue
		}
		var lines []string
		for _, a := range r.Answers {
			if kindOf(a) == KindLetter || len(a) > maxCounted {
				continue
			}
			lines = append(lines, a)
			if !isLiteral(a) {
				lines = append(lines, squeezed(a))
			}
		}
		slices.Sort(lines)
		for _, a := range slices.Compact(lines) {
			line := "\n" + a + "\n"
			for i := 1; i < len(line); i++ {
				for k := range min(shortOrder, i) + 1 {
					c := line[i-k : i]
					if seen[c] == nil {
						seen[c] = map[byte]int{}
					}
					seen[c][line[i]]++
				}
			}
		}
	}
	out := counts{}
	for c, next := range seen {
		if list := shortCounts(next); list != nil && total(next) >= 2+2*len(c) { // what was seen once says little
			out[c] = list
		}
	}
	return out
}

// maxCounted bounds the answers that are counted, in bytes.
const maxCounted = 80

// squeezed is s without spaces and capitals.
func squeezed(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

func total(next map[byte]int) (n int) {
	for _, v := range next {
		n += v
	}
	return n
}

// shortCounts scales counts to at most 255 and drops what is rare beside the most.
func shortCounts(next map[byte]int) (out []shortCount) {
	most := 0
	for _, v := range next {
		most = max(most, v)
	}
	for sym := range 256 {
		v := next[byte(sym)]
		if v*255/most == 0 {
			continue
		}
		c := shortCount{sym, uint64(max(1, v*min(most, 255)/most))}
		if sym == '\n' {
			c.sym = termEnd
		}
		out = append(out, c)
	}
	return out
}
