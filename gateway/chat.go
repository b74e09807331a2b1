package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tenbit"
)

// chat serves POST /v1/chat/completions.
func (g *Gateway) chat(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := g.body(w, r)
	if err != nil {
		return err
	}
	o, d, err := g.order(r, c, body)
	if err != nil {
		return err
	}
	orders, err := spread(o, o.Request.N)
	if err != nil {
		return err
	}
	return g.serve(w, r, c, task{orders, d, chatVoice{}})
}

// serve carries out a task and answers it.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, c *call, t task) error {
	if err := g.admit(c); err != nil {
		return err
	}
	p := g.depart(r.Context(), c, t)
	defer p.abandon(c)
	if t.deliver.Stream {
		return g.stream(w, r, c, p, t)
	}
	err := p.wait(r.Context(), c)
	g.report(r.Context(), c).set(w.Header(), "")
	if err != nil {
		return err
	}
	return writeJSON(w, c, t.voice.whole(c))
}

// delivery says how a client wants its answer.
type delivery struct {
	Stream  bool `json:"stream"`
	Options *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	User     *string           `json:"user"`
	Safety   *string           `json:"safety_identifier"`
	CacheKey *string           `json:"prompt_cache_key"`
	Tier     *string           `json:"service_tier"`
	Metadata map[string]string `json:"metadata"`
	Tenbit   *struct {
		MaxBits *float64 `json:"max_bits"`
		Modes   []string `json:"modes"`
		Cache   string   `json:"cache"`
	} `json:"tenbit"`
}

// order checks a chat completion request.
func (g *Gateway) order(r *http.Request, c *call, body []byte) (Order, delivery, error) {
	var d delivery
	req, fields, err := tenbit.ReadRequest(body)
	if err != nil {
		return Order{}, d, err
	}
	if err := tenbit.Exactly(fields, &d); err != nil {
		return Order{}, d, mistyped(err)
	}
	if err := d.check(); err != nil {
		return Order{}, d, err
	}
	if !slices.Contains(g.Models, req.Model) {
		return Order{}, d, unknownModel()
	}
	f, req, err := formOf(req, fields)
	if err != nil {
		return Order{}, d, err
	}
	c.model = req.Model
	o := Order{ID: c.id, Tenant: c.tenant, Request: req, MaxBits: c.tenant.MaxRequest, Modes: g.Modes, form: f}
	return o, d, d.limit(&o, r.Header)
}

// tiers are the values of service_tier that OpenAI's schema names.
var tiers = []string{"auto", "default", "flex", "scale", "priority", "fast"}

// check refuses what OpenAI refuses of the fields that don't change the answer.
func (d *delivery) check() error {
	if d.Options != nil && !d.Stream {
		return invalid("stream_options", "", "stream_options is only allowed when stream is true.")
	}
	if d.Tier != nil && !slices.Contains(tiers, *d.Tier) {
		return invalid("service_tier", "", "Expected one of "+strings.Join(tiers, ", ")+".")
	}
	if len(d.Metadata) > 16 {
		return invalid("metadata", "", "Expected at most 16 keys.")
	}
	for k, v := range d.Metadata {
		if utf8.RuneCountInString(k) > 64 || utf8.RuneCountInString(v) > 512 {
			return invalid("metadata", "", "Expected keys of at most 64 and values of at most 512 characters.")
		}
	}
	return nil
}

// includeUsage reports whether a stream is to say its usage.
func (d *delivery) includeUsage() bool { return d.Options != nil && d.Options.IncludeUsage }

// seedOf is the seed that a request names.
func seedOf(req tenbit.Request) (int64, error) {
	var body struct {
		Seed tenbit.Integer `json:"seed"`
	}
	if err := req.Read(&body); err != nil {
		return 0, fmt.Errorf("read the seed: %w", err)
	}
	return int64(body.Seed), nil
}

// limit applies the sender's own limits, which only ever narrow the tenant's.
func (d *delivery) limit(o *Order, h http.Header) error {
	if s := h.Get("X-Tenbit-Max-Bits"); s != "" {
		b, err := tenbit.ParseBits(s)
		if err != nil {
			return invalid("x-tenbit-max-bits", "", "Expected a number of bits with at most three decimals.")
		}
		o.MaxBits = min(o.MaxBits, b)
	}
	for part := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		switch strings.ToLower(strings.TrimSpace(part)) {
		case "no-store":
			o.NoStore = true
		case "no-cache":
			o.NoCache = true
		}
	}
	if d.Tenbit == nil {
		return nil
	}
	if d.Tenbit.MaxBits != nil {
		b, err := tenbit.BitsOf(*d.Tenbit.MaxBits)
		if err != nil {
			return invalid("tenbit.max_bits", "", "Expected a number of bits, not negative.")
		}
		o.MaxBits = min(o.MaxBits, b)
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
		o.Modes &= set
	}
	switch d.Tenbit.Cache {
	case "":
	case "no-store":
		o.NoStore = true
	case "no-cache":
		o.NoCache = true
	default:
		return invalid("tenbit.cache", "", "Expected \"no-store\" or \"no-cache\".")
	}
	return nil
}
