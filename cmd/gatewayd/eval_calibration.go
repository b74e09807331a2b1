package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"text/tabwriter"

	"tenbit/policy"
)

// evidence is one question with a leading answer: what the edge knows of it and
// whether it was right.
type evidence struct {
	tally  policy.Tally
	right  float64
	weight float64
}

// gather reads the evidence of a set.
func gather(rows []*evalRow) (out []evidence) {
	for _, row := range rows {
		t, lead := tallyOf(row)
		if lead == "" || row.Large.Answer == "" && row.Gold == "" {
			continue
		}
		out = append(out, evidence{t, number(row.scores(lead)), 1})
	}
	return out
}

// calibrated says how well confidence foretells that the leading answer is right.
type calibrated struct {
	N     int            `json:"n"` // questions with a leading answer
	Right float64        `json:"right"`
	Ways  []*reliability `json:"ways"`
	// Fitted is what all questions of the file make of it.
	Fitted policy.Calibration `json:"fitted"`
}

// reliability is one way to make confidence of votes: its Brier score, its
// expected calibration error over ten bins, and the bins.
type reliability struct {
	Name  string  `json:"name"`
	Brier float64 `json:"brier"`
	ECE   float64 `json:"ece"`
	Bins  []bin   `json:"bins"`
}

// bin holds the questions with a confidence from Low to Low+0.1.
type bin struct {
	Low   float64 `json:"low"`
	N     int     `json:"n"`
	Sure  float64 `json:"confidence"` // mean
	Right float64 `json:"right"`
}

// folds is in how many parts a file is cut: each is judged by a fit to the others.
const folds = 10

// minEvidence is how many questions a fit needs.
const minEvidence = 20

// calibrate measures the share of votes, the calibration that is in force, and a
// fit to the file's other questions. Nil: too few questions.
func calibrate(rows []*evalRow, now policy.Calibration, seed uint64) *calibrated {
	all := gather(rows)
	if len(all) < minEvidence {
		return nil
	}
	rand.New(rand.NewPCG(seed, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c := &calibrated{N: len(all), Fitted: fit(all)}
	var share, shipped, crossed []float64
	for f := range folds {
		var others []evidence
		for i, e := range all {
			if i*folds/len(all) != f {
				others = append(others, e)
			}
		}
		k := fit(others)
		for i, e := range all {
			if i*folds/len(all) == f {
				crossed = append(crossed, k.Of(e.tally))
			}
		}
	}
	for _, e := range all {
		c.Right += e.right / float64(len(all))
		share = append(share, float64(e.tally.Lead)/float64(e.tally.Samples))
		shipped = append(shipped, now.Of(e.tally))
	}
	c.Ways = []*reliability{reliable("share of votes", share, all), reliable("as it is", shipped, all), reliable("fitted, cross-validated", crossed, all)}
	return c
}

// reliable compares confidences with what was right.
func reliable(name string, sure []float64, all []evidence) *reliability {
	r := &reliability{Name: name, Bins: make([]bin, folds)}
	for i, p := range sure {
		b := &r.Bins[min(int(p*float64(len(r.Bins))), len(r.Bins)-1)]
		b.N++
		b.Sure += p
		b.Right += all[i].right
		r.Brier += (p - all[i].right) * (p - all[i].right) / float64(len(sure))
	}
	for i := range r.Bins {
		b := &r.Bins[i]
		b.Low = float64(i) / float64(len(r.Bins))
		r.ECE += math.Abs(b.Sure-b.Right) / float64(len(sure))
		b.Sure /= float64(max(b.N, 1))
		b.Right /= float64(max(b.N, 1))
	}
	return r
}

func (c *calibrated) print(w io.Writer) {
	fmt.Fprintf(w, "\nconfidence that the leading answer is right, as it is in %.1f %% of %d questions:\n\n", 100*c.Right, c.N)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tBrier\tECE\t")
	for _, b := range c.Ways[0].Bins {
		fmt.Fprintf(t, "%.1f-\t", b.Low)
	}
	fmt.Fprintln(t)
	for _, r := range c.Ways {
		fmt.Fprintf(t, "%s\t%.4f\t%.4f\t", r.Name, r.Brier, r.ECE)
		for _, b := range r.Bins {
			if b.N == 0 {
				fmt.Fprint(t, "\t")
				continue
			}
			fmt.Fprintf(t, "%.0f/%.0f of %d\t", 100*b.Right, 100*b.Sure, b.N)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "(percent right/confidence of so many)\n\n%s", snippet(c.Fitted))
}

// snippet is a calibration as an edge's configuration says it.
func snippet(c policy.Calibration) []byte {
	return fmt.Appendf(nil, "policy:\n  calibration: {bias: %.4f, share: %.4f, candidates: %.4f, certain: %.4f, logprob: %.4f}\n",
		c.Bias, c.Share, c.Candidates, c.Certain, c.LogProb)
}
