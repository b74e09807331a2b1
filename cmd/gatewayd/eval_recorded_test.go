package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"tenbit"
)

// recordedSets calls f for each set of recorded answers beside the repository,
// with some questions of each, or all with TENBIT_REPLAY=full.
func recordedSets(t *testing.T, o evalOptions, f func(t *testing.T, name string, set *evalSet)) {
	files, _ := filepath.Glob("../../../shared/data/replay/*.dev.jsonl.xz")
	if len(files) == 0 {
		t.Skip("no recorded answers beside the repository")
	}
	if testing.Short() {
		t.Skip("reads recorded answers at length: run without -short")
	}
	if os.Getenv("TENBIT_REPLAY") == "full" {
		o.most = 0
	}
	o.seed = 1
	for _, file := range files {
		t.Run(short(file), func(t *testing.T) {
			set, err := readReplay(file, o)
			if err != nil {
				t.Fatal(err)
			}
			f(t, short(file), set)
		})
	}
}

// extractFloor is the least agreement of our extraction with the recorded
// answers on the first 300 questions, each a little below what was measured when
// it was set.
var extractFloor = map[string]float64{
	"cruxeval-o-codellama7b": .99, "game24-gpt4": .99, "gsm8k-6b-175b": .99, "mmlu-pro-panel": .91, "zeroeval-crux-haiku-opus": .99,
	"zeroeval-crux-panel": .96, "zeroeval-gsm-haiku-opus": .99, "zeroeval-gsm-panel": .985, "zeroeval-math-l5-haiku-opus": .99, "zeroeval-math-l5-panel": .99,
}

// TestRecordedExtract: our extraction says of the samples what the recorded
// answers do.
func TestRecordedExtract(t *testing.T) {
	recordedSets(t, evalOptions{most: 300, extract: true}, func(t *testing.T, name string, set *evalSet) {
		texts, verdicts := extracted(set.rows)
		t.Logf("the recorded answer in %.4f of the texts, the same verdict on %.4f of the samples", texts, verdicts)
		if want := extractFloor[name]; verdicts < want {
			t.Errorf("the same verdict on %.4f, want at least %v", verdicts, want)
		}
	})
}

// TestRecordedBits: without a limit the edge ends up with the large model's
// answer; with one of ten bits no reply costs more.
func TestRecordedBits(t *testing.T) {
	recordedSets(t, evalOptions{most: 25}, func(t *testing.T, _ string, set *evalSet) {
		for _, limit := range []tenbit.Bits{uncapped, 10 * tenbit.Bit} {
			o := evalOptions{seed: 1, limit: limit, modes: everyMode, gate: 2, log: slog.New(slog.DiscardHandler)}
			r, err := evalPoint(t.Context(), o, set, func() {})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("limit %v: mean %.3f bits, agreement %.3f, gap recovered %.3f", limit, r.Mean, r.Agreement, r.Gap)
			if limit == uncapped && r.Agreement != 1 {
				t.Errorf("agreement %v without a limit", r.Agreement)
			}
			if r.Max > inBits(limit) {
				t.Errorf("%v bits with a limit of %v", r.Max, limit)
			}
		}
	})
}
