package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"tenbit/internal/fake"
)

// yard is what the benchmark compares: the backend itself, the floor, the edge.
type yard struct {
	direct, floor, edge string // base URLs without /v1
	key                 string
	client              *http.Client
	idle, floorIdle     int64         // bytes of memory before the first request
	start, floorStart   time.Duration // from the process's start to its first answer
}

func newYard(b *testing.B, edge tree, key string, local *fake.Upstream) *yard {
	b.Helper()
	y := &yard{key: key, direct: strings.TrimSuffix(local.URL, "/v1"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	program := filepath.Join(b.TempDir(), "floor")
	if out, err := exec.Command("go", "build", "-o", program, "./floor").CombinedOutput(); err != nil {
		b.Fatalf("build the floor: %v\n%s", err, out)
	}
	began := time.Now()
	cmd := exec.Command(program, y.direct)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	y.floor = "http://" + strings.TrimSpace(addr)
	y.floorStart, y.floorIdle = y.first(b, y.floor, began, cmd.Process.Pid)
	began = time.Now()
	p := start(b, "edge", edge)
	y.edge = "http://" + p.Addr
	y.start, y.idle = y.first(b, y.edge, began, p.cmd.Process.Pid)
	return y
}

// first asks a new process for its first answer, and looks how large it is
// before that.
func (y *yard) first(b *testing.B, base string, began time.Time, pid int) (took time.Duration, idle int64) {
	b.Helper()
	listens := time.Since(began)
	idle = statusOf(b, pid, "VmRSS") << 10
	began = time.Now()
	if _, err := y.ask(base, sea(0, false)); err != nil {
		b.Fatal(err)
	}
	return listens + time.Since(began), idle
}

// sea is a request that no cache answers, for n from 1 on.
func sea(n int, stream bool) []byte { return question("How is the sea today?", n, stream) }

func question(text string, n int, stream bool) []byte {
	out, _ := json.Marshal(map[string]any{ // strings and numbers only
		"model": "tenbit", "stream": stream, "seed": n, "messages": []map[string]string{{"role": "user", "content": text}},
	})
	return out
}

func (y *yard) request(ctx context.Context, base string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+y.key)
	req.Header.Set("Content-Type", "application/json")
	return y.client.Do(req)
}

// ask sends a request and returns how long it took: to the first chunk with
// text where it streams, else to the whole answer.
func (y *yard) ask(base string, body []byte) (time.Duration, error) {
	began := time.Now()
	resp, err := y.request(context.Background(), base, body)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", base, resp.Status)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		_, err = io.Copy(io.Discard, resp.Body)
		return time.Since(began), err
	}
	var first time.Duration
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if first == 0 && content.Match(lines.Bytes()) {
			first = time.Since(began)
		}
	}
	return first, lines.Err()
}

// ms is a time in milliseconds, at p of the way from the shortest to the longest.
func ms(times []time.Duration, p float64) float64 {
	slices.Sort(times)
	return float64(times[int(p*float64(len(times)-1))]) / float64(time.Millisecond)
}

