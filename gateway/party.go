package gateway

import (
	"context"
	"sync"

	"tenbit"
)

// task is what a request comes to: walks, and how their answers are told.
type task struct {
	orders  []Order // one for each choice
	deliver delivery
	voice   voice
}

// spread makes the n choices of an order: each is a walk of its own with its
// share of the bits, and all but the first have seeds of their own, since the
// same request would find the first one's answer in the cache.
func spread(o Order, n int) ([]Order, error) {
	if n <= 1 {
		return []Order{o}, nil
	}
	seed, err := seedOf(o.Request)
	if err != nil {
		return nil, err
	}
	o.MaxBits /= tenbit.Bits(n)
	out := make([]Order, n)
	for i := range out {
		set := map[string]any{"n": nil}
		if i > 0 {
			set["seed"] = seed + int64(i)
		}
		out[i] = o
		if out[i].Request, err = o.Request.With(set); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// party are the flights of one request.
type party struct {
	flights []*flight
	first   []bool        // who started its flight pays
	wake    chan struct{} // something has changed
	own     func()        // the walk that is left to wait; nil: all run
	noted   []bool        // whose answers are in the call
	left    sync.Once
	over    []bool // whose walks ended with leaving
}

// depart starts the walks of a task, or joins equal ones.
func (g *Gateway) depart(ctx context.Context, c *call, t task) *party {
	p := &party{wake: make(chan struct{}, 1)}
	for i, o := range t.orders {
		if i > 0 {
			o.ID = newID() // holds are by id
		}
		answer := g.key(o)
		o.known = &answer
		key := answer
		if t.deliver.Stream {
			// Streams are walked with a sink of their own and shared with streams only.
			key = key.With("stream")
		}
		f, run := g.flights.join(ctx, key, !o.NoStore && !o.NoCache, p.wake, func(ctx context.Context, sink tenbit.Sink) (tenbit.Answer, error) {
			if t.deliver.Stream {
				o.Sink = sink
			}
			return g.walk(ctx, o)
		})
		p.flights, p.first = append(p.flights, f), append(p.first, run != nil)
		switch {
		case run == nil:
		case t.deliver.Stream || len(t.orders) > 1:
			go run() // ends with the walk
		default: // there is nothing to do beside it
			p.own = run
		}
	}
	c.answers, p.noted = make([]tenbit.Answer, len(p.flights)), make([]bool, len(p.flights))
	return p
}

// leave gives up waiting.
func (p *party) leave() {
	p.left.Do(func() {
		p.over = make([]bool, len(p.flights))
		for i, f := range p.flights {
			p.over[i] = f.leave(p.wake)
		}
	})
}

// abandon leaves, and waits for the walks that this ends: what they took is part
// of what the request did.
func (p *party) abandon(c *call) {
	p.leave()
	for i, f := range p.flights {
		if p.over[i] && !p.noted[i] {
			<-f.ended
			_ = p.end(i, c) // another one's error has been told
		}
	}
}

// wait waits for the end of all walks and fails with the first that does.
func (p *party) wait(ctx context.Context, c *call) error {
	if p.own != nil {
		stop := context.AfterFunc(ctx, p.leave) // ends the walk, unless others wait for it
		if p.own(); !stop() {
			return context.Cause(ctx)
		}
	}
	for i := 0; i < len(p.flights); {
		if _, done := p.flights[i].next(0); done {
			if err := p.end(i, c); err != nil {
				p.abandon(c)
				return err
			}
			i++
			continue
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// end notes the answer of a walk that has ended.
func (p *party) end(i int, c *call) error {
	a, err := p.flights[i].result()
	if !p.first[i] { // only the one who started a walk paid
		a.Cost, a.Route = tenbit.Cost{}, tenbit.RouteCache
	}
	if a.Route == tenbit.RouteCache || a.Route == tenbit.RouteSemantic {
		a.Message.ToolCalls = fresh(a.Message.ToolCalls) // somebody has had theirs
	}
	a.Message.ToolCalls = identified(a.Message.ToolCalls)
	c.answers[i], p.noted[i] = a, true
	return err
}

// answer sums up what the choices took.
func (c *call) answer() tenbit.Answer {
	if len(c.answers) == 0 {
		return tenbit.Answer{}
	}
	sum := c.answers[0]
	for _, a := range c.answers[1:] {
		sum.Cost = sum.Cost.Add(a.Cost)
		if sum.Degraded == "" {
			sum.Degraded = a.Degraded
		}
	}
	return sum
}
