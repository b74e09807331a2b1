package link

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"tenbit"
	"tenbit/codec"
)

// settleTimeout bounds the ledger's part after a reply, cancelled or not.
const settleTimeout = 5 * time.Second

// serve makes a reply: reserve, answer, settle. It ends when the handler does.
// learn notes what crossed. The outcome is logged here.
func (s *Server) serve(ctx context.Context, r *reply, a tenbit.Ask, model codec.Model, learn func(tenbit.Sent) func()) {
	began := time.Now()
	learnt := func() {}
	sent, spent, err := s.answer(ctx, r, a, model, func(sent tenbit.Sent) { learnt = learn(sent) })
	defer learnt()
	log := s.cfg.Log.With("edge", r.edge.Name, "id", a.ID, "bits", spent, "took", time.Since(began).Round(time.Millisecond))
	if err != nil {
		log.Warn("no reply", "err", err)
		return
	}
	log.Debug("replied", "mode", sent.Mode)
}

func (s *Server) answer(ctx context.Context, r *reply, a tenbit.Ask, model codec.Model, whole func(tenbit.Sent)) (tenbit.Sent, tenbit.Bits, error) {
	hold, err := s.reserve(ctx, r, &a)
	var sent tenbit.Sent
	if err == nil {
		sent, err = s.handle(ctx, r, a, model)
	}
	if err == nil {
		whole(sent)
	}
	code := codeOf(ctx, err)
	spent := r.freeze(sent, code)
	defer r.finish() // settled first: what the edge is told, the ledger has
	if s.cfg.Ledger != nil && hold.ID != "" {
		settleCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
		defer cancel()
		if e := s.cfg.Ledger.Settle(settleCtx, hold, spent); e != nil {
			err = errors.Join(err, fmt.Errorf("settle: %w", e))
		}
	}
	return sent, spent, err
}

// reserve gets the bits from the origin's ledger and lowers the ask's limit to
// what it grants.
func (s *Server) reserve(ctx context.Context, r *reply, a *tenbit.Ask) (tenbit.Hold, error) {
	if s.cfg.Ledger == nil {
		r.begin(a.Limit, 0)
		return tenbit.Hold{}, nil
	}
	hold, err := s.cfg.Ledger.Reserve(ctx, s.payer(r, a.Tenant), r.edge.Name+"/"+a.ID, a.Limit)
	if err != nil {
		return tenbit.Hold{}, fmt.Errorf("reserve: %w", err)
	}
	g := grant{}
	for a.Limit>>g.shift > hold.Granted && g.shift < maxShift {
		g.shift++
	}
	limit := a.Limit
	if g.shift > 0 {
		limit = g.lowered(a.Limit)
	}
	if limit <= 0 || limit > hold.Granted {
		r.begin(0, 0)
		return hold, fmt.Errorf("reserve %v, granted %v: %w", a.Limit, hold.Granted, tenbit.ErrOverBudget)
	}
	a.Limit = limit
	r.begin(limit, g.shift)
	return hold, nil
}

// payer is whose account an ask of the edge's tenant is charged to.
func (s *Server) payer(r *reply, t tenbit.TenantID) tenbit.Tenant {
	if s.cfg.Account != nil {
		return s.cfg.Account(r.edge.Name, t)
	}
	return r.edge.Tenant
}

// charge books what a refusal says, where the ledger has that much. A refused ask
// may come again under its id, so the hold has one of its own.
func (s *Server) charge(ctx context.Context, r *reply, t tenbit.TenantID, id string) {
	if s.cfg.Ledger == nil {
		r.begin(ErrorPrice, 0)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	hold, err := s.cfg.Ledger.Reserve(ctx, s.payer(r, t), r.edge.Name+"/"+id, ErrorPrice)
	if err == nil {
		r.begin(hold.Granted, 0)
		err = s.cfg.Ledger.Settle(ctx, hold, hold.Granted)
	}
	if err != nil {
		s.cfg.Log.Warn("refusal not charged", "edge", r.edge.Name, "id", id, "err", err)
	}
}

// handle runs the handler and holds it to its word.
func (s *Server) handle(ctx context.Context, r *reply, a tenbit.Ask, model codec.Model) (sent tenbit.Sent, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panics: %v\n%s", p, debug.Stack())
		}
	}()
	sent, err = s.cfg.Handler.Serve(ctx, model, a, r.append)
	if err != nil {
		return sent, err
	}
	if sent.Bits < 0 || sent.Bits > a.Limit {
		return sent, fmt.Errorf("handler says %v of %v bits: %w", sent.Bits, a.Limit, ErrOverLimit)
	}
	if sent.Mode > tenbit.ModePlain {
		return sent, fmt.Errorf("handler says mode %v", sent.Mode)
	}
	sent.Usage.Prompt = min(max(0, sent.Usage.Prompt), maxTokens)
	sent.Usage.Completion = min(max(0, sent.Usage.Completion), maxTokens)
	return sent, nil
}

// codeOf is what the edge is told of an error: 0 for none.
func codeOf(ctx context.Context, err error) Code {
	var bad *tenbit.RequestError
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return CodeCancelled
	case errors.As(err, &bad):
		return CodeBadRequest
	case errors.Is(err, tenbit.ErrOverBudget):
		return CodeOverLimit
	case errors.Is(err, tenbit.ErrIncomplete):
		return CodeIncomplete
	case errors.Is(err, tenbit.ErrUnavailable), errors.Is(err, tenbit.ErrLedgerDown):
		return CodeUnavailable
	case errors.Is(err, errBusy):
		return CodeBusy
	default:
		return CodeInternal
	}
}
