package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tenbit/internal/fake"
)

// floorEnv makes the test binary the floor of the benchmark: the standard
// library's bare reverse proxy to the address that it names.
const floorEnv = "TENBIT_TEST_FLOOR"

// serveFloor prints its address and serves until it is killed.
func serveFloor(target string) int {
	u, err := url.Parse(target)
	if err != nil {
		return 1
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	fmt.Println(ln.Addr())
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
	fmt.Fprintln(os.Stderr, http.Serve(ln, proxy))
	return 1
}

// yard is what the benchmark compares: the backend itself, the floor, the edge.
type yard struct {
	direct, floor, edge string // base URLs without /v1
	key                 string
	process             *process
	client              *http.Client
	idle                int64         // bytes of memory before its first request
	started             time.Duration // from the edge's start to its first answer
}

func newYard(b *testing.B, edge tree, key string, local *fake.Upstream) *yard {
	b.Helper()
	y := &yard{key: key, direct: strings.TrimSuffix(local.URL, "/v1"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floorEnv+"="+y.direct)
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
	began := time.Now()
	y.process = start(b, "edge", edge)
	y.edge = "http://" + y.process.Addr
	listens := time.Since(began)
	y.idle = y.process.resident(b)
	b.Logf("listens after %v", listens)
	if _, err := y.ask(y.edge, body(0, false)); err != nil {
		b.Fatal(err)
	}
	y.started = time.Since(began)
	return y
}

// body is a request that no cache answers, for n from 1 on.
func body(n int, stream bool) []byte {
	out, _ := json.Marshal(map[string]any{
		"model": "tenbit", "stream": stream, "seed": n, "messages": []map[string]string{{"role": "user", "content": "How is the sea today?"}},
	})
	return out
}

// ask sends a request and returns how long it took: to the first chunk with
// text where it streams, else to the whole answer.
func (y *yard) ask(base string, body []byte) (time.Duration, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+y.key)
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := y.client.Do(req)
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

// median of times, in milliseconds.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2]) / float64(time.Millisecond)
}

// BenchmarkEdge measures what the edge adds to a local backend, beside what the
// standard library's bare reverse proxy adds, in turns: one iteration asks each
// once in each way. `make bench` runs it.
func BenchmarkEdge(b *testing.B) {
	local := fake.NewUpstream(b, says("It is calm, and the wind is from the west."))
	key, hash := newKey(b)
	config := edgeTree(b, local.URL, hash, "")
	config.set("remote.kind", "none")
	config.set("log", "info")
	y := newYard(b, config, key, local)
	times := map[string][]time.Duration{}
	n := 0
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
	for b.Loop() {
		n++
		for _, stream := range []bool{false, true} {
			kind := map[bool]string{false: "plain", true: "stream"}[stream]
			take(kind+" direct", y.direct, body(n, stream))
			take(kind+" floor", y.floor, body(n, stream))
			take(kind+" edge", y.edge, body(n, stream))
		}
		take("cached", y.edge, body(0, false))
	}
	for _, kind := range []string{"plain", "stream"} {
		direct := median(times[kind+" direct"])
		floor, edge := median(times[kind+" floor"])-direct, median(times[kind+" edge"])-direct
		b.ReportMetric(direct, kind+"-direct-ms")
		b.ReportMetric(floor, kind+"-floor-added-ms")
		b.ReportMetric(edge, kind+"-edge-added-ms")
		b.ReportMetric(edge/floor, kind+"-edge/floor")
	}
	b.ReportMetric(median(times["cached"]), "cached-ms")
	b.ReportMetric(median(times["cached"])/median(times["plain floor"]), "cached/floor")
	b.ReportMetric(float64(y.idle)/(1<<20), "idle-MiB")
	b.ReportMetric(float64(y.started)/float64(time.Millisecond), "start-ms")
	b.ReportMetric(0, "ns/op")
	floor, edge := y.rate(b, y.floor), y.rate(b, y.edge)
	b.ReportMetric(edge, "edge-req/s")
	b.ReportMetric(edge/floor, "edge/floor-req/s")
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
				if _, err := y.ask(base, body(1_000_000*(w+1)+i, false)); err != nil && base != y.floor {
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

// resident is the memory that a process holds, in bytes, by /proc.
func (p *process) resident(t testing.TB) int64 {
	t.Helper()
	return p.status(t, "VmRSS") << 10
}

// status is a number of /proc/PID/status.
func (p *process) status(t testing.TB, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
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
