package policy

import (
	"context"
	"slices"

	"tenbit"
)

// Drafter asks the local model. The zero value draws one sample of everything.
type Drafter struct {
	Local       Model
	Samples     int     // of a closed question, the first draft included
	Temperature float64 // of every sample but the first, which is as the request says
	Seed        int64   // of the first extra sample; the others count on from it
	Parallel    int     // samples in flight at once; 0: one
	Stop        Stop    // when fewer samples will do
	Gate        Gate    // what Stop goes by
	Calibration Calibration
	// ClosedOnly says that the model knows closed questions alone, as the embedded
	// ones do: of others it is never sure, however probable its tokens are.
	ClosedOnly bool
}

// Draft is what the local model makes of a request.
type Draft struct {
	// Completion is the answer: the first sample of the leading candidate where
	// there are candidates, else the first draft.
	Completion tenbit.Completion
	// Candidates are the distinct final answers of a closed question, most
	// votes first, first seen on ties; nil for open questions.
	Candidates []tenbit.Candidate
	// Samples are the first completion that gave each candidate.
	Samples []tenbit.Completion
	// Tally is what Confidence rests on where there are candidates.
	Tally Tally
	// Confidence is from 0 to 1: how likely Completion is right, by the
	// calibration where there are candidates, else by its tokens' probability.
	Confidence float64
	// Drawn counts the completions asked for; Usage is the sum over them.
	Drawn int
	Usage tenbit.Usage
}

// Draft answers req with the local model: once as the request says, and where
// that shows a closed question, or breaks off, or the question looks closed, up to Samples-1 times
// more at a temperature with seeds of their own. A sample that fails is left out; only the first draft's
// error is returned, with what came of it.
func (d Drafter) Draft(ctx context.Context, req tenbit.Request) (Draft, error) {
	first, err := d.Local.Complete(ctx, req, tenbit.Sampling{LogProbs: true})
	out := Draft{Completion: first, Drawn: 1, Usage: first.Usage}
	if err != nil {
		return out, err
	}
	closed := Closed(req, first.Message)
	if !closed && !seeks(req) && !(plain(req) && unfinished(first)) {
		out.Confidence = d.certainty(first)
		return out, nil
	}
	samples, drawn, usage := d.draw(ctx, req, first)
	out.Drawn, out.Usage = drawn, usage
	if err := ctx.Err(); err != nil {
		return out, err
	}
	if !closed && !slices.ContainsFunc(samples, func(c tenbit.Completion) bool { return Closed(req, c.Message) }) {
		out.Confidence = d.certainty(first)
		return out, nil
	}
	out.vote(req, samples)
	if d.ClosedOnly && !seeks(req) { // it answers whatever it is asked with a number
		return out, nil
	}
	out.Confidence = d.Calibration.Of(out.Tally)
	return out, nil
}

// Ask is what the edge tells the far side of the draft of req: the candidates
// where there are any, else the draft. Of JSON and tool calls the draft goes,
// too, where the samples disagree: most of a full reply is like it then.
func (d Draft) Ask(req tenbit.Request) tenbit.Ask {
	ask := tenbit.Ask{Request: req, Candidates: hashed(req, d.Candidates)}
	if d.Completion.Finish != "" && (len(d.Candidates) == 0 || special(req) && !d.settled()) {
		ask.Draft = &d.Completion.Message
	}
	return ask
}

// settled reports whether more samples gave the leading answer than all others.
func (d Draft) settled() bool {
	n := 0
	for _, c := range d.Candidates {
		n += c.Votes
	}
	return 2*d.Candidates[0].Votes > n
}

// vote counts final answers. A sample without one has no vote, but counts as a
// doubt in the confidence.
func (d *Draft) vote(req tenbit.Request, samples []tenbit.Completion) {
	var cs []counted
	for i, s := range samples {
		cs = count(cs, req, s, i)
	}
	for _, c := range cs[:min(len(cs), maxCandidates)] {
		d.Candidates = append(d.Candidates, c.Candidate)
		d.Samples = append(d.Samples, c.first)
	}
	d.Completion = d.Samples[0]
	d.Tally = Tally{Samples: len(samples), Lead: cs[0].Votes, Candidates: len(cs), LogProb: d.Completion.LogProb}
}

// Gate decides whether a draft needs the far side at all.
type Gate struct {
	// Confidence from which a draft is good enough, 0 to 1. Confidence never
	// reaches 1 while a doubt is possible, so 1 sends nearly everything on.
	Confidence float64
}

// Local reports whether the draft answers the client as it is, for no bits. A
// draft that its model could not end never does.
func (g Gate) Local(d Draft) bool {
	return d.Completion.Finish != "" && d.Confidence >= g.Confidence
}
