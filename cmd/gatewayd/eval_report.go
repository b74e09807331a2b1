package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"slices"
	"text/tabwriter"

	"tenbit"
	"tenbit/codec"
	"tenbit/policy"
)

// evalReport is what one file came to. Accuracies and shares are from 0 to 1.
type evalReport struct {
	File          string         `json:"file"`
	N             int            `json:"n"`
	Local         float64        `json:"local"`    // mean accuracy of a single small sample
	Majority      float64        `json:"majority"` // of the most voted answer, the first on ties
	Large         float64        `json:"large"`
	Accuracy      float64        `json:"accuracy"` // of what the client got
	AccuracyCI    [2]float64     `json:"accuracy_ci"`
	Gap           float64        `json:"gap_recovered"`
	GapCI         [2]float64     `json:"gap_ci"`
	Mean          float64        `json:"bits_mean"`
	MeanCI        [2]float64     `json:"bits_ci"`
	P50           float64        `json:"bits_p50"`
	P90           float64        `json:"bits_p90"`
	Max           float64        `json:"bits_max"`
	Regressions   int            `json:"regressions"`
	Fixed         int            `json:"fixed"`
	Agreement     float64        `json:"agreement"`
	Modes         map[string]int `json:"modes"`
	Up            float64        `json:"up_bytes_mean"`
	Down          float64        `json:"down_bytes_mean"`
	Question      float64        `json:"question_bytes_mean"` // the question alone, coded with the prior
	Extract       *float64       `json:"extract_agreement,omitempty"`
	MaxBits       float64        `json:"max_bits,omitempty"`
	Baselines     []baseline     `json:"baselines"`
	Calibration   []bin          `json:"calibration"`
	CalibrationOf string         `json:"calibration_of"`
}

// baseline is another way to get answers. Its bits are those of the answer,
// without any model of ours; its bytes those of one HTTP body each way.
type baseline struct {
	Name     string  `json:"name"`
	Accuracy float64 `json:"accuracy"`
	Bits     float64 `json:"bits_mean"`
	Up       float64 `json:"up_bytes_mean"`
	Down     float64 `json:"down_bytes_mean"`
}

// bin holds the questions whose leading candidate has a share of the votes from
// Low on: how many, and how often the candidate is the large model's answer.
type bin struct {
	Low   float64 `json:"low"`
	N     int     `json:"n"`
	Agree float64 `json:"agree"`
}

func report(file string, o evalOptions, rows []*replayRow, outcomes []outcome) *evalReport {
	r := &evalReport{File: file, N: len(rows), Modes: map[string]int{}, CalibrationOf: "share of votes"}
	if o.limit < uncapped {
		r.MaxBits = float64(o.limit) / float64(tenbit.Bit)
	}
	n := float64(len(rows))
	var right, local, large, price []float64
	var extracted, same, asked, agreed int
	for i, row := range rows {
		out := outcomes[i]
		lead := row.leading()
		right = append(right, number(row.scores(out.final)))
		local = append(local, row.chance())
		large = append(large, number(row.Large.Correct))
		price = append(price, float64(out.cost.Bits)/float64(tenbit.Bit))
		r.Majority += number(lead.Correct) / n
		r.Up += float64(out.cost.WireUp) / n
		r.Down += float64(out.cost.WireDown) / n
		r.Question += float64(len(codec.Pack(codec.Default(), []byte(row.Question)))) / n
		r.Modes[string(out.route)]++
		switch {
		case lead.Correct && !row.scores(out.final):
			r.Regressions++
		case !lead.Correct && row.scores(out.final):
			r.Fixed++
		}
		if row.Large.Answer != "" {
			asked++
			if out.final == row.Large.final {
				agreed++
			}
			for _, s := range row.Small.Samples {
				if o.extract && s.Answer != "" {
					extracted++
					if (s.final == row.Large.final) == (s.Answer == row.Large.Answer) {
						same++
					}
				}
			}
		}
	}
	r.Accuracy, r.Local, r.Large, r.Mean = mean(right), mean(local), mean(large), mean(price)
	r.Gap = gap(r.Accuracy, r.Local, r.Large)
	r.Agreement = float64(agreed) / float64(max(asked, 1))
	if o.extract {
		share := float64(same) / float64(max(extracted, 1))
		r.Extract = &share
	}
	sorted := slices.Sorted(slices.Values(price))
	r.P50, r.P90, r.Max = sorted[len(sorted)/2], sorted[len(sorted)*9/10], sorted[len(sorted)-1]
	r.AccuracyCI, r.GapCI, r.MeanCI = bootstrap(o.seed, right, local, large, price)
	r.Baselines = baselines(rows)
	r.Calibration = calibration(rows)
	return r
}

