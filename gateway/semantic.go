package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"tenbit"
	"tenbit/cache"
	"tenbit/policy"
)

// Verdict says who judges whether a stored answer answers another question.
type Verdict string

// The choices. A local verdict is checked by the far side until enough of them
// were right, where there is one.
const (
	VerdictRemote Verdict = "remote"
	VerdictLocal  Verdict = "local"
)

// near looks for the stored answer to a question that says the same in other
// words. Nil: the tenant doesn't want that, or the request takes no part.
func (g *Gateway) near(ctx context.Context, o Order) *cache.Near {
	if g.Semantic == nil || !o.Tenant.Semantic || o.NoStore || o.Request.LogProbs {
		return nil
	}
	surroundings, question, ok := apart(o.Request)
	if !ok {
		return nil
	}
	n := g.Semantic.Ask(ctx, o.Tenant.ID, append(g.terms(o), anonymous(surroundings)...), question)
	if n != nil && !o.NoCache {
		g.Semantic.Find(ctx, n)
	}
	return n
}

// resemble answers with what near found, where that may go out unseen or a
// verdict says that it is right. done is false where the walk goes on.
func (g *Gateway) resemble(ctx context.Context, o Order) (a tenbit.Answer, done bool, err error) {
	n := o.near
	if n == nil || !n.Found {
		return a, false, nil
	}
	kept, ok := unshelved(g.unpacked(n.Answer), tenbit.RouteSemantic)
	if !ok {
		return a, false, nil
	}
	if n.Sure {
		g.Semantic.Served()
		return kept, true, nil
	}
	passed := false
	if g.Verdict == VerdictLocal {
		yes, ok := policy.Judge(ctx, g.Drafter.Local, o.Request, n.Question, kept.Message)
		switch {
		case !ok:
			return a, false, nil
		case !yes:
			g.Semantic.Judge(ctx, n, false, false)
			return a, false, nil
		case g.Remote == nil:
			g.Semantic.Judge(ctx, n, true, false)
			return g.store(ctx, o, kept), true, nil
		case g.Semantic.Passes(n):
			g.Semantic.Served()
			return kept, true, nil
		}
		passed = true
	}
	return g.verified(ctx, o, kept, passed)
}

// verified asks the far side, which is shown the stored answer as a draft: it
// says that this is right, or what is. passed: the local model has said yes.
func (g *Gateway) verified(ctx context.Context, o Order, kept tenbit.Answer, passed bool) (a tenbit.Answer, done bool, err error) {
	if !g.mayBuy(o) {
		return a, false, nil
	}
	draft := policy.Stored(o.Request, tenbit.Completion{Message: kept.Message, Finish: kept.Finish, Usage: kept.Usage})
	ask := draft.Ask(o.Request)
	ask.Limit, ask.Modes = o.MaxBits, g.modes(o)
	ask, ok := policy.Verifiable(ask)
	if !ok || g.Price.Answer > 0 && g.Price.Worth(0, g.left(ctx, o.Tenant)) < policy.Expected(ask) {
		return a, false, nil
	}
	walk := o
	walk.ID = newID() // a hold of its own: the walk may go on and need another
	walk.Modes = ask.Modes
	buy, err := g.reserve(ctx, walk, draft)
	if err != nil {
		return a, false, nil // the walk meets the same, and knows what to do
	}
	buy.stored = true
	got, err := buy.escalate(ctx, draft)
	if err != nil {
		return g.unverified(ctx, o, got.reply.Cost, err)
	}
	right := confirms(got.reply, kept.Message)
	g.Semantic.Judge(ctx, o.near, right, passed)
	switch {
	case right:
		kept.Cost = got.reply.Cost
		return g.store(ctx, o, kept), true, nil
	case got.reply.Mode == tenbit.ModeNone:
		// Not that it is right, and nothing else: the walk goes on, and counts what this took.
		return tenbit.Answer{Cost: got.reply.Cost}, false, nil
	}
	return g.store(ctx, o, g.bought(ctx, o, got)), true, nil
}

// confirms reports a reply that says that the answer is right, or says the same.
func confirms(r tenbit.Reply, kept tenbit.Message) bool {
	switch r.Mode {
	case tenbit.ModeAccept:
		return true
	case tenbit.ModeFull, tenbit.ModePlain:
		return !r.Cut && r.Message.Content == kept.Content && string(r.Message.ToolCalls) == string(kept.ToolCalls)
	}
	return false
}

// unverified is the way out when the far side failed over a verdict: it isn't
// asked a second time.
func (g *Gateway) unverified(ctx context.Context, o Order, cost tenbit.Cost, cause error) (tenbit.Answer, bool, error) {
	if errors.Is(cause, errBroken) || ctx.Err() != nil {
		return tenbit.Answer{Cost: cost}, true, cause
	}
	draft, err := g.drafter(o.Tenant).Draft(ctx, o.Request)
	if err != nil {
		return tenbit.Answer{Cost: cost}, true, localDown(err)
	}
	a, err := g.unbought(o, draft, cost, cause)
	return a, true, err
}

// remember makes an entry of an answer that the cache keeps: one that was
// bought, or any where nothing can be.
func (g *Gateway) remember(ctx context.Context, o Order, a tenbit.Answer, val []byte) {
	if o.near == nil || a.Route == tenbit.RouteSemantic || a.Route == tenbit.RouteLocal && g.Remote != nil {
		return
	}
	g.Semantic.Keep(ctx, o.near, append([]byte{plain}, val...))
}

// apart divides a request into its last turn's text, where that is the user's
// and nothing but text, and everything else.
func apart(req tenbit.Request) (surroundings []byte, question string, ok bool) {
	last := len(req.Messages) - 1
	if last < 0 || req.Messages[last].Role != "user" {
		return nil, "", false
	}
	var body map[string]json.RawMessage
	var turns []json.RawMessage
	var turn map[string]json.RawMessage
	if json.Unmarshal(req.Body, &body) != nil || json.Unmarshal(body["messages"], &turns) != nil || len(turns) != last+1 ||
		json.Unmarshal(turns[last], &turn) != nil || !textOnly(turn["content"]) {
		return nil, "", false
	}
	turn["content"] = json.RawMessage("null")
	var err error
	if turns[last], err = json.Marshal(turn); err != nil {
		return nil, "", false
	}
	if body["messages"], err = json.Marshal(turns); err != nil {
		return nil, "", false
	}
	surroundings, err = json.Marshal(body)
	question = strings.TrimSpace(req.Messages[last].Text)
	return surroundings, question, err == nil && question != ""
}

// textOnly reports content that is a string, or parts that are texts and
// nothing more.
func textOnly(content json.RawMessage) bool {
	if bytes.HasPrefix(content, []byte(`"`)) {
		return true
	}
	var parts []map[string]json.RawMessage
	if json.Unmarshal(content, &parts) != nil {
		return false
	}
	for _, p := range parts {
		if string(p["type"]) != `"text"` || len(p) != 2 {
			return false
		}
	}
	return true
}
