// Command goclients runs every check with the Go clients openai-go and go-openai
// against an edge, and prints one JSON line for each, as client/matrix.mjs does.
// It is a module of its own, so that the clients stay out of the main one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// edge is where to ask, and with which key.
type edge struct{ base, key string }

// edges answer by script, have an empty budget, have no local model, have no place
// for another request, or have a defect.
type edges struct{ good, quota, down, busy, broken edge }

// check is one thing that a client does.
type check struct {
	name string
	run  func(ctx context.Context, e edges, h *counting) error
}

func main() {
	keys := strings.Fields(os.Getenv("TENBIT_KEYS"))
	if len(keys) != 5 {
		fmt.Fprintln(os.Stderr, "TENBIT_KEYS: want five keys")
		os.Exit(2)
	}
	e := edges{
		edge{os.Getenv("TENBIT_BASE"), keys[0]},
		edge{os.Getenv("TENBIT_QUOTA"), keys[1]},
		edge{os.Getenv("TENBIT_DOWN"), keys[2]},
		edge{os.Getenv("TENBIT_BUSY"), keys[3]},
		edge{os.Getenv("TENBIT_BROKEN"), keys[4]},
	}
	out := json.NewEncoder(os.Stdout)
	for client, checks := range map[string][]check{"openai-go": official, "go-openai": community} {
		for _, c := range checks {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			line := map[string]string{"client": client, "check": c.name}
			if err := c.run(ctx, e, new(counting)); err != nil {
				line["error"] = err.Error()
			}
			cancel()
			_ = out.Encode(line) // the reader has left
		}
	}
}

// long is what a long answer has, in bytes: more than the kernel keeps for a reader
// that stalls. tooLong is a prompt that is over the limit.
const long = 6 << 20

var tooLong = strings.Repeat("x", 2<<20)

// slow is a question that nobody else asks: equal ones would share an answer, and
// whoever leaves first would leave it to the others.
func slow() string { return fmt.Sprint("slow ", rand.Int64()) }

// pause is how long such a reader stalls.
func pause() { time.Sleep(300 * time.Millisecond) }

// counting counts the requests that a client makes.
type counting struct {
	n    atomic.Int64
	kind string // Content-Type in place of the client's, where set
}

// RoundTrip passes a request on.
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	if c.kind != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Content-Type", c.kind)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (c *counting) client() *http.Client { return &http.Client{Transport: c} }

// equal is an error where got is not want.
func equal[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

// hundred runs f a hundred times at once.
func hundred(f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 100 {
		wg.Go(func() {
			if err := f(i); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

var wind = map[string]any{
	"type": "object", "properties": map[string]any{"port": map[string]any{"type": "string"}}, "required": []string{"port"}, "additionalProperties": false,
}

var person = map[string]any{
	"type": "object", "required": []string{"name", "age"}, "additionalProperties": false,
	"properties": map[string]any{"name": map[string]any{"type": "string"}, "age": map[string]any{"type": "integer"}},
}
