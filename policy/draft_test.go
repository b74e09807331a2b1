package policy

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenbit"
)

// sampled answers the greedy draft with the first text and seeds from 10 on with the others.
func sampled(texts ...string) Model {
	return modelFunc(func(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
		i := 0
		if s.Seed != nil {
			i = int(*s.Seed) - 9
		}
		if texts[i] == "" {
			return tenbit.Completion{}, tenbit.ErrIncomplete
		}
		return tenbit.Completion{Message: message(texts[i]), Finish: tenbit.FinishStop, Usage: tenbit.Usage{Prompt: 1, Completion: 2}}, nil
	})
}

func TestDraft(t *testing.T) {
	for _, tt := range []struct {
		name       string
		texts      []string
		leading    string
		candidates []tenbit.Candidate
		tally      Tally
	}{
		{"all agree", []string{"Answer: 7", "Answer: $7.00", "so\nAnswer: 7", "7"}, "Answer: 7", []tenbit.Candidate{{Answer: "7", Votes: 4}}, Tally{4, 4, 1, 0}},
		{"the draft is outvoted", []string{"Answer: 7", "Answer: 8", "it is\nAnswer: 8", "Answer: 9"}, "Answer: 8", []tenbit.Candidate{{Answer: "8", Votes: 2}, {Answer: "7", Votes: 1}, {Answer: "9", Votes: 1}}, Tally{4, 2, 3, 0}},
		{"ties keep their order", []string{"Answer: 9", "Answer: 8", "Answer: 8", "Answer: 9"}, "Answer: 9", []tenbit.Candidate{{Answer: "9", Votes: 2}, {Answer: "8", Votes: 2}}, Tally{4, 2, 2, 0}},
		{"samples without an answer", []string{"Answer: 7", "", "who knows", "Answer: 7"}, "Answer: 7", []tenbit.Candidate{{Answer: "7", Votes: 2}}, Tally{4, 2, 1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Drafter{Local: sampled(tt.texts...), Samples: 4, Temperature: 0.7, Seed: 10, Parallel: 3}
			got, err := d.Draft(t.Context(), request(t, "How much is 3 + 4?"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.candidates, got.Candidates); diff != "" {
				t.Errorf("candidates (-want +got):\n%s", diff)
			}
			if got.Completion.Message.Content != tt.leading || len(got.Samples) != len(got.Candidates) || got.Drawn != 4 {
				t.Errorf("leading %q, %d samples, %d drawn", got.Completion.Message.Content, len(got.Samples), got.Drawn)
			}
			if got.Tally != tt.tally || got.Confidence != (Calibration{}).Of(tt.tally) {
				t.Errorf("tally %+v, confidence %v; want %+v, %v", got.Tally, got.Confidence, tt.tally, (Calibration{}).Of(tt.tally))
			}
		})
	}
}

func TestDraftOpen(t *testing.T) {
	var calls atomic.Int32
	model := modelFunc(func(context.Context, tenbit.Request, tenbit.Sampling) (tenbit.Completion, error) {
		calls.Add(1)
		return tenbit.Completion{Message: message("Rivers flow."), Finish: tenbit.FinishStop, LogProb: -0.1}, nil
	})
	got, err := Drafter{Local: model, Samples: 5}.Draft(t.Context(), request(t, "What about rivers?"))
	if err != nil || calls.Load() != 1 || got.Candidates != nil {
		t.Errorf("%d calls, candidates %v, %v", calls.Load(), got.Candidates, err)
	}
	if c := got.Confidence; c < 0.9 || c > 0.91 {
		t.Errorf("confidence %v, want exp(-0.1)", c)
	}
	down := modelFunc(func(context.Context, tenbit.Request, tenbit.Sampling) (tenbit.Completion, error) {
		return tenbit.Completion{}, tenbit.ErrUnavailable
	})
	if _, err := (Drafter{Local: down}).Draft(t.Context(), request(t, "x")); !errors.Is(err, tenbit.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// TestDraftParallel: no more samples than allowed are in flight, and all stop
// with the context.
func TestDraftParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		model := modelFunc(func(ctx context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
			if s.Seed != nil {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					return tenbit.Completion{}, ctx.Err()
				}
			}
			return tenbit.Completion{Message: message("Answer: 7"), Finish: tenbit.FinishStop}, nil
		})
		d := Drafter{Local: model, Samples: 9, Parallel: 4}
		start := time.Now()
		if _, err := d.Draft(t.Context(), request(t, "How much?")); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 4 || time.Since(start) != 2*time.Second {
			t.Errorf("%d in flight, took %v; want 4, 2s", most.Load(), time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		start = time.Now()
		if _, err := d.Draft(ctx, request(t, "How much?")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 1500*time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestGate(t *testing.T) {
	ended := tenbit.Completion{Finish: tenbit.FinishStop}
	for _, tt := range []struct {
		name  string
		gate  float64
		draft Draft
		want  bool
	}{
		{"sure", 0.8, Draft{Completion: ended, Confidence: 0.9}, true},
		{"unsure", 0.8, Draft{Completion: ended, Confidence: 0.7}, false},
		{"at the threshold", 0.8, Draft{Completion: ended, Confidence: 0.8}, true},
		{"no end", 0.8, Draft{Confidence: 0.9}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Gate{tt.gate}).Local(tt.draft); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestDraftAfterSilence: a first draft that says nothing hides what kind of
// question it was, so the samples are drawn all the same.
func TestDraftAfterSilence(t *testing.T) {
	n := 0
	local := modelFunc(func(context.Context, tenbit.Request, tenbit.Sampling) (tenbit.Completion, error) {
		n++
		if n == 1 {
			return tenbit.Completion{Finish: tenbit.FinishStop}, nil
		}
		return tenbit.Completion{Message: message("Answer: C"), Finish: tenbit.FinishStop}, nil
	})
	d, err := Drafter{Local: local, Samples: 3}.Draft(t.Context(), request(t, "Why would you not expect conjugation?"))
	if err != nil || len(d.Candidates) != 1 || d.Candidates[0] != (tenbit.Candidate{Answer: "C", Votes: 2}) {
		t.Errorf("got %+v, %v", d.Candidates, err)
	}
}

// TestClosedOnly: a model that knows closed questions alone is sure of nothing
// else, however probable its tokens are and whatever number it ends with.
func TestClosedOnly(t *testing.T) {
	for _, tt := range []struct {
		question, says string
		sure           bool
	}{
		{"What is 6 times 7? End with Answer: X", "Answer: 42", true},
		{"Who is the captain?", "Answer: 00", false},
		{"Describe the harbour of Bergen to me.", "0007+0077", false},
	} {
		d := Drafter{Local: modelFunc(func(context.Context, tenbit.Request, tenbit.Sampling) (tenbit.Completion, error) {
			return tenbit.Completion{Message: message(tt.says), Finish: tenbit.FinishStop, LogProb: -0.001}, nil
		}), Samples: 5, ClosedOnly: true}
		got, err := d.Draft(t.Context(), request(t, tt.question))
		if err != nil || got.Confidence > 0 != tt.sure {
			t.Errorf("%s: got %v, %v", tt.question, got.Confidence, err)
		}
	}
}
