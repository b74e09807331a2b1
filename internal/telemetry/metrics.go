// Package telemetry counts what the gateway does and serves the counts, with
// the probes, on the admin listener.
package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tenbit"
)

// Metrics holds the counters, in a registry of its own. All methods are safe for
// concurrent use and never block on I/O.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	degraded *prometheus.CounterVec
	duration *prometheus.HistogramVec
	first    prometheus.Histogram
	settled  *prometheus.CounterVec
	charged  *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	semantic *prometheus.CounterVec
	twins    *prometheus.CounterVec

	routes, reasons, tenants *names
}

// The most values of a label; what comes later counts as "other", so that no
// caller can fill the memory.
const (
	maxRoutes  = 32
	maxReasons = 32
)

// seconds are the buckets of latencies: from an exact cache hit (under a
// millisecond) to a large model that takes minutes.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// New makes the counters. The first maxTenants tenants that are charged get
// series of their own, the others share the one named "other"; with 0 there is
// one series, without a tenant's name.
func New(maxTenants int) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("requests_total", "Requests answered, by route (none: no answer) and HTTP status.", "route", "status"),
		degraded: counter("degraded_total", "Answers worse than configured, by reason.", "reason"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "tenbit", Name: "request_duration_seconds", Buckets: seconds,
			Help: "From the request's first byte to the answer's last, by route.",
		}, []string{"route"}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tenbit", Name: "first_token_seconds", Buckets: seconds,
			Help: "From the request's first byte to the first text of a stream.",
		}),
		settled: counter("settled_millibits_total",
			"Information bought and charged, in millibits: whole numbers, so that sums equal the ledger's.", "tenant"),
		charged: counter("request_wire_bytes_total",
			"Bytes on the connection to the far side that requests took, framing included.", "direction"),
		lookups: counter("cache_lookups_total", "Cache lookups, by result (hit, miss).", "result"),
		semantic: counter("semantic_cache_total",
			"What the semantic cache found and what became of it, by result (miss, guarded, unlikely, no_embedding; served without a verdict; right and wrong are verdicts).", "result"),
		twins:   counter("twin_checks_total", "What the origin's twin made beside what the edge's small model made, by result (same, other).", "result"),
		routes:  &names{most: maxRoutes},
		reasons: &names{most: maxReasons},
		tenants: &names{most: maxTenants},
	}
	m.registry.MustRegister(m.requests, m.degraded, m.duration, m.first, m.settled, m.charged, m.lookups, m.semantic, m.twins,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tenbit", Name: name, Help: help}, labels)
}

// Request counts one answered request: its route ("" for none), why it was
// degraded ("" where it was not), its HTTP status and how long it took.
func (m *Metrics) Request(route, degraded string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	route = m.routes.label(route)
	code := "other"
	if status >= 100 && status < 600 {
		code = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(route, code).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
	if degraded != "" {
		m.degraded.WithLabelValues(m.reasons.label(degraded)).Inc()
	}
}

// FirstToken counts the first text of a stream.
func (m *Metrics) FirstToken(took time.Duration) { m.first.Observe(took.Seconds()) }

// Settled counts what a tenant was charged, and what crossed the wire for it.
// Negative amounts are not counted: counters only grow.
func (m *Metrics) Settled(t tenbit.TenantID, c tenbit.Cost) {
	tenant := ""
	if m.tenants.most > 0 {
		tenant = m.tenants.label(string(t))
	}
	m.settled.WithLabelValues(tenant).Add(float64(max(0, c.Bits)))
	m.charged.WithLabelValues("up").Add(float64(max(0, c.WireUp)))
	m.charged.WithLabelValues("down").Add(float64(max(0, c.WireDown)))
}

// Cache counts one lookup.
func (m *Metrics) Cache(hit bool) {
	result := "miss"
	if hit {
		result = "hit"
	}
	m.lookups.WithLabelValues(result).Inc()
}

// Semantic counts one result of the semantic cache. Its names are few and fixed.
func (m *Metrics) Semantic(result string) { m.semantic.WithLabelValues(result).Inc() }

// Twin counts one check of a twin against the edge's small model.
func (m *Metrics) Twin(same bool) {
	result := "other"
	if same {
		result = "same"
	}
	m.twins.WithLabelValues(result).Inc()
}

// Wire shows the totals of a connection, such as "link" or "large", read from
// read at each scrape: idle traffic included, unlike the bytes of requests. It
// panics when the name is used twice.
func (m *Metrics) Wire(name string, read func() (up, down int64)) {
	for i, direction := range []string{"up", "down"} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "tenbit", Name: "wire_bytes_total",
			Help:        "Bytes on the connections, both directions, TLS and framing included.",
			ConstLabels: prometheus.Labels{"connection": name, "direction": direction},
		}, func() float64 {
			up, down := read()
			return float64([...]int64{up, down}[i])
		}))
	}
}
