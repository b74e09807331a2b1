package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"tenbit"
	"tenbit/internal/embedded/tasks"
	"tenbit/policy"
)

// way is one way to answer all questions.
type way struct {
	name     string
	right    int
	remote   bool        // crosses the link
	bits     tenbit.Bits // information bought, in all
	up, down int64       // bytes on the wire, in all
	routes   map[string]int
}

// reply is one answer as an OpenAI client sees it.
type reply struct {
	text     string
	route    string
	bits     tenbit.Bits
	up, down int64
}

// demoWorkers ask the small model. What crosses a wire is asked one question after
// another, on one connection; what both ends of the link learn, and so what the
// next reply costs, depends on the order, too.
const demoWorkers = 2

// ask puts all questions to each way of answering, through the OpenAI API.
func (d *deployment) ask(ctx context.Context, qs []tasks.Question, samples int, tick func()) ([]*way, error) {
	local := &way{name: "local model alone"}
	majority := &way{name: fmt.Sprintf("majority of %d", samples)}
	large := &way{name: "large model alone", remote: true}
	bought := &way{name: "tenbit", remote: true, routes: map[string]int{}}
	small := &client{url: "http://" + d.small, key: d.key, http: http.DefaultClient}
	votes, err := each(ctx, qs, demoWorkers, tick, func(ctx context.Context, q tasks.Question) ([2]bool, error) { return vote(ctx, small, q, samples) })
	if err != nil {
		return nil, err
	}
	for _, v := range votes {
		local.right += count(v[0])
		majority.right += count(v[1])
	}
	far := &client{url: d.plain.url, key: d.key, http: d.plain.client}
	if err := large.all(ctx, far, qs, 1, tick); err != nil {
		return nil, err
	}
	large.up, large.down = d.plain.up.Load(), d.plain.down.Load()
	edge := &client{url: "http://" + d.edge, key: d.key, http: http.DefaultClient}
	if err := bought.all(ctx, edge, qs, 1, tick); err != nil {
		return nil, err
	}
	return []*way{local, majority, large, bought}, nil
}

// all asks every question once.
func (r *way) all(ctx context.Context, c *client, qs []tasks.Question, workers int, tick func()) error {
	replies, err := each(ctx, qs, workers, tick, func(ctx context.Context, q tasks.Question) (reply, error) { return c.ask(ctx, q.Text, "") })
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	for i, a := range replies {
		r.right += count(isRight(qs[i], a.text))
		r.bits += a.bits
		r.up += a.up
		r.down += a.down
		if r.routes != nil {
			r.routes[a.route]++
		}
	}
	return nil
}

// each works on the questions with so many workers.
func each[T any](ctx context.Context, qs []tasks.Question, workers int, tick func(), f func(context.Context, tasks.Question) (T, error)) ([]T, error) {
	out := make([]T, len(qs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, q := range qs {
		g.Go(func() (err error) {
			out[i], err = f(ctx, q)
			tick()
			return err
		})
	}
	return out, g.Wait()
}

// vote asks the small model greedily, then for samples, and says whether the
// first answer and the most frequent one are right.
func vote(ctx context.Context, c *client, q tasks.Question, samples int) (right [2]bool, err error) {
	votes := map[string]int{}
	best := ""
	for s := range samples {
		extra := ""
		if s > 0 {
			extra = fmt.Sprintf(`,"temperature":0.8,"seed":%d`, s)
		}
		a, err := c.ask(ctx, q.Text, extra)
		if err != nil {
			return right, err
		}
		answer, _, ok := policy.Extract(q.Text, a.text)
		if s == 0 {
			right[0] = ok && answer == q.Answer
		}
		if ok {
			if votes[answer]++; votes[answer] > votes[best] {
				best = answer
			}
		}
	}
	right[1] = best == q.Answer
	return right, nil
}

func isRight(q tasks.Question, text string) bool {
	a, _, ok := policy.Extract(q.Text, text)
	return ok && a == q.Answer
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// client asks an OpenAI API and reads what it says an answer took.
type client struct {
	url, key string
	http     *http.Client
}

// maxDemoBody bounds a response, in bytes.
const maxDemoBody = 1 << 20

func (c *client) ask(ctx context.Context, question, extra string) (reply, error) {
	text, err := json.Marshal(question)
	if err != nil {
		return reply{}, err
	}
	body := fmt.Sprintf(`{"model":"tenbit","messages":[{"role":"user","content":%s}]%s}`, text, extra)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/chat/completions", bytes.NewReader([]byte(body)))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxDemoBody))
	if err != nil {
		return reply{}, err
	}
	var out struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if res.StatusCode != http.StatusOK {
		return reply{}, fmt.Errorf("status %d: %.200s", res.StatusCode, b)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return reply{}, fmt.Errorf("not a chat completion: %w", err)
	}
	if len(out.Choices) != 1 {
		return reply{}, fmt.Errorf("%d choices, want one", len(out.Choices))
	}
	r := reply{text: out.Choices[0].Message.Content, route: res.Header.Get("x-tenbit-route")}
	if r.route == "" { // an API like any other: it says no bits
		return r, nil
	}
	if r.bits, err = tenbit.ParseBits(res.Header.Get("x-tenbit-bits")); err != nil {
		return r, err
	}
	r.up, _ = strconv.ParseInt(res.Header.Get("x-tenbit-wire-up"), 10, 64)
	r.down, _ = strconv.ParseInt(res.Header.Get("x-tenbit-wire-down"), 10, 64)
	return r, nil
}

// printRuns prints the table.
func printRuns(w io.Writer, o demoOptions, qs []tasks.Question, runs []*way) {
	n := len(qs)
	fmt.Fprintf(w, "%d questions that nobody trained on (seed %d), through the OpenAI API:\n\n", n, o.seed)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\taccuracy\tbits a question\twire up, bytes\twire down, bytes\t")
	for _, r := range runs {
		fmt.Fprintf(t, "%s\t%.1f %%\t", r.name, 100*float64(r.right)/float64(n))
		switch {
		case !r.remote:
			fmt.Fprint(t, "0\t0\t0\t\n")
		case r.routes == nil:
			fmt.Fprintf(t, "whole text\t%d\t%d\t\n", r.up, r.down)
		default:
			fmt.Fprintf(t, "%.2f\t%d\t%d\t\n", float64(r.bits)/float64(tenbit.Bit)/float64(n), r.up, r.down)
		}
	}
	_ = t.Flush()
	plain, ours := runs[len(runs)-2], runs[len(runs)-1]
	fmt.Fprintf(w, "\nBoth are counted with TLS, handshake included: the large model alone as JSON over HTTPS,\ntenbit as its link, which carried 1/%.1f of the bytes.\nHow tenbit answered:", float64(plain.up+plain.down)/float64(max(ours.up+ours.down, 1)))
	for _, route := range []string{"local", "accept", "select", "answer", "full", "plain", "none"} {
		if k := ours.routes[route]; k > 0 {
			fmt.Fprintf(w, " %s %d", route, k)
		}
	}
	fmt.Fprintln(w)
}
