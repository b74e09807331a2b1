package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"tenbit"

	"github.com/google/go-cmp/cmp"
)

func open(t testing.TB, data []byte, o Options) *Model {
	t.Helper()
	m, err := Open(data, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ask(question string, fields string) tenbit.Request {
	q, err := json.Marshal(question)
	if err != nil {
		panic(err)
	}
	r, err := tenbit.ParseRequest(fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":%s}]%s}`, q, fields))
	if err != nil {
		panic(err)
	}
	return r
}

func sampled(temperature float64, seed int64) tenbit.Sampling {
	return tenbit.Sampling{Temperature: &temperature, Seed: &seed, LogProbs: true}
}

func answer(t testing.TB, m *Model, req tenbit.Request, s tenbit.Sampling) tenbit.Completion {
	t.Helper()
	c, err := m.Complete(t.Context(), req, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSameBits: no thread count, neighbour or history changes an answer.
func TestSameBits(t *testing.T) {
	for _, data := range [][]byte{randomSmall(tiny, 1), randomLarge(tiny, 1)} {
		questions := []string{
			"", "the inn in the land", "How many?", strings.Repeat("in the a 17 ", 40),
			"the inn in the lane", "\u65e5\u672c\u8a9e \U0001f600 \u00e9\u0000", "the inn in the land and then on",
		}
		var want []tenbit.Completion
		for i, q := range questions {
			cold := open(t, data, Options{Threads: 1})
			want = append(want, answer(t, cold, ask(q, ""), sampled(0.8, int64(i))))
		}
		for _, threads := range []int{1, 2, 4} {
			m := open(t, data, Options{Threads: threads, Parallel: 3})
			var wg sync.WaitGroup
			for round := range 2 { // the second finds the prompts in the cache
				for i, q := range questions {
					wg.Go(func() {
						got, err := m.Complete(t.Context(), ask(q, ""), sampled(0.8, int64(i)))
						if err != nil {
							t.Error(err)
						}
						if d := cmp.Diff(want[i], got); d != "" {
							t.Errorf("%s, %d threads, round %d, question %d: %s", m.name, threads, round, i, d)
						}
					})
				}
				wg.Wait()
			}
		}
	}
}

func TestBatchSizes(t *testing.T) {
	for _, data := range [][]byte{randomSmall(tiny, 2), randomLarge(tiny, 2)} {
		m := open(t, data, Options{})
		ids := m.tok.prompt(strings.Repeat("the 12 inns ", 12), 200)
		var want []int64
		for _, batch := range []int{1, 2, 7, 32, 33, len(ids)} {
			st := m.net.start()
			for st.len() < len(ids) {
				next := ids[st.len():]
				if err := st.eval(t.Context(), next[:min(batch, len(next))], 3); err != nil {
					t.Fatal(err)
				}
			}
			if want == nil {
				want = st.logits()
			}
			if d := cmp.Diff(want, st.logits()); d != "" {
				t.Errorf("%s, batches of %d: %s", m.name, batch, d)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	m := open(t, randomSmall(tiny, 3), Options{})
	long := strings.Repeat("a long question about the inn ", 400)
	for _, tt := range []struct {
		name, question, fields string
		most                   int
	}{
		{"max tokens", "the", `,"max_tokens":5`, 5},
		{"one token", "the", `,"max_completion_tokens":1`, 1},
		{"beyond the context", long, "", tiny.context},
		{"beyond the context with a limit", long, `,"max_tokens":7`, 7},
		{"no question", "", `,"max_tokens":9`, 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := answer(t, m, ask(tt.question, tt.fields), sampled(1, 5))
			if c.Usage.Completion > tt.most || c.Usage.Prompt+c.Usage.Completion > tiny.context+1 {
				t.Errorf("got %+v, want at most %d tokens", c.Usage, tt.most)
			}
			if c.Finish == tenbit.FinishLength && c.Usage.Completion < min(tt.most, tiny.context/2) {
				t.Errorf("got length after %d tokens", c.Usage.Completion)
			}
			if c.LogProb >= 0 {
				t.Errorf("log-probability %v", c.LogProb)
			}
		})
	}
}

func TestSinkAndStop(t *testing.T) {
	m := open(t, randomSmall(tiny, 4), Options{})
	whole := answer(t, m, ask("the", ""), sampled(1, 9)).Message.Content
	if len(whole) < 20 {
		t.Fatalf("the answer has %d bytes: too few to test with", len(whole))
	}
	var got strings.Builder
	s := sampled(1, 9)
	s.Sink = func(text string) error { got.WriteString(text); return nil }
	if c := answer(t, m, ask("the", ""), s); got.String() != c.Message.Content || got.String() != whole {
		t.Errorf("streamed %q, whole %q, before %q", got.String(), c.Message.Content, whole)
	}
	stop := strings.ToValidUTF8(whole[8:12], "")
	want, _, _ := strings.Cut(whole, stop)
	got.Reset()
	quoted, _ := json.Marshal(stop) // a string always marshals
	c := answer(t, m, ask("the", fmt.Sprintf(`,"stop":[%s,"never this"]`, quoted)), s)
	if stop != "" && (c.Message.Content != want || got.String() != want || c.Finish != tenbit.FinishStop) {
		t.Errorf("stop %q: got %q, streamed %q, %s; want %q", stop, c.Message.Content, got.String(), c.Finish, want)
	}
	broken := errors.New("client left")
	s.Sink = func(string) error { return broken }
	if _, err := m.Complete(t.Context(), ask("the", ""), s); !errors.Is(err, broken) || !errors.Is(err, tenbit.ErrIncomplete) {
		t.Errorf("got %v, want the sink's error", err)
	}
}

func TestCancel(t *testing.T) {
	m := open(t, randomSmall(tiny, 5), Options{Parallel: 1})
	ctx, cancel := context.WithCancel(t.Context())
	s := sampled(1, 1)
	n := 0
	s.Sink = func(string) error {
		if n++; n == 3 {
			// The only slot is taken: another request waits, and leaves.
			gone, leave := context.WithCancel(t.Context())
			leave()
			if _, err := m.Complete(gone, ask("the", ""), sampled(0, 0)); !errors.Is(err, context.Canceled) {
				t.Errorf("waiting: got %v, want canceled", err)
			}
			cancel()
		}
		return nil
	}
	c, err := m.Complete(ctx, ask("the", ""), s)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, tenbit.ErrIncomplete) || c.Message.Content == "" {
		t.Errorf("got %v with %d bytes, want canceled and what came", err, len(c.Message.Content))
	}
	if _, err := m.Complete(ctx, ask("another", ""), s); !errors.Is(err, context.Canceled) {
		t.Errorf("prompt: got %v, want canceled", err)
	}
	if c := answer(t, m, ask("another", ""), sampled(0, 0)); c.Usage.Completion == 0 {
		t.Error("nothing after a cancelled prompt")
	}
}

func TestSeedsAndTemperature(t *testing.T) {
	m := open(t, randomSmall(tiny, 6), Options{})
	seen := map[string]bool{}
	for seed := range int64(8) {
		seen[answer(t, m, ask("the", ""), sampled(1, seed)).Message.Content] = true
	}
	if len(seen) < 8 {
		t.Errorf("eight seeds gave %d answers", len(seen))
	}
	greedy := answer(t, m, ask("the", ""), sampled(0, 1))
	if again := answer(t, m, ask("the", `,"temperature":0,"seed":7`), tenbit.Sampling{LogProbs: true}); cmp.Diff(greedy, again) != "" {
		t.Errorf("greedy: %s", cmp.Diff(greedy, again))
	}
	if again := answer(t, m, ask("the", `,"Temperature":99,"seed":5.0`), tenbit.Sampling{LogProbs: true}); cmp.Diff(greedy, again) != "" {
		t.Errorf("a name that is none: %s", cmp.Diff(greedy, again))
	}
	if again := answer(t, m, ask("the", `,"top_p":0`), sampled(1, 3)); cmp.Diff(greedy, again) != "" {
		t.Errorf("top_p 0 is not greedy: %s", cmp.Diff(greedy, again))
	}
}