// scores is whether a final answer is right: as the recorded model's that gave
// it, or else as the gold one.
func (row *replayRow) scores(final string) bool {
	if final == "" {
		return false
	}
	if final == row.Large.final && row.Large.Answer != "" {
		return row.Large.Correct
	}
	for _, s := range row.Small.Samples {
		if s.final == final && s.Answer != "" {
			return s.Correct
		}
	}
	gold, _, _ := policy.Extract(row.Question, "Answer: "+row.Gold)
	return final == gold
}

// leading is the first sample with the most voted answer.
func (row *replayRow) leading() recorded {
	if cs := row.candidates(); len(cs) > 0 {
		return cs[0]
	}
	return recorded{}
}

// chance is the mean accuracy of a single sample.
func (row *replayRow) chance() float64 {
	n := 0.0
	for _, s := range row.Small.Samples {
		n += number(s.Correct)
	}
	return n / float64(len(row.Small.Samples))
}

func gap(accuracy, local, large float64) float64 {
	if large == local {
		return 0
	}
	return (accuracy - local) / (large - local)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}

// resamples is how often the bootstrap draws the questions anew.
const resamples = 1000

// bootstrap gives 95 % intervals of accuracy, gap recovered and mean bits, over questions.
func bootstrap(seed uint64, right, local, large, price []float64) (accuracy, gaps, bits [2]float64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var a, g, b []float64
	for range resamples {
		var sums [4]float64
		for range right {
			i := rng.IntN(len(right))
			for k, v := range [][]float64{right, local, large, price} {
				sums[k] += v[i] / float64(len(right))
			}
		}
		a, g, b = append(a, sums[0]), append(g, gap(sums[0], sums[1], sums[2])), append(b, sums[3])
	}
	interval := func(v []float64) [2]float64 {
		slices.Sort(v)
		return [2]float64{v[len(v)/40], v[len(v)-1-len(v)/40]}
	}
	return interval(a), interval(g), interval(b)
}

// baselines are the other ways over the same recorded answers.
func baselines(rows []*replayRow) []baseline {
	n := float64(len(rows))
	out := make([]baseline, 7)
	for i, name := range []string{"local", "majority", "large, whole text", "large, briefly", "verdict only", "ten yes/no questions", "direct call, brotli"} {
		out[i].Name = name
	}
	for _, row := range rows {
		lead, large := row.leading(), number(row.Large.Correct)
		cands := row.candidates()
		add := func(i int, accuracy, bits, up, down float64) {
			b := &out[i]
			b.Accuracy += accuracy / n
			b.Bits += bits / n
			b.Up += up / n
			b.Down += down / n
		}
		request := callBody(row.Question)
		whole, brief := replyBody(row.Large.Text), replyBody(row.Large.Answer)
		add(0, row.chance(), 0, 0, 0)
		add(1, number(lead.Correct), 0, 0, 0)
		add(2, large, 8*float64(len(row.Large.Text)), float64(len(request)), float64(len(whole)))
		add(3, large, 8*float64(len(row.Large.Answer)), float64(len(request)), float64(len(brief)))
		// One bit says whether the leading answer is right; if not, the next best is taken.
		verdict := number(lead.Correct)
		if len(cands) > 1 && cands[0].final != row.Large.final {
			verdict = number(cands[1].Correct)
		}
		add(4, verdict, 1, 0, 0)
		// Bisection: halve the votes of what is left, "none of them" included, ten times at most.
		found, questions := bisect(cands, row.Large.final)
		got := number(lead.Correct)
		if found {
			got = large
		}
		add(5, got, float64(questions), 0, 0)
		add(6, large, 8*float64(len(row.Large.Text)), float64(brotlied(request)), float64(brotlied(whole)))
	}
	return out
}

