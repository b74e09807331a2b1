package telemetry

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds what /readyz waits for: a probe that hangs is a probe
// that failed.
const readyTimeout = 2 * time.Second

// Ready says whether the process can do its work, nil within two seconds, and in
// notes what else an operator should know, a line each.
type Ready func(context.Context) (notes []string, err error)

// Admin serves /healthz (the process runs), /readyz and /metrics. What ready
// returns is shown, so it names components, never keys. The handler belongs on a
// loopback port of its own: it asks for no key.
func (m *Metrics) Admin(ready Ready) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "ok")
	})
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		notes, err := ask(ctx, ready)
		status, first := http.StatusOK, "ready"
		if err != nil {
			status, first = http.StatusServiceUnavailable, "not ready: "+err.Error()
		}
		say(w, status, strings.Join(append([]string{first}, notes...), "\n"))
	})
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	}))
	return r
}

// ask gives up on ready when ctx ends, even where ready does not look at it;
// the goroutine then ends with ready.
func ask(ctx context.Context, ready Ready) ([]string, error) {
	if ready == nil {
		return nil, nil
	}
	type answer struct {
		notes []string
		err   error
	}
	result := make(chan answer, 1)
	go func() { notes, err := ready(ctx); result <- answer{notes, err} }()
	select {
	case a := <-result:
		return a.notes, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the prober may have gone
}
