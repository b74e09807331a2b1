package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Gauge shows a number of the part named of, read at each scrape. It panics when
// the name is used twice for the same part.
func (m *Metrics) Gauge(name, help, of string, read func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "tenbit", Name: name, Help: help, ConstLabels: prometheus.Labels{"of": of},
	}, func() float64 { return float64(read()) }))
}

// Counter is [Metrics.Gauge] for a number that only grows.
func (m *Metrics) Counter(name, help, of string, read func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Namespace: "tenbit", Name: name, Help: help, ConstLabels: prometheus.Labels{"of": of},
	}, func() float64 { return float64(read()) }))
}
