package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"tenbit"
	"tenbit/cache"
)

// chat serves POST /v1/chat/completions.
func (g *Gateway) chat(w http.ResponseWriter, r *http.Request, c *call) error {
	o, d, err := g.order(w, r, c)
	if err != nil {
		return err
	}
	select {
	case g.active <- struct{}{}:
		defer func() { <-g.active }()
	default:
		return &Error{Status: http.StatusServiceUnavailable, Type: "server_error", Code: "overloaded", Msg: "The gateway is busy. Try again soon."}
	}
	key := cache.KeyOf(o.Tenant.ID, o.Request.Body)
	if d.Stream {
		// Streams are walked with a sink of their own and shared with streams only.
		key = cache.KeyOf(o.Tenant.ID, append([]byte("stream\n"), o.Request.Body...))
	}
	f, first := g.flights.join(r.Context(), key, !o.NoStore && !d.limited, func(ctx context.Context, sink tenbit.Sink) (tenbit.Answer, error) {
		if d.Stream {
			o.Sink = sink
		}
		return g.Answer(ctx, o)
	})
	defer f.leave()
	if d.Stream {
		return g.stream(w, r, c, f, first, d)
	}
	a, err := f.wait(r.Context())
	c.answer = own(a, first)
	g.report(r.Context(), c).set(w.Header(), "")
	if err != nil {
		return err
	}
	return writeJSON(w, completionOf(c))
}

// own is the answer as one of those who shared its walk sees it: only the one
// who started it paid.
func own(a tenbit.Answer, first bool) tenbit.Answer {
	if !first {
		a.Cost = tenbit.Cost{}
		a.Route = tenbit.RouteCache
	}
	return a
}

// delivery says how a client wants its answer.
type delivery struct {
	Stream  bool `json:"stream"`
	Options struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Tenbit *struct {
		MaxBits *float64 `json:"max_bits"`
		Modes   []string `json:"modes"`
		Cache   string   `json:"cache"`
	} `json:"tenbit"`

	limited bool // the sender set limits of its own: the walk is not shared
}

// order reads and checks a request.
func (g *Gateway) order(w http.ResponseWriter, r *http.Request, c *call) (Order, delivery, error) {
	var d delivery
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.MaxBody))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return Order{}, d, &Error{Status: http.StatusRequestEntityTooLarge, Type: "invalid_request_error", Code: "request_too_large", Msg: fmt.Sprintf("The body is larger than %d bytes.", g.MaxBody)}
		}
		return Order{}, d, invalid("", "", "The body could not be read.")
	}
	req, err := tenbit.ParseRequest(body)
	if err != nil {
		return Order{}, d, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return Order{}, d, invalid("stream", "", "Expected stream to be a boolean, and stream_options and tenbit to be objects of the documented fields.")
	}
	if !slices.Contains(g.Models, req.Model) {
		return Order{}, d, unknownModel()
	}
	if req.N > 1 {
		return Order{}, d, invalid("n", "unsupported_value", "Only n = 1 is supported.")
	}
	c.model = req.Model
	o := Order{ID: c.id, Tenant: c.tenant, Request: req, MaxBits: c.tenant.MaxRequest, Modes: g.Modes}
	return o, d, d.limit(&o, r.Header)
}

// limit applies the sender's own limits, which only ever narrow the tenant's.
func (d *delivery) limit(o *Order, h http.Header) error {
	if s := h.Get("X-Tenbit-Max-Bits"); s != "" {
		b, err := tenbit.ParseBits(s)
		if err != nil {
			return invalid("x-tenbit-max-bits", "", "Expected a number of bits with at most three decimals.")
		}
		o.MaxBits, d.limited = min(o.MaxBits, b), true
	}
	if d.Tenbit == nil {
		return nil
	}
	if d.Tenbit.MaxBits != nil {
		b, err := tenbit.BitsOf(*d.Tenbit.MaxBits)
		if err != nil {
			return invalid("tenbit.max_bits", "", "Expected a number of bits, not negative.")
		}
		o.MaxBits, d.limited = min(o.MaxBits, b), true
	}
	if d.Tenbit.Modes != nil {
		var set tenbit.ModeSet
		for i, name := range d.Tenbit.Modes {
			m, err := tenbit.ParseMode(name)
			if err != nil {
				return invalid("tenbit.modes["+strconv.Itoa(i)+"]", "", "Expected the name of a reply mode.")
			}
			set |= tenbit.Modes(m)
		}
		o.Modes, d.limited = o.Modes&set, true
	}
	switch d.Tenbit.Cache {
	case "":
	case "no-store":
		o.NoStore = true
	default:
		return invalid("tenbit.cache", "", "Expected \"no-store\".")
	}
	return nil
}
