package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tenbit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape gives the lines of our own counters, without histogram buckets.
func scrape(t *testing.T, m *Metrics) []string {
	t.Helper()
	var out []string
	for l := range strings.Lines(get(t, m.Admin(nil), "/metrics", http.StatusOK)) {
		if strings.HasPrefix(l, "tenbit_") && !strings.Contains(l, "_bucket") {
			out = append(out, strings.TrimSpace(l))
		}
	}
	return out
}

func get(t *testing.T, h http.Handler, path string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != status {
		t.Errorf("GET %s: got status %d, want %d", path, w.Code, status)
	}
	body, _ := io.ReadAll(w.Result().Body)
	return string(body)
}

func TestCounts(t *testing.T) {
	m := New(0)
	m.Request("cache", "", 200, time.Millisecond)
	m.Request("full", "", 200, time.Second)
	m.Request("local", "over budget", 200, time.Second)
	m.Request("", "", 429, 0)
	m.Request("", "", 7, 0)
	m.FirstToken(20 * time.Millisecond)
	m.Settled("a", tenbit.Cost{Bits: 1234, WireUp: 500, WireDown: 60})
	m.Settled("b", tenbit.Cost{Bits: 1, WireUp: 1, WireDown: 2})
	m.Settled("b", tenbit.Cost{Bits: -5, WireUp: -1, WireDown: -2})
	m.Cache(true)
	m.Cache(false)
	m.Cache(false)
	m.Wire("link", func() (int64, int64) { return 11, 22 })
	want := []string{
		`tenbit_cache_lookups_total{result="hit"} 1`,
		`tenbit_cache_lookups_total{result="miss"} 2`,
		`tenbit_degraded_total{reason="over budget"} 1`,
		`tenbit_first_token_seconds_sum 0.02`,
		`tenbit_first_token_seconds_count 1`,
		`tenbit_request_duration_seconds_sum{route="cache"} 0.001`,
		`tenbit_request_duration_seconds_count{route="cache"} 1`,
		`tenbit_request_duration_seconds_sum{route="full"} 1`,
		`tenbit_request_duration_seconds_count{route="full"} 1`,
		`tenbit_request_duration_seconds_sum{route="local"} 1`,
		`tenbit_request_duration_seconds_count{route="local"} 1`,
		`tenbit_request_duration_seconds_sum{route="none"} 0`,
		`tenbit_request_duration_seconds_count{route="none"} 2`,
		`tenbit_request_wire_bytes_total{direction="down"} 62`,
		`tenbit_request_wire_bytes_total{direction="up"} 501`,
		`tenbit_requests_total{route="cache",status="200"} 1`,
		`tenbit_requests_total{route="full",status="200"} 1`,
		`tenbit_requests_total{route="local",status="200"} 1`,
		`tenbit_requests_total{route="none",status="429"} 1`,
		`tenbit_requests_total{route="none",status="other"} 1`,
		`tenbit_settled_millibits_total{tenant=""} 1235`,
		`tenbit_wire_bytes_total{connection="link",direction="down"} 22`,
		`tenbit_wire_bytes_total{connection="link",direction="up"} 11`,
	}
	if diff := cmp.Diff(want, scrape(t, m)); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}

// Bits are exact whatever order they come in: floats hold whole numbers.
func TestMillibitsAddExactly(t *testing.T) {
	m := New(0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				m.Settled("a", tenbit.Cost{Bits: tenbit.Bits(i*333 + 1)})
				m.Request("select", "", 200, 0)
			}
		})
	}
	all.Wait()
	want := fmt.Sprintf(`tenbit_settled_millibits_total{tenant=""} %d`, 8*(333*999*1000/2+1000))
	got := scrape(t, m)
	if !slices.ContainsFunc(got, func(l string) bool { return sameNumber(l, want) }) {
		t.Errorf("got %q, want %q among it", got, want)
	}
}

// sameNumber compares two lines whose numbers may be spelled differently.
func sameNumber(a, b string) bool {
	var x, y float64
	i, j := strings.LastIndex(a, " "), strings.LastIndex(b, " ")
	_, err1 := fmt.Sscan(a[i+1:], &x)
	_, err2 := fmt.Sscan(b[j+1:], &y)
	return a[:i] == b[:j] && x == y && err1 == nil && err2 == nil
}

func TestLabelsAreBounded(t *testing.T) {
	m := New(2)
	for i := range 10_000 {
		m.Settled(tenbit.TenantID(fmt.Sprint("t", i)), tenbit.Cost{Bits: 1})
		m.Request(fmt.Sprint("route", i), fmt.Sprint("reason", i), 200, 0)
	}
	m.Settled("bad \xff utf-8", tenbit.Cost{Bits: 1})
	m.Request("bad \xff utf-8", "bad \xff utf-8", 200, 0)
	lines := scrape(t, m)
	count := func(prefix string) (n int) {
		for _, l := range lines {
			if strings.HasPrefix(l, prefix+"{") {
				n++
			}
		}
		return n
	}
	if got := count("tenbit_settled_millibits_total"); got != 3 {
		t.Errorf("got %d series of tenants, want 2 and other", got)
	}
	if got := count("tenbit_requests_total"); got != maxRoutes+1 {
		t.Errorf("got %d series of routes, want %d and other", got, maxRoutes)
	}
	if got := count("tenbit_degraded_total"); got != maxReasons+1 {
		t.Errorf("got %d series of reasons, want %d and other", got, maxReasons)
	}
	if want := `tenbit_settled_millibits_total{tenant="other"} 9999`; !slices.Contains(lines, want) {
		t.Errorf("got %q, want %q among it", lines, want)
	}
}

func TestAdmin(t *testing.T) {
	m := New(0)
	for _, tt := range []struct {
		name   string
		ready  Ready
		path   string
		status int
		body   string
	}{
		{"healthy though not ready", func(context.Context) ([]string, error) { return nil, errors.New("no ledger") }, "/healthz", 200, "ok\n"},
		{"ready", func(context.Context) ([]string, error) { return nil, nil }, "/readyz", 200, "ready\n"},
		{"ready, with a note", func(context.Context) ([]string, error) { return []string{"cache: away"}, nil }, "/readyz", 200, "ready\ncache: away\n"},
		{"no readiness function", nil, "/readyz", 200, "ready\n"},
		{"not ready", func(context.Context) ([]string, error) { return nil, errors.New("ledger: down") }, "/readyz", 503, "not ready: ledger: down\n"},
		{"unknown path", nil, "/debug/pprof/", 404, "404 page not found\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := get(t, m.Admin(tt.ready), tt.path, tt.status); got != tt.body {
				t.Errorf("got %q, want %q", got, tt.body)
			}
		})
	}
	w := httptest.NewRecorder()
	m.Admin(nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /metrics: got %d, want 405", w.Code)
	}
	if body := get(t, m.Admin(nil), "/metrics", 200); !strings.Contains(body, "go_goroutines") {
		t.Error("/metrics: no go_goroutines in it")
	}
}

// A readiness function that hangs does not hang the probe.
func TestReadyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		free := make(chan struct{})
		get(t, New(0).Admin(func(context.Context) ([]string, error) { <-free; return nil, nil }), "/readyz", 503)
		close(free)
		if took := time.Since(begin); took != readyTimeout {
			t.Errorf("took %v, want %v", took, readyTimeout)
		}
	})
}
