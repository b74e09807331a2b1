package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"tenbit/policy"
)

func TestBisect(t *testing.T) {
	many := func(n int) (cs []ballot) {
		for i := range n {
			cs = append(cs, ballot{fmt.Sprint(i), 1})
		}
		return cs
	}
	for _, tt := range []struct {
		name    string
		cs      []ballot
		samples int
		answer  string
		want    string
		asked   int
	}{
		{"nothing to ask about", nil, 3, "7", "", 0},
		{"the only candidate", []ballot{{"7", 3}}, 3, "7", "7", 1},
		{"none of them: the leading one stays", []ballot{{"7", 3}}, 3, "8", "7", 1},
		{"the leading one alone first", []ballot{{"7", 5}, {"8", 1}, {"9", 1}}, 7, "7", "7", 1},
		{"then the others", []ballot{{"7", 5}, {"8", 1}, {"9", 1}}, 7, "9", "9", 3},
		{"none of three", []ballot{{"7", 5}, {"8", 1}, {"9", 1}}, 7, "1", "7", 2},
		{"ten questions at most", many(3000), 3000, "1700", "", mostAsked},
	} {
		got, asked := bisect(tt.cs, tt.samples, tt.answer)
		if tt.want == "" && len(tt.cs) > 0 { // whatever is left after ten
			tt.want = got
		}
		if got != tt.want || asked != tt.asked {
			t.Errorf("%s: got %q after %d questions, want %q after %d", tt.name, got, asked, tt.want, tt.asked)
		}
	}
	// A bisection of all that fits into ten questions always finds the answer.
	cs := many(40)
	for _, c := range cs {
		if got, asked := bisect(cs, 40, c.final); got != c.final || asked > mostAsked {
			t.Errorf("got %q after %d questions, want %q", got, asked, c.final)
		}
	}
}

// TestFit finds the weights that made the evidence, and none that early stops
// could not rely on.
func TestFit(t *testing.T) {
	made := func(c policy.Calibration, n int) (all []evidence) {
		rng := rand.New(rand.NewPCG(3, 4))
		for range n {
			k := policy.Tally{Samples: 8, Lead: 1 + rng.IntN(8)}
			k.Candidates = 1 + rng.IntN(9-k.Lead)
			if rng.IntN(2) == 0 {
				k.LogProb = -rng.Float64()
			}
			z := 0.0
			for i, w := range []float64{c.Bias, c.Share, c.Candidates, c.Certain, c.LogProb} {
				z += w * k.Features()[i]
			}
			all = append(all, evidence{k, number(rng.Float64() < 1/(1+math.Exp(-z))), 1})
		}
		return all
	}
	want := policy.Calibration{Bias: -0.5, Share: 1.5, Candidates: -0.7, Certain: 0.8, LogProb: 2}
	got := fit(made(want, 20000))
	for i, d := range []float64{got.Bias - want.Bias, got.Share - want.Share, got.Candidates - want.Candidates, got.Certain - want.Certain, got.LogProb - want.LogProb} {
		if math.Abs(d) > 0.2 {
			t.Errorf("weight %d is off by %.2f: %+v, want %+v", i, d, got, want)
		}
	}
	wrong := fit(made(policy.Calibration{Bias: 1, Share: -1, Candidates: 1, LogProb: -2}, 5000))
	if wrong.Share != 0 || wrong.Candidates != 0 || wrong.LogProb != 0 {
		t.Errorf("got %+v, want weights without a wrong sign", wrong)
	}
	for _, right := range []float64{0, 1} { // all wrong, all right: no weight runs away
		all := made(want, 200)
		for i := range all {
			all[i].right = right
		}
		c := fit(all)
		if p := c.Of(policy.Tally{Samples: 5, Lead: 5, Candidates: 1}); math.IsNaN(p) || math.Abs(p-right) > 0.2 || math.Abs(c.Bias) > 20 {
			t.Errorf("all %v: %+v, confidence %v", right, c, p)
		}
	}
}

// TestCalibrate: a fit to other questions is better calibrated than shares of
// votes that say nothing, and bins hold every question once.
func TestCalibrate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var rows []*evalRow
	for i := range 400 {
		row := &evalRow{Question: "How many?", Gold: "7"}
		for range 5 {
			row.Small.Samples = append(row.Small.Samples, recorded{Answer: "8", final: "8"})
		}
		if i%4 == 0 { // where all agree, a quarter is right
			for j := range row.Small.Samples {
				row.Small.Samples[j] = recorded{Answer: "7", final: "7", Correct: true}
			}
		}
		if rng.IntN(3) == 0 {
			row.Small.Samples[4] = recorded{Answer: "9", final: "9"}
		}
		row.Large = recorded{Answer: "7", final: "7", Correct: true}
		rows = append(rows, row)
	}
	c := calibrate(rows, policy.Calibration{}, 1)
	if c == nil || c.N != 400 || math.Abs(c.Right-0.25) > 1e-9 {
		t.Fatalf("got %+v", c)
	}
	for _, w := range c.Ways {
		n := 0
		for _, b := range w.Bins {
			n += b.N
		}
		if n != c.N {
			t.Errorf("%s: %d questions in bins, want %d", w.Name, n, c.N)
		}
	}
	share, crossed := c.Ways[0], c.Ways[2]
	if crossed.Brier >= share.Brier || crossed.ECE > 0.05 || share.ECE < 0.4 {
		t.Errorf("share of votes %v, %v; fitted %v, %v", share.Brier, share.ECE, crossed.Brier, crossed.ECE)
	}
	if calibrate(rows[:minEvidence-1], policy.Calibration{}, 1) != nil {
		t.Error("too few questions were fitted")
	}
}

func TestInterval(t *testing.T) {
	v := make([]float64, 400)
	for i := range v {
		v[i] = number(i%2 == 0)
	}
	got := interval(resample(1, len(v)), func(of []int) float64 { return meanOf(v, of) })
	// 1.96 standard errors of a share of one half.
	want := 1.96 * 0.5 / math.Sqrt(float64(len(v)))
	if math.Abs(0.5-got[0]-want) > 0.01 || math.Abs(got[1]-0.5-want) > 0.01 {
		t.Errorf("got %v, want 0.5 -+ %.3f", got, want)
	}
}

// TestSnippet: what -fit writes is what -calibration and an edge read.
func TestSnippet(t *testing.T) {
	path := t.TempDir() + "/fit.yaml"
	want := policy.Calibration{Bias: -0.5, Share: 1.25, Candidates: -0.75, Certain: 0.5, LogProb: 2}
	if err := os.WriteFile(path, snippet(want), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readCalibration(path)
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// TestCharts: a point for each report, inside the picture.
func TestCharts(t *testing.T) {
	r := func(bits, accuracy float64) *evalReport {
		return &evalReport{Mean: bits, Accuracy: accuracy, Gap: accuracy}
	}
	curves := []evalCurve{{"a<b", []*evalReport{r(0, 0.1), r(3, 0.5), r(400, 1)}}, {"c", []*evalReport{r(1, 0.6)}}}
	for _, c := range []chart{sweepChart, frontierChart} {
		svg := string(c.draw(curves))
		if n := strings.Count(svg, "<circle"); n != 4 || !strings.Contains(svg, "a&lt;b") || strings.Contains(svg, "NaN") || !strings.HasSuffix(svg, "</svg>\n") {
			t.Errorf("%s: %d points in\n%s", c.label, n, svg)
		}
	}
}
