package test

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tenbit/internal/redistest"
)

// distinctEnv is how many requests TestMemoryCeiling sends; `make bench-memory`
// sends a million.
const distinctEnv = "TENBIT_DISTINCT"

// slack is what the process may take beyond its configured cache bytes.
const slack = 64 * mib

const mib = 1 << 20

// TestMemoryCeiling: distinct requests, far more than the caches hold, grow the
// process by no more than its configured cache bytes and 64 MiB. Nine of ten are
// chats, one is a response that is kept; Redis stands behind both.
func TestMemoryCeiling(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("memory is measured in /proc")
	}
	n, caches := 50_000, 15*mib
	if more, err := strconv.Atoi(os.Getenv(distinctEnv)); err == nil {
		n, caches = more, 96*mib // as shipped: 64 MiB of answers, 32 MiB of responses
	}
	local := httptest.NewServer(http.HandlerFunc(babble))
	defer local.Close()
	key, hash := newKey(t)
	config := edgeTree(t, local.URL+"/v1", hash, "")
	config.set("remote.kind", "none")
	config.set("log", "info")
	config.set("cache.bytes", caches/3*2)
	config.set("responses.bytes", caches/3)
	config.set("cache.redis.addr", redistest.Run(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru").Addr)
	edge := start(t, "edge", config)
	edge.log.enough()
	post := func(i int) error { return distinct("http://"+edge.Addr+"/v1", key, i) }
	if err := post(-1); err != nil {
		t.Fatal(err)
	}
	before := edge.status(t, "VmRSS") << 10
	var next, failed atomic.Int64
	for batch := range 10 {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for i := next.Add(1) - 1; i < int64((batch+1)*n/10); i = next.Add(1) - 1 {
					if err := post(int(i)); err != nil {
						failed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		next.Store(int64((batch + 1) * n / 10))
		t.Logf("%8d requests: %5.1f MiB resident", next.Load(), float64(edge.resident(t))/mib)
	}
	grown := edge.status(t, "VmHWM")<<10 - before
	t.Logf("%d distinct requests: at most %.1f MiB more than the %.1f MiB before, with %.1f MiB of caches (%.1f in use, %.0f entries, %.0f evicted): %.1f MiB beyond",
		n, float64(grown)/mib, float64(before)/mib, float64(caches)/mib, metricAt(t, edge.Admin, "tenbit_cache_bytes", "")/mib,
		metricAt(t, edge.Admin, "tenbit_cache_entries", ""), metricAt(t, edge.Admin, "tenbit_cache_evicted_total", ""), float64(grown-int64(caches))/mib)
	if grown > int64(caches)+slack {
		t.Errorf("grown by %d bytes, want at most %d of caches and %d", grown, caches, slack)
	}
	if evicted := metricAt(t, edge.Admin, "tenbit_cache_evicted_total", ""); evicted <= 0 {
		t.Error("nothing was evicted: the caches were not full")
	}
	if failed.Load() > 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
}

var seed = maphash.MakeSeed()

// babble is a local model that says something else, of another length, to each
// request: mostly some hundred bytes, at times some thousand.
func babble(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h := maphash.Bytes(seed, body)
	words := 10 + h%60
	if h%50 == 0 {
		words = 400
	}
	var said strings.Builder
	for i := range words {
		fmt.Fprintf(&said, "%x ", (h>>(i%32))%4096)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"x","object":"chat.completion","created":1,"model":"small","choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":99}}`, said.String(), words)
}

// distinct sends request number i.
func distinct(base, key string, i int) error {
	path, body := "/chat/completions", fmt.Sprintf(`{"model":"tenbit","messages":[{"role":"user","content":"Tell me of number %d. %s"}]}`, i, strings.Repeat("Please. ", i&31))
	if i%10 == 0 {
		path, body = "/responses", fmt.Sprintf(`{"model":"tenbit","input":"Tell me of number %d."}`, i)
	}
	req, err := http.NewRequest(http.MethodPost, base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := many.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// many keeps its connections.
var many = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
