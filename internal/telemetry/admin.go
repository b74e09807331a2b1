package telemetry

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds what /readyz waits for: a probe that hangs is a probe
// that failed.
const readyTimeout = 2 * time.Second

// Admin serves /healthz (the process runs), /readyz (ready returns nil within
// two seconds) and /metrics. The error of ready is shown, so it names components,
// never keys. The handler belongs on a loopback port of its own: it asks for no
// key.
func (m *Metrics) Admin(ready func(context.Context) error) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "ok")
	})
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := ask(ctx, ready); err != nil {
			say(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	}))
	return r
}

// ask gives up on ready when ctx ends, even where ready does not look at it;
// the goroutine then ends with ready.
func ask(ctx context.Context, ready func(context.Context) error) error {
	if ready == nil {
		return nil
	}
	result := make(chan error, 1)
	go func() { result <- ready(ctx) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the prober may have gone
}
