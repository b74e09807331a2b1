package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stamp gives each response the headers that OpenAI's have, and each write a
// deadline: a client that stops reading must not hold a request for ever.
func (g *Gateway) stamp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &stamped{ResponseWriter: w, ctl: http.NewResponseController(w), start: time.Now(), stall: g.Stall, timed: r.ProtoMajor > 1}
		if !s.timed {
			s.extend() // the connection still has the last response's
		}
		w.Header().Set("X-Request-Id", newID())
		w.Header().Set("Openai-Version", "2020-10-01")
		next.ServeHTTP(s, r)
		s.extend() // the server writes what is left
	})
}

// stamped is a response under way.
type stamped struct {
	http.ResponseWriter
	ctl    *http.ResponseController
	start  time.Time
	stall  time.Duration
	timed  bool // HTTP/2 ends a stream at its deadline, whether something is written then or not
	begun  bool
	dueSet time.Time // when the write deadline was set last
}

// Unwrap is for [http.ResponseController].
func (s *stamped) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// WriteHeader says how long the answer took.
func (s *stamped) WriteHeader(status int) {
	if !s.begun {
		s.begun = true
		s.Header().Set("Openai-Processing-Ms", strconv.FormatInt(time.Since(s.start).Milliseconds(), 10))
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *stamped) Write(b []byte) (int, error) {
	if !s.begun {
		s.WriteHeader(http.StatusOK)
	}
	s.extend()
	defer s.rest()
	return s.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController].
func (s *stamped) FlushError() error {
	s.extend()
	defer s.rest()
	return s.ctl.Flush()
}

// extend moves the write deadline, not for each of many small writes.
func (s *stamped) extend() {
	if now := time.Now(); now.Sub(s.dueSet) > s.stall/8 {
		s.dueSet = now
		_ = s.ctl.SetWriteDeadline(now.Add(s.stall)) // a recorder in a test has none
	}
}

// rest takes the write deadline away until something is written again, where it
// would end the response while the model works.
func (s *stamped) rest() {
	if s.timed {
		s.dueSet = time.Time{}
		_ = s.ctl.SetWriteDeadline(time.Time{})
	}
}

// rate says what of the limit on requests at the same time is left, as OpenAI
// does of its limit per minute: a slot is free again when a request ends.
func (g *Gateway) rate(h http.Header) {
	left := cap(g.active) - len(g.active)
	reset := "0s"
	if left == 0 {
		reset = "1s"
	}
	h.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(cap(g.active)))
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(left))
	h.Set("X-Ratelimit-Reset-Requests", reset)
}

// cors lets pages of the configured origins in, and no others: without the
// headers a browser keeps the answer from the page.
func (g *Gateway) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if len(g.Origins) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		known := origin != "" && (slices.Contains(g.Origins, origin) || slices.Contains(g.Origins, "*"))
		if known {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", strings.Join(exposed, ", "))
		}
		if known && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Add("Vary", "Access-Control-Request-Headers")
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// exposed are the response headers that pages may read.
var exposed = []string{
	"X-Request-Id", "Openai-Processing-Ms", "Retry-After", "X-Should-Retry", "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests",
	"X-Tenbit-Route", "X-Tenbit-Bits", "X-Tenbit-Wire-Up", "X-Tenbit-Wire-Down", "X-Tenbit-Budget-Left", "X-Tenbit-Degraded", "X-Tenbit-Left-Out",
}
