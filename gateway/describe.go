package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tenbit"
)

// fields are what headers, trailers and the closing comment of a stream say.
type fields struct {
	Route    tenbit.Route `json:"route"`
	Bits     string       `json:"bits"`
	WireUp   int64        `json:"wire_up"`
	WireDown int64        `json:"wire_down"`
	Left     string       `json:"budget_left,omitempty"`
	Degraded string       `json:"degraded,omitempty"`
}

// report reads what is left and sums up the call.
func (g *Gateway) report(ctx context.Context, c *call) fields {
	a := c.answer()
	f := fields{Route: a.Route, Bits: a.Cost.Bits.String(), WireUp: a.Cost.WireUp, WireDown: a.Cost.WireDown, Degraded: a.Degraded}
	if left, err := g.leftNow(ctx, c); err == nil {
		f.Left = left.String()
	}
	return f
}

var errNoLedger = errors.New("no ledger")

// lookAgain is the most that a free answer waits for a ledger that did not
// answer while it was made.
const lookAgain = 10 * time.Millisecond

// leftNow is what is left: as the request came where it bought nothing, which
// saves a cached answer the ledger's round trip.
func (g *Gateway) leftNow(ctx context.Context, c *call) (tenbit.Bits, error) {
	if g.Ledger == nil {
		return 0, errNoLedger
	}
	if a := c.answer(); c.left != nil && a.Cost == (tenbit.Cost{}) && (a.Route != tenbit.RouteLocal || a.Degraded == "") {
		left, err := c.left()
		if err == nil || errors.Is(err, errTired) {
			return left, err
		}
		// Once more, but a free answer doesn't wait for a ledger that is away.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lookAgain)
		defer cancel()
	}
	left, _, err := g.Ledger.Left(ctx, c.tenant)
	return left, err
}

// set writes the fields as headers, or as trailers with http.TrailerPrefix.
func (f fields) set(h http.Header, prefix string) {
	set := func(name, value string) {
		if value != "" {
			h.Set(prefix+name, value)
		}
	}
	set("X-Tenbit-Route", string(f.Route))
	set("X-Tenbit-Bits", f.Bits)
	set("X-Tenbit-Wire-Up", strconv.FormatInt(f.WireUp, 10))
	set("X-Tenbit-Wire-Down", strconv.FormatInt(f.WireDown, 10))
	set("X-Tenbit-Budget-Left", f.Left)
	set("X-Tenbit-Degraded", f.Degraded)
}

// comment is the SSE comment that closes a stream.
func (f fields) comment() []byte {
	b, _ := json.Marshal(f) // strings and numbers only: cannot fail
	return append(append([]byte(": tenbit "), b...), '\n', '\n')
}