// candidates are the first sample of each final answer, most votes first.
func (row *replayRow) candidates() []recorded {
	votes := map[string]int{}
	var cs []recorded
	for _, s := range row.Small.Samples {
		if s.final == "" {
			continue
		}
		if votes[s.final]++; votes[s.final] == 1 {
			cs = append(cs, s)
		}
	}
	slices.SortStableFunc(cs, func(a, b recorded) int { return votes[b.final] - votes[a.final] })
	return cs
}

// bisect asks yes/no questions about sets of candidates until one is left, and
// reports whether that is the answer. "None of them" is one more candidate.
func bisect(cands []recorded, answer string) (found bool, questions int) {
	found = slices.ContainsFunc(cands, func(c recorded) bool { return c.final == answer })
	return found, min(bits.Len(uint(len(cands))), 10)
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

// calibration says how often the leading candidate is the large model's answer,
// by its share of the votes.
func calibration(rows []*replayRow) []bin {
	bins := []bin{{Low: 0}, {Low: 0.2}, {Low: 0.4}, {Low: 0.6}, {Low: 0.8}, {Low: 1}}
	for _, row := range rows {
		cs := row.candidates()
		if len(cs) == 0 || row.Large.Answer == "" {
			continue
		}
		votes := 0
		for _, s := range row.Small.Samples {
			votes += int(number(s.final == cs[0].final))
		}
		share := float64(votes) / float64(len(row.Small.Samples))
		i := len(bins) - 1
		for bins[i].Low > share {
			i--
		}
		bins[i].N++
		bins[i].Agree += number(cs[0].final == row.Large.final)
	}
	for i := range bins {
		bins[i].Agree /= float64(max(bins[i].N, 1))
	}
	return bins
}

// print writes the report for people.
func (r *evalReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %d questions\n\n", r.File, r.N)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\taccuracy\tbits a question\tbytes up\tbytes down\t")
	for _, b := range r.Baselines {
		fmt.Fprintf(t, "%s\t%.1f %%\t%.1f\t%.0f\t%.0f\t\n", b.Name, 100*b.Accuracy, b.Bits, b.Up, b.Down)
	}
	fmt.Fprintf(t, "tenbit\t%.1f %%\t%.3f\t%.0f\t%.0f\t\n", 100*r.Accuracy, r.Mean, r.Up, r.Down)
	_ = t.Flush()
	fmt.Fprintf(w, "\ngap recovered %.3f [%.3f, %.3f], accuracy [%.3f, %.3f], bits [%.3f, %.3f], p50 %.3f, p90 %.3f, most %.3f\n",
		r.Gap, r.GapCI[0], r.GapCI[1], r.AccuracyCI[0], r.AccuracyCI[1], r.MeanCI[0], r.MeanCI[1], r.P50, r.P90, r.Max)
	fmt.Fprintf(w, "agreement with the large model %.3f; against the majority %d fixed, %d regressions; modes %v; the question alone %.0f bytes\n",
		r.Agreement, r.Fixed, r.Regressions, r.Modes, r.Question)
	if r.Extract != nil {
		fmt.Fprintf(w, "our extraction and the recorded answers agree on %.2f %% of the samples\n", 100**r.Extract)
	}
	fmt.Fprint(w, "calibration, share of votes from: leading answer is the large model's:")
	for _, b := range r.Calibration {
		if b.N > 0 {
			fmt.Fprintf(w, "  %.1f: %.0f %% of %d", b.Low, 100*b.Agree, b.N)
		}
	}
	fmt.Fprintln(w)
}
