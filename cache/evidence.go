package cache

import (
	"cmp"
	"slices"
)

// Verdict is what was found of an entry's answer for a question as similar as this.
type Verdict struct {
	Similarity float32
	Right      bool
}

// alpha is how often a bound on a share may be wrong: one in twenty.
const alpha = 0.05

// firstWindow is the fewest verdicts that a bound rests on: before that nothing
// is known.
const firstWindow = 8

// blur is how far similarities may lie apart and still be the same: vector sets
// round to eight bits.
const blur = 0.01

// maxVerdicts bounds what is remembered of an entry; the oldest go.
const maxVerdicts = 512

// evidence are verdicts, oldest first.
type evidence []Verdict

func (e evidence) with(v Verdict) evidence {
	if len(e) >= maxVerdicts {
		e = e[len(e)-maxVerdicts+1:]
	}
	return append(slices.Clip(e), v)
}

// right bounds from below, with confidence 1-alpha, how often the answer is
// right at similarity s. It rests on one assumption: answers are no less often
// right for questions that are more similar. Then verdicts at s and below are
// right no more often than they would be at s. The nearest 8, 16, 32 ... and all
// of them are tried, each with its part of alpha, so that an old error further
// below does not count for ever. Where the assumption fails, and the nearest are
// wrong more often than those below, these say no more than the nearest allow.
func (e evidence) right(s float32) float64 {
	below := slices.DeleteFunc(slices.Clone(e), func(v Verdict) bool { return v.Similarity > s+blur })
	slices.SortStableFunc(below, func(a, b Verdict) int { return cmp.Compare(b.Similarity, a.Similarity) })
	best, most := 0.0, 1.0
	each(below, func(k, n int, a float64) {
		best = max(best, min(atLeast(k, n, a), most))
		most = min(most, atMost(k, n, a))
	})
	return best
}

// rightAtMost bounds it from above: verdicts at s and above are right no less often.
func (e evidence) rightAtMost(s float32) float64 {
	over := slices.DeleteFunc(slices.Clone(e), func(v Verdict) bool { return v.Similarity < s-blur })
	slices.SortStableFunc(over, func(a, b Verdict) int { return cmp.Compare(a.Similarity, b.Similarity) })
	best := 1.0
	each(over, func(k, n int, a float64) { best = min(best, atMost(k, n, a)) })
	return best
}

// each tells f how many of the first n verdicts are right, for each n that is
// looked at, and the part of alpha that it may take. Verdicts that are equally
// similar stay together.
func each(sorted evidence, f func(k, n int, alpha float64)) {
	var sizes []int
	for n := firstWindow; n < len(sorted); n *= 2 {
		m := n
		for m < len(sorted) && sorted[m].Similarity == sorted[m-1].Similarity {
			m++
		}
		if m < len(sorted) && (len(sizes) == 0 || sizes[len(sizes)-1] != m) {
			sizes = append(sizes, m)
		}
	}
	if len(sorted) >= firstWindow {
		sizes = append(sizes, len(sorted))
	}
	k, i := 0, 0
	for _, n := range sizes {
		for ; i < n; i++ {
			if sorted[i].Right {
				k++
			}
		}
		f(k, n, alpha/float64(len(sizes)))
	}
}

// chance is how often an answer that is right with probability p may go out
// unseen, so that of all that goes out, what verdicts confirmed included, at
// most a share of rate is wrong: q(1-p) <= rate (q + (1-q)p).
func chance(p, rate float64) float64 {
	if rate <= 0 || p <= 0 {
		return 0
	}
	if p >= 1-rate {
		return 1
	}
	return rate * p / ((1 - rate) * (1 - p))
}
