package policy

import (
	"math"
	"testing"
)

// TestCalibrationOrder: whatever the weights, more votes and surer words never
// make an answer less likely, more candidates never likelier; early stops rely on it.
func TestCalibrationOrder(t *testing.T) {
	for _, c := range []Calibration{{}, DefaultCalibration, {Bias: -3, Share: 2.5, Candidates: -2, Certain: 1, LogProb: 9}} {
		for n := 1; n <= 12; n++ {
			for lead := 1; lead <= n; lead++ {
				for k := 1; k <= n-lead+1; k++ {
					here := c.Of(Tally{n, lead, k, -0.3})
					if here <= 0 || here >= 1 || math.IsNaN(here) {
						t.Fatalf("%+v: %d of %d among %d: %v is not between 0 and 1", c, lead, n, k, here)
					}
					for _, less := range []Tally{{n, lead - 1, k, -0.3}, {n, lead, k + 1, -0.3}, {n, lead, k, -0.4}, {n + 1, lead, k, -0.3}} {
						if c.Of(less) > here {
							t.Errorf("%+v: %+v is surer than %d of %d among %d", c, less, lead, n, k)
						}
					}
				}
			}
		}
	}
}

func TestCalibrationOf(t *testing.T) {
	for _, tt := range []struct {
		name  string
		c     Calibration
		tally Tally
		want  float64
	}{
		{"no votes", Calibration{Bias: 9}, Tally{Samples: 5}, 0},
		{"even", Calibration{Share: 1}, Tally{2, 1, 1, 0}, 0.5},
		{"all of four", Calibration{Share: 1}, Tally{4, 4, 1, 0}, 0.9},
		{"three candidates", Calibration{Share: 1, Candidates: -1}, Tally{4, 4, 3, 0}, 0.75},
		{"words it is sure of", Calibration{Share: 1, Certain: 1, LogProb: 10}, Tally{2, 1, 1, -0.1}, 0.5},
		{"words of no probability", Calibration{Share: 1, LogProb: 1}, Tally{2, 1, 1, math.Inf(-1)}, 1 / (1 + math.Exp(10))},
		{"as shipped", Calibration{}, Tally{5, 5, 1, 0}, DefaultCalibration.Of(Tally{5, 5, 1, 0})},
	} {
		if got := tt.c.Of(tt.tally); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
