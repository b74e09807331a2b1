package policy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
)

// even makes confidence out of votes alone: the odds of the smoothed share.
var even = Calibration{Share: 1}

func TestEarlyStop(t *testing.T) {
	for _, tt := range []struct {
		name  string
		texts []string
		stop  Stop
		gate  float64
		drawn int
	}{
		{"never", []string{"7", "7", "7", "7", "7", "7", "7"}, StopNever, 0.5, 7},
		{"four of seven are more than half", []string{"7", "7", "7", "7", "8", "8", "8"}, StopSure, 0.5, 4},
		{"a higher gate takes more", []string{"7", "7", "7", "7", "7", "7", "7"}, StopSure, 0.65, 5},
		{"one that all must pass", []string{"7", "7", "7", "7", "7", "7", "7"}, StopSure, 0.9, 7},
		{"the gate may still open", []string{"7", "8", "7", "8", "7", "7", "7"}, StopDecided, 0.6, 7},
		{"the gate stays shut", []string{"7", "7", "7", "7", "7", "8", "9"}, StopDecided, 0.99, 4},
		{"which sure doesn't ask", []string{"7", "7", "7", "7", "7", "8", "9"}, StopSure, 0.99, 7},
		{"nor while the leader may change", []string{"7", "7", "8", "8", "8", "7", "8"}, StopDecided, 0.99, 7},
		{"on ties the first seen leads", []string{"7", "7", "8", "7", "8", "8", "8"}, StopDecided, 0.99, 7},
		{"silence is a doubt", []string{"7", "", "", "7", "7", "7", "7"}, StopSure, 0.5, 6},
		{"no gate at all", []string{"7", "8", "9", "1", "2", "3", "4"}, StopSure, 0, 7},
		{"a gate that all pass", []string{"7", "7", "7", "7", "2", "3", "4"}, StopSure, 0, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			texts := slices.Clone(tt.texts)
			for i, s := range texts {
				if s != "" {
					texts[i] = "Answer: " + s
				}
			}
			for _, parallel := range []int{1, 3, 16} {
				d := Drafter{Local: sampled(texts...), Samples: len(texts), Seed: 10, Parallel: parallel, Stop: tt.stop, Gate: Gate{tt.gate}, Calibration: even}
				got, err := d.Draft(t.Context(), request(t, "How much is 3 + 4?"))
				if err != nil || got.Tally.Samples != tt.drawn {
					t.Fatalf("parallel %d: votes of %d samples, %v; want %d", parallel, got.Tally.Samples, err, tt.drawn)
				}
				if parallel == 1 && got.Drawn != tt.drawn {
					t.Errorf("drew %d, want %d", got.Drawn, tt.drawn)
				}
			}
		})
	}
}

// TestEarlyStopChangesNothing: on random votes, what stops early says of the gate
// and of the leading answer what all samples say, and in any order of ending.
func TestEarlyStopChangesNothing(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 7))
		texts := make([]string, 1+rng.IntN(9))
		for i := range texts {
			if texts[i] = fmt.Sprintf("Answer: %d", 1+rng.IntN(1+rng.IntN(4))); i > 0 && rng.IntN(8) == 0 {
				texts[i] = ""
			}
		}
		d := Drafter{
			Local: sampled(texts...), Samples: len(texts), Seed: 10, Parallel: 1 + rng.IntN(4),
			Gate: Gate{rng.Float64()}, Calibration: Calibration{Bias: rng.Float64(), Share: 2 * rng.Float64(), Candidates: -rng.Float64()},
		}
		req := request(t, "How much is it?")
		all, err := d.Draft(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, d.Stop = range []Stop{StopSure, StopDecided} {
			got, err := d.Draft(t.Context(), req)
			if err != nil || d.Gate.Local(got) != d.Gate.Local(all) || got.Candidates[0].Answer != all.Candidates[0].Answer {
				t.Errorf("seed %d, %v: %v, leading %v, local %v; all samples: %v, %v", seed, d.Stop, err, got.Candidates, d.Gate.Local(got), all.Candidates, d.Gate.Local(all))
			}
			if d.Stop == StopSure && !d.Gate.Local(got) && got.Tally != all.Tally {
				t.Errorf("seed %d: votes %+v, want all of them where the far side is asked: %+v", seed, got.Tally, all.Tally)
			}
		}
	}
}

// TestEarlyStopInTime: what is in flight when the votes decide is stopped, no
// more is begun, and a sample that ends early doesn't count before those drawn
// before it.
func TestEarlyStopInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, stopped atomic.Int32
		local := modelFunc(func(ctx context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
			c := tenbit.Completion{Message: message("Answer: 7"), Finish: tenbit.FinishStop}
			if s.Seed == nil {
				return c, nil
			}
			begun.Add(1)
			// Seed 0 takes longest of the first.
			select {
			case <-time.After(time.Duration(10-*s.Seed) * time.Second):
				return c, nil
			case <-ctx.Done():
				stopped.Add(1)
				return tenbit.Completion{}, ctx.Err()
			}
		})
		d := Drafter{Local: local, Samples: 9, Parallel: 6, Stop: StopSure, Gate: Gate{0.5}, Calibration: even}
		start := time.Now()
		got, err := d.Draft(t.Context(), request(t, "How much?"))
		// Five votes of nine are enough: the draft's and those of seeds 0 to 3.
		if err != nil || got.Tally.Samples != 5 || time.Since(start) != 10*time.Second {
			t.Errorf("votes of %d samples after %v, %v; want 5 after 10 s", got.Tally.Samples, time.Since(start), err)
		}
		if int(begun.Load())+1 != got.Drawn || stopped.Load() != 0 && stopped.Load() != begun.Load()-6 {
			t.Errorf("%d begun, %d stopped, %d drawn", begun.Load(), stopped.Load(), got.Drawn)
		}
	})
}
