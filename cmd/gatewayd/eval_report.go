package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"tenbit"
	"tenbit/codec"
)

// evalReport is what one file came to. Accuracies and shares are from 0 to 1,
// intervals hold 95 % of a bootstrap over questions.
type evalReport struct {
	File        string         `json:"file"`
	N           int            `json:"n"`
	Local       float64        `json:"local"`    // mean accuracy of a single small sample
	Majority    float64        `json:"majority"` // of the most voted answer, the first on ties
	Large       float64        `json:"large"`
	Accuracy    float64        `json:"accuracy"` // of what the client got
	AccuracyCI  [2]float64     `json:"accuracy_ci"`
	Gap         float64        `json:"gap_recovered"`
	GapCI       [2]float64     `json:"gap_ci"`
	Mean        float64        `json:"bits_mean"`
	MeanCI      [2]float64     `json:"bits_ci"`
	P50         float64        `json:"bits_p50"`
	P90         float64        `json:"bits_p90"`
	Max         float64        `json:"bits_max"`
	Regressions int            `json:"regressions"`
	Fixed       int            `json:"fixed"`
	Agreement   float64        `json:"agreement"`
	Modes       map[string]int `json:"modes"`
	Up          float64        `json:"up_bytes_mean"`
	Down        float64        `json:"down_bytes_mean"`
	Question    float64        `json:"question_bytes_mean"`         // the question alone, coded with the prior
	Samples     float64        `json:"samples_mean"`                // drawn of the small model
	Extract     *float64       `json:"extract_agreement,omitempty"` // share of the texts with a recorded answer where ours is the same
	Verdicts    *float64       `json:"extract_verdicts,omitempty"`  // share of the samples where both say alike whether it has the large model's answer
	MaxBits     float64        `json:"max_bits,omitempty"`
	Price       float64        `json:"price,omitempty"` // bits that one more right answer was worth
	Baselines   []*evalWay     `json:"baselines"`
	Calibration *calibrated    `json:"calibration,omitempty"`
}

func report(o evalOptions, set *evalSet, outcomes []outcome) *evalReport {
	rows := set.rows
	r := &evalReport{File: set.file, N: len(rows), Modes: map[string]int{}}
	if o.limit < uncapped {
		r.MaxBits = inBits(o.limit)
	}
	if o.price.Answer > 0 {
		r.Price = inBits(o.price.Answer)
	}
	draw, facts := resample(o.seed, len(rows)), set.known(o.seed)
	r.Baselines, r.Question = facts.baselines, facts.question
	local, majority, large := r.Baselines[0], r.Baselines[1], r.Baselines[2]
	ours := &evalWay{Name: "tenbit"}
	var asked, agreed int
	for i, row := range rows {
		out := outcomes[i]
		ours.add(number(row.scores(out.final)), inBits(out.cost.Bits), float64(out.cost.WireUp), float64(out.cost.WireDown))
		r.Samples += float64(out.drawn) / float64(len(rows))
		r.Modes[string(out.route)]++
		if row.Large.Answer != "" {
			asked++
			agreed += int(number(out.final == row.Large.final))
		}
	}
	ours.sum(draw, local, majority, large)
	r.Local, r.Majority, r.Large = local.Accuracy, majority.Accuracy, large.Accuracy
	r.Accuracy, r.AccuracyCI, r.Gap, r.GapCI, r.Mean, r.MeanCI = ours.Accuracy, ours.AccuracyCI, ours.Gap, ours.GapCI, ours.Bits, ours.BitsCI
	r.Regressions, r.Fixed, r.Up, r.Down = ours.Regressions, ours.Fixed, ours.Up, ours.Down
	r.Agreement = float64(agreed) / float64(max(asked, 1))
	sorted := slices.Sorted(slices.Values(ours.bits))
	r.P50, r.P90, r.Max = sorted[len(sorted)/2], sorted[len(sorted)*9/10], sorted[len(sorted)-1]
	if o.extract {
		texts, verdicts := extracted(rows)
		r.Extract, r.Verdicts = &texts, &verdicts
	}
	return r
}

// evalFacts are what a set comes to however its questions are asked.
type evalFacts struct {
	baselines []*evalWay
	question  float64 // bytes of a question, coded
}

func (set *evalSet) known(seed uint64) *evalFacts {
	if set.facts == nil {
		set.facts = &evalFacts{baselines: baselines(set.rows, resample(seed, len(set.rows)))}
		for _, row := range set.rows {
			set.facts.question += float64(len(codec.Pack(codec.Default(), []byte(row.Question)))) / float64(len(set.rows))
		}
	}
	return set.facts
}

func inBits(b tenbit.Bits) float64 { return float64(b) / float64(tenbit.Bit) }

// print writes the report for people.
func (r *evalReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %d questions\n\n", r.File, r.N)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\taccuracy\t95 %\tbits a question\t95 %\tbytes up\tbytes down\tfixed\tregressions\t")
	ours := &evalWay{
		Name: "tenbit", Accuracy: r.Accuracy, AccuracyCI: r.AccuracyCI, Bits: r.Mean, BitsCI: r.MeanCI,
		Up: r.Up, Down: r.Down, Fixed: r.Fixed, Regressions: r.Regressions,
	}
	for _, b := range append(r.Baselines[:len(r.Baselines):len(r.Baselines)], ours) {
		fmt.Fprintf(t, "%s\t%.1f %%\t%.1f-%.1f\t%.3f\t%.3f-%.3f\t%.0f\t%.0f\t%d\t%d\t\n", b.Name, 100*b.Accuracy, 100*b.AccuracyCI[0], 100*b.AccuracyCI[1],
			b.Bits, b.BitsCI[0], b.BitsCI[1], b.Up, b.Down, b.Fixed, b.Regressions)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\ngap recovered %.3f [%.3f, %.3f]; bits p50 %.3f, p90 %.3f, most %.3f; agreement with the large model %.3f\n",
		r.Gap, r.GapCI[0], r.GapCI[1], r.P50, r.P90, r.Max, r.Agreement)
	fmt.Fprintf(w, "modes %v; %.2f samples a question; the question alone %.0f bytes\n", r.Modes, r.Samples, r.Question)
	if r.MaxBits > 0 || r.Price > 0 {
		fmt.Fprintf(w, "at most %g bits a question, %g for a right answer (0: whatever it takes)\n", r.MaxBits, r.Price)
	}
	if r.Extract != nil {
		fmt.Fprintf(w, "our extraction finds the recorded answer in %.2f %% of the texts; for %.2f %% of the samples both say alike whether it has the large model's\n", 100**r.Extract, 100**r.Verdicts)
	}
	if r.Calibration != nil {
		r.Calibration.print(w)
	}
}
