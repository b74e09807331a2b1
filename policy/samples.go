package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"tenbit"
)

// Stop says when no more samples of a closed question are drawn.
type Stop int

// The choices. What they decide follows from the samples in the order of their
// seeds, whatever order they end in: a repeated question draws the same.
const (
	// StopNever draws all.
	StopNever Stop = iota
	// StopSure ends once the gate keeps the draft whatever the others say: the
	// answer and its price, nothing, are those of all samples.
	StopSure
	// StopDecided ends also once the leading answer stays the leading one and
	// goes to the far side, whatever the others say: fewer samples, and more
	// bits, since votes are the odds of the reply.
	StopDecided
)

var stopNames = []string{"never", "sure", "decided"}

// ParseStop reads the name of a choice.
func ParseStop(s string) (Stop, error) {
	if i := slices.Index(stopNames, s); i >= 0 {
		return Stop(i), nil
	}
	return 0, fmt.Errorf("%.40q is not one of never, sure, decided", s)
}

func (s Stop) String() string { return stopNames[s] }

// draw draws the other samples of a question, those that fail left empty, and
// ends early where the votes have decided: those after are cancelled and are not
// in the result. drawn counts all that were asked for, usage sums them up.
func (d Drafter) draw(ctx context.Context, req tenbit.Request, first tenbit.Completion) (samples []tenbit.Completion, drawn int, usage tenbit.Usage) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := max(d.Samples, 1)
	w := drawing{d: d, req: req, all: make([]tenbit.Completion, n), ended: make([]bool, n), drawn: 1}
	w.end(0, first, nil)
	// The function waits for its samples, all of which end with ctx.
	var g errgroup.Group
	g.SetLimit(max(d.Parallel, 1))
	for i := 1; i < n && !w.done(); i++ {
		g.Go(func() error {
			if !w.begin() {
				return nil
			}
			seed := d.Seed + int64(i) - 1
			c, err := d.Local.Complete(ctx, req, tenbit.Sampling{Temperature: &d.Temperature, Seed: &seed, LogProbs: true})
			if w.end(i, c, err) {
				cancel()
			}
			return nil
		})
	}
	_ = g.Wait() // the samples return no errors
	return w.all[:w.known], w.drawn, w.usage
}

// drawing is a draw under way.
type drawing struct {
	d   Drafter
	req tenbit.Request

	mu      sync.Mutex // guards all below
	all     []tenbit.Completion
	ended   []bool
	known   int // as many samples from the first on have ended
	votes   []counted
	decided bool
	drawn   int
	usage   tenbit.Usage
}

func (w *drawing) done() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.decided
}

// begin counts a sample, unless no more are wanted.
func (w *drawing) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.decided {
		w.drawn++
	}
	return !w.decided
}

// end takes a sample and reports whether it was the one that decided.
func (w *drawing) end(i int, c tenbit.Completion, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.usage.Prompt += c.Usage.Prompt
	w.usage.Completion += c.Usage.Completion
	if w.decided {
		return false
	}
	if w.ended[i] = true; err == nil {
		w.all[i] = c
	}
	for w.known < len(w.all) && w.ended[w.known] {
		if w.d.Stop != StopNever {
			w.votes = count(w.votes, w.req, w.all[w.known], w.known)
		}
		w.known++
		if w.d.decides(w.votes, len(w.all), len(w.all)-w.known) {
			w.decided = true
			return true
		}
	}
	return false
}

// decides reports whether votes settle what n samples would, left of which are
// still to come.
func (d Drafter) decides(cs []counted, n, left int) bool {
	if d.Stop == StopNever || left <= 0 || len(cs) == 0 || cs[0].first.Finish == "" || !stays(cs, left) {
		return false
	}
	// Confidence rises with the leading answer's votes and falls with the number
	// of others, so these two bound it.
	worst := Tally{Samples: n, Lead: cs[0].Votes, Candidates: len(cs) + left, LogProb: cs[0].first.LogProb}
	best := worst
	best.Lead, best.Candidates = worst.Lead+left, len(cs)
	if d.Calibration.Of(worst) >= d.Gate.Confidence {
		return true
	}
	return d.Stop == StopDecided && d.Calibration.Of(best) < d.Gate.Confidence
}

// stays reports whether the leading candidate stays that, with so many votes
// left: on ties the first seen leads.
func stays(cs []counted, left int) bool {
	lead := cs[0]
	for _, c := range cs[1:] {
		if most := c.Votes + left; most > lead.Votes || most == lead.Votes && c.at < lead.at {
			return false
		}
	}
	return left <= lead.Votes // for an answer that nobody gave yet
}

// counted is a candidate with the first sample that gave it.
type counted struct {
	tenbit.Candidate
	first tenbit.Completion
	at    int // the sample's place
}

// count adds a sample to the votes, which stand with the most first, and the
// first seen on ties.
func count(cs []counted, req tenbit.Request, s tenbit.Completion, at int) []counted {
	a, ok := AnswerOf(req, s.Message)
	if !ok {
		return cs
	}
	i := slices.IndexFunc(cs, func(c counted) bool { return c.Answer == a })
	if i < 0 {
		i = len(cs)
		cs = append(cs, counted{tenbit.Candidate{Answer: a}, s, at})
	}
	cs[i].Votes++
	slices.SortFunc(cs, func(a, b counted) int { return cmp.Or(b.Votes-a.Votes, a.at-b.at) })
	return cs
}