// BenchmarkEdge measures what the edge adds to a local backend, beside what the
// standard library's bare reverse proxy adds, in turns: one iteration asks each
// once in each way. `make bench` runs it; docs/api.md says what it prints.
func BenchmarkEdge(b *testing.B) {
	local := fake.NewUpstream(b, func(r fake.Received) fake.Behaviour {
		if bytes.Contains(r.Body, []byte("slow")) {
			return stalled(numbers(100))
		}
		return fake.Answers("It is calm, and the wind is from the west.")
	})
	key, hash := newKey(b)
	config := edgeTree(b, local.URL, hash, "")
	config.set("remote.kind", "none")
	config.set("log", "info")
	y := newYard(b, config, key, local)
	times := map[string][]time.Duration{}
	take := func(name, base string, body []byte) {
		d, err := y.ask(base, body)
		for tries := 0; err != nil && base == y.floor && tries < 20; tries++ {
			d, err = y.ask(base, body) // it cuts some answers: docs/api.md
		}
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		times[name] = append(times[name], d)
	}
	for n := 1; b.Loop(); n += 2 { // what answered a whole one would be in the cache for a stream
		for kind, seed := range map[string]int{"plain": n, "stream": n + 1} {
			stream := kind == "stream"
			take(kind+" direct", y.direct, sea(seed, stream))
			take(kind+" floor", y.floor, sea(seed, stream))
			take(kind+" edge", y.edge, sea(seed, stream))
		}
		take("cached", y.edge, sea(0, false))
	}
	b.ReportMetric(0, "ns/op")
	floorRate, edgeRate := y.rate(b, y.floor), y.rate(b, y.edge)
	left := y.leave(b, local)

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tdirect\tfloor\tedge\tedge/floor\tbar\t")
	row := func(what string, direct, floor, edge, bar float64) {
		b.ReportMetric(edge/floor, strings.ReplaceAll(what, " ", "-")+"/floor")
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.4g\t%.2f\t%g\t\n", what, direct, floor, edge, edge/floor, bar)
	}
	for kind, what := range map[string]string{"plain": "p50 added ms", "stream": "p50 added ms to first text"} {
		direct := ms(times[kind+" direct"], 0.5)
		row(what, direct, ms(times[kind+" floor"], 0.5)-direct, ms(times[kind+" edge"], 0.5)-direct, 0.5)
	}
	row("p50 ms cached", ms(times["plain direct"], 0.5), ms(times["plain floor"], 0.5), ms(times["cached"], 0.5), 0.3)
	row("requests a second", 0, floorRate, edgeRate, 2000)
	row("idle MiB", 0, float64(y.floorIdle)/(1<<20), float64(y.idle)/(1<<20), 30)
	row("ms from start to answer", 0, float64(y.floorStart)/1e6, float64(y.start)/1e6, 150)
	_ = w.Flush()
	b.Logf("\n%sThe model was left %.1f ms (p50), %.1f ms (the longest) after the client had gone; the bar is 50 ms.", table.String(), ms(left, 0.5), ms(left, 1))
}

// rate is how many plain requests are answered in a second, by sixteen at once.
func (y *yard) rate(b *testing.B, base string) float64 {
	b.Helper()
	const span = 3 * time.Second
	var n atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(span)
	for w := range 16 {
		wg.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				if _, err := y.ask(base, sea(1_000_000*(w+1)+i, false)); err != nil && base != y.floor {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / span.Seconds()
}

// leave opens streams and leaves them at their first text: it returns how long
// the model worked on.
func (y *yard) leave(b *testing.B, local *fake.Upstream) (after []time.Duration) {
	b.Helper()
	for n := range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		resp, err := y.request(ctx, y.edge, question("slow", n, true))
		if err != nil {
			b.Fatal(err)
		}
		text := make(chan struct{})
		ended := make(chan error, 1)
		go func() { ended <- awaitText(resp.Body, text) }() // ends when ctx does
		<-text
		for len(local.Left()) > 0 { // whom the floor has cut
			<-local.Left()
		}
		gone := time.Now()
		cancel()
		<-local.Left()
		after = append(after, time.Since(gone))
		<-ended
		resp.Body.Close()
	}
	return after
}

// resident is the memory that a process holds, in bytes, by /proc.
func (p *process) resident(t testing.TB) int64 { return p.status(t, "VmRSS") << 10 }

// status is a number of /proc/PID/status.
func (p *process) status(t testing.TB, field string) int64 {
	t.Helper()
	return statusOf(t, p.cmd.Process.Pid, field)
}

func statusOf(t testing.TB, pid int, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc here")
	}
	_, rest, _ := strings.Cut(string(text), "\n"+field+":")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		t.Fatalf("no %s in /proc", field)
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
