package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"tenbit"
)

// Handler serves the OpenAI API. The order of the middleware is written here
// and nowhere else.
func (g *Gateway) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(g.stamp, g.cors)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		(&Error{Status: http.StatusNotFound, Type: "invalid_request_error", Code: "unknown_url", Msg: "Unknown request URL. Check the path and the method."}).write(w)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Allow", allowed(r, q.URL.Path))
		(&Error{Status: http.StatusMethodNotAllowed, Type: "invalid_request_error", Code: "method_not_allowed", Msg: "This method is not allowed on this URL."}).write(w)
	})
	r.Post("/v1/chat/completions", g.handle(g.chat))
	r.Post("/v1/responses", g.handle(g.responses))
	r.Get("/v1/responses/{id}", g.handle(g.response))
	r.Delete("/v1/responses/{id}", g.handle(g.deleteResponse))
	r.Post("/v1/completions", g.handle(g.completions))
	r.Post("/v1/embeddings", g.handle(g.embeddings))
	r.Get("/v1/models", g.handle(g.models))
	r.Get("/v1/models/*", g.handle(g.model)) // names may have slashes in them
	return r
}

// allowed lists the methods that a path has.
func allowed(r chi.Routes, path string) string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if r.Match(chi.NewRouteContext(), m, path) {
			out = append(out, m)
		}
	}
	return strings.Join(out, ", ")
}

// Drain waits until every walk has ended, or ctx is done.
func (g *Gateway) Drain(ctx context.Context) error {
	idle := make(chan struct{})
	go func() { g.flights.wg.Wait(); close(idle) }() // ends with the last walk
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call is one HTTP request under way, and what becomes of it.
type call struct {
	id     string
	start  time.Time
	tenant tenbit.Tenant
	model  string                      // as the client named it
	left   func() (tenbit.Bits, error) // of the budget, as the request came; nil: nobody looked

	status  int
	answers []tenbit.Answer // one for each choice
	held    []func()        // give back the places that the request takes
}

// release gives back the places of the request: before the client knows that it
// is answered, so that its next one finds them.
func (c *call) release() {
	for _, f := range c.held {
		f()
	}
	c.held = nil
}

// handle authenticates, runs h, answers its error and writes the one log line.
func (g *Gateway) handle(h func(http.ResponseWriter, *http.Request, *call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{id: w.Header().Get("X-Request-Id"), start: time.Now(), status: http.StatusOK}
		defer c.release()
		g.rate(w.Header())
		err := g.authenticate(r, c)
		if err == nil {
			err = g.paced(w, r, c, h)
		}
		if err != nil {
			e := g.refusal(r.Context(), c, err)
			if c.status = e.Status; r.Context().Err() != nil {
				c.status = statusLeft
			}
			c.release()
			if !errors.Is(err, errSent) {
				e.write(w)
			}
		}
		g.log(r, c, err)
	}
}

// statusLeft is the status in logs and metrics of a request whose client has left,
// as nginx has it. Nobody receives it.
const statusLeft = 499

// log writes the one line about a request and counts it.
func (g *Gateway) log(r *http.Request, c *call, err error) {
	a, took := c.answer(), time.Since(c.start)
	g.Metrics.Request(string(a.Route), a.Degraded, c.status, took)
	level := slog.LevelInfo
	if c.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	g.Log.LogAttrs(r.Context(), level, "request",
		slog.String("id", c.id), slog.String("tenant", string(c.tenant.ID)), slog.String("path", r.URL.Path),
		slog.Int("status", c.status), slog.String("route", string(a.Route)), slog.String("bits", a.Cost.Bits.String()),
		slog.Int64("wire_up", a.Cost.WireUp), slog.Int64("wire_down", a.Cost.WireDown),
		slog.String("degraded", a.Degraded), slog.Duration("took", took), slog.Any("err", err))
}

// authenticate finds the tenant of the request's key.
func (g *Gateway) authenticate(r *http.Request, c *call) error {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if key == "" || !strings.EqualFold(scheme, "bearer") {
		return &Error{Status: http.StatusUnauthorized, Type: "invalid_request_error", Code: "missing_api_key", Msg: "You didn't provide an API key. Send it as \"Authorization: Bearer KEY\"."}
	}
	t, ok := g.Keys.Tenant(strings.TrimSpace(key))
	if !ok {
		return &Error{Status: http.StatusUnauthorized, Type: "invalid_request_error", Code: "invalid_api_key", Msg: "Incorrect API key provided."}
	}
	c.tenant = t
	return nil
}

// newID makes a request id of 128 random bits in hex.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}
