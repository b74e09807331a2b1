// Command accuracy measures a model on questions of the task family that its
// training never saw: greedy, by majority, and how often one of n samples is
// right.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"tenbit"
	"tenbit/internal/embedded"
	"tenbit/internal/embedded/tasks"
	"tenbit/policy"
)

func main() {
	n := flag.Uint64("n", 500, "questions")
	samples := flag.Int("samples", 0, "samples of each question, besides the greedy answer")
	temperature := flag.Float64("temperature", 0.8, "of the samples")
	seed := flag.Uint64("seed", 7, "of the questions")
	split := flag.String("split", "test", "test or dev")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: accuracy [flags] FILE.gguf")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	data, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
	m, err := embedded.Open(data, embedded.Options{Threads: 1})
	if err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
	from := map[string]tasks.Split{"test": tasks.Test, "dev": tasks.Dev}[*split]
	results := make([]result, *n)
	var wait sync.WaitGroup
	for w := range 2 {
		wait.Go(func() {
			for i := uint64(w); i < *n; i += 2 {
				results[i] = measure(m, tasks.Generate(from, *seed, i), *samples, *temperature)
			}
		})
	}
	wait.Wait()
	report(results, *samples)
}

// result is how a question went.
type result struct {
	kind                    string
	greedy, majority, among bool
}

func measure(m *embedded.Model, q tasks.Question, samples int, temperature float64) result {
	zero := 0.0
	r := result{kind: q.Kind, greedy: ask(m, q, tenbit.Sampling{Temperature: &zero}) == q.Answer}
	votes := map[string]int{}
	var best string
	for s := range int64(samples) {
		a := ask(m, q, tenbit.Sampling{Temperature: &temperature, Seed: &s})
		if a == "" {
			continue
		}
		votes[a]++
		if votes[a] > votes[best] {
			best = a
		}
		r.among = r.among || a == q.Answer
	}
	r.majority = best == q.Answer
	return r
}

// ask is the final answer to a question, empty if there is none.
func ask(m *embedded.Model, q tasks.Question, s tenbit.Sampling) string {
	text, err := json.Marshal(q.Text)
	if err != nil {
		panic(err) // a string
	}
	req, err := tenbit.ParseRequest(fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":%s}]}`, text))
	if err != nil {
		panic(err) // the family's texts are short
	}
	c, err := m.Complete(context.Background(), req, s)
	if err != nil {
		return ""
	}
	a, _, _ := policy.Extract(q.Text, c.Message.Content)
	return a
}

func report(results []result, samples int) {
	count := func(kind string, right func(result) bool) (n, of int) {
		for _, r := range results {
			if kind == "" || r.kind == kind {
				of++
				if right(r) {
					n++
				}
			}
		}
		return n, of
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "kind\tn\tgreedy %%\tmajority of %d %%\tone of %d %%\t\n", samples, samples)
	for _, k := range append(slices.Sorted(slices.Values(tasks.Kinds())), "") {
		g, of := count(k, func(r result) bool { return r.greedy })
		m, _ := count(k, func(r result) bool { return r.majority })
		p, _ := count(k, func(r result) bool { return r.among })
		name := k
		if k == "" {
			name = strings.ToUpper("all")
		}
		share := func(x int) float64 { return 100 * float64(x) / float64(max(of, 1)) }
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t\n", name, of, share(g), share(m), share(p))
	}
	w.Flush()
}
