package main

import (
	"encoding/json"
	"slices"

	"tenbit/policy"
)

// evalWay is a way to get answers and what it came to. The bits of the baselines
// are those of the answer, without any model of ours; their bytes those of one
// HTTP body each way.
type evalWay struct {
	Name        string     `json:"name"`
	Accuracy    float64    `json:"accuracy"`
	AccuracyCI  [2]float64 `json:"accuracy_ci"`
	Gap         float64    `json:"gap_recovered"`
	GapCI       [2]float64 `json:"gap_ci"`
	Bits        float64    `json:"bits_mean"`
	BitsCI      [2]float64 `json:"bits_ci"`
	Up          float64    `json:"up_bytes_mean"`
	Down        float64    `json:"down_bytes_mean"`
	Regressions int        `json:"regressions"` // against the majority
	Fixed       int        `json:"fixed"`

	right, bits, up, down []float64 // by question
}

func (b *evalWay) add(right, bits, up, down float64) {
	b.right, b.bits = append(b.right, right), append(b.bits, bits)
	b.up, b.down = append(b.up, up), append(b.down, down)
}

// sum is what the questions come to.
func (b *evalWay) sum(draw [][]int, local, majority, large *evalWay) {
	b.Accuracy, b.Bits, b.Up, b.Down = mean(b.right), mean(b.bits), mean(b.up), mean(b.down)
	b.Gap = gap(b.Accuracy, mean(local.right), mean(large.right))
	b.AccuracyCI = interval(draw, func(of []int) float64 { return meanOf(b.right, of) })
	b.BitsCI = interval(draw, func(of []int) float64 { return meanOf(b.bits, of) })
	b.GapCI = interval(draw, func(of []int) float64 {
		return gap(meanOf(b.right, of), meanOf(local.right, of), meanOf(large.right, of))
	})
	if b == local {
		return // a mean over samples answers no question
	}
	for i, v := range b.right {
		switch {
		case v < majority.right[i]:
			b.Regressions++
		case v > majority.right[i]:
			b.Fixed++
		}
	}
}

// baselines are the other ways over the same answers.
func baselines(rows []*evalRow, draw [][]int) []*evalWay {
	names := []string{"local", "majority", "large, whole text", "large, briefly", "verdict only", "ten yes/no questions", "direct call, brotli"}
	out := make([]*evalWay, len(names))
	for i, name := range names {
		out[i] = &evalWay{Name: name}
	}
	for _, row := range rows {
		cs, lead := row.candidates(), number(row.scores(row.leading()))
		request, whole := callBody(row.Question), replyBody(row.Large.Text)
		out[0].add(row.chance(), 0, 0, 0)
		out[1].add(lead, 0, 0, 0)
		large, bits := number(row.Large.Correct), 8*float64(len(row.Large.Text))
		out[2].add(large, bits, float64(len(request)), float64(len(whole)))
		out[3].add(number(row.brief.Correct), 8*float64(len(row.brief.Text)), float64(len(request)), float64(len(replyBody(row.brief.Text))))
		// One bit says whether the leading answer is right; if not, the next best is taken.
		verdict := lead
		if len(cs) > 1 && cs[0].final != row.Large.final {
			verdict = number(row.scores(cs[1].final))
		}
		out[4].add(verdict, number(len(cs) > 0), 0, 0)
		found, asked := bisect(cs, len(row.Small.Samples), row.Large.final)
		out[5].add(number(row.scores(found)), float64(asked), 0, 0)
		out[6].add(large, bits, float64(brotlied(request)), float64(brotlied(whole)))
	}
	for _, b := range out {
		b.sum(draw, out[0], out[1], out[2])
	}
	return out
}

// mostAsked is how many yes/no questions the bisection may ask.
const mostAsked = 10

// bisect looks for the answer with yes/no questions, each "is it one of these?"
// about a part that has half of the weight: a candidate's square of votes, and
// for "none of them" what the odds of our replies give it. One bit each. What it
// ends with: the most voted of what is left, or the leading candidate where it is
// none of them.
func bisect(cs []ballot, samples int, answer string) (found string, asked int) {
	if len(cs) == 0 {
		return "", 0
	}
	weights := make([]int, len(cs)+1)
	at := len(cs) // none of them
	for i, c := range cs {
		weights[i] = c.votes * c.votes
		if c.final == answer {
			at = i
		}
	}
	weights[len(cs)] = max(samples+len(cs)-1, 1)
	low, high := 0, len(weights)
	for ; high-low > 1 && asked < mostAsked; asked++ {
		mid := halve(weights[low:high]) + low
		if at < mid {
			high = mid
		} else {
			low = mid
		}
	}
	if low == len(cs) {
		low = 0
	}
	return cs[low].final, asked
}

// halve is where the weights before and from there on differ least, with at
// least one on each side.
func halve(weights []int) (at int) {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	best, before := -1, 0
	for i, w := range weights[:len(weights)-1] {
		before += w
		if d := max(2*before-sum, sum-2*before); best < 0 || d < best {
			best, at = d, i+1
		}
	}
	return at
}

func callBody(question string) []byte {
	b, _ := json.Marshal(map[string]any{"model": "large", "messages": []any{map[string]string{"role": "user", "content": question}}})
	return b
}

func replyBody(text string) []byte {
	b, _ := json.Marshal(map[string]any{
		"id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012", "object": "chat.completion", "created": 1764000000, "model": "large",
		"choices": []any{map[string]any{"index": 0, "message": map[string]any{"role": "assistant", "content": text, "refusal": nil}, "logprobs": nil, "finish_reason": "stop"}},
		"usage":   map[string]int{"prompt_tokens": 100, "completion_tokens": len(text) / 4, "total_tokens": 100 + len(text)/4},
	})
	return b
}

func brotlied(b []byte) int {
	packed, _ := brotliPack(b, nil) // to memory
	return len(packed)
}

// tallyOf is what the edge's drafter counts of a row.
func tallyOf(row *evalRow) (t policy.Tally, lead string) {
	cs := row.candidates()
	if len(cs) == 0 {
		return t, ""
	}
	t = policy.Tally{Samples: len(row.Small.Samples), Lead: cs[0].votes, Candidates: len(cs)}
	i := slices.IndexFunc(row.Small.Samples, func(s recorded) bool { return s.final == cs[0].final })
	t.LogProb = row.Small.Samples[i].LogProb
	return t, cs[0].final
}
