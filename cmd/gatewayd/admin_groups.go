package main

import (
	"fmt"
	"net/http"
	"time"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/internal/ledger"
	"tenbit/internal/register"
)

// everybody names the budget that all share, where operators name groups.
const everybody = "global"

// groupView is a budget that several tenants share.
type groupView struct {
	ID      string       `json:"id"`
	Spent   amounts      `json:"spent"`
	Windows []windowView `json:"windows"`
}

// pool finds a group's budget, or everybody's.
func (o *operator) pool(id string) (tenbit.Pool, error) {
	group, want := id, "g:"+id
	if id == everybody {
		group, want = "", register.Everybody
	}
	for _, p := range o.people.Over(group) {
		if p.ID == want {
			return p, nil
		}
	}
	if id == everybody {
		return tenbit.Pool{ID: register.Everybody}, nil // without a limit
	}
	return tenbit.Pool{}, fmt.Errorf("group %q: %w: groups are made in the configuration", id, register.ErrUnknown)
}

func (o *operator) groupView(r *http.Request, id string) (groupView, error) {
	p, err := o.pool(id)
	if err != nil {
		return groupView{}, err
	}
	s, err := o.ledger.State(r.Context())
	if err != nil {
		return groupView{}, err
	}
	account := ledger.AccountOfPool(p)
	v := groupView{ID: id, Spent: amountsOf(s.Accounts[account].Spent), Windows: []windowView{}}
	for _, w := range p.Windows {
		v.Windows = append(v.Windows, windowViewOf(s, account, w))
	}
	return v, nil
}

func (o *operator) listGroups(r *http.Request) (any, error) {
	out := []groupView{}
	for _, id := range append(o.groups, everybody) {
		v, err := o.groupView(r, id)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return map[string]any{"groups": out}, nil
}

func (o *operator) setGroup(r *http.Request) (any, error) {
	id := r.PathValue("id")
	p, err := o.pool(id)
	if err != nil {
		return nil, err
	}
	var c struct {
		Windows []windowChange `json:"windows"`
	}
	if err := read(r, &c); err != nil {
		return nil, err
	}
	ws, err := windowsFrom(c.Windows)
	if err == nil {
		err = config.ValidateWindows("windows", ws)
	}
	if err != nil {
		return nil, bad("%v", err)
	}
	if err := o.people.SetShared(r.Context(), p.ID, windowsOf(ws)); err != nil {
		return nil, err
	}
	return o.groupView(r, id)
}

func (o *operator) resetGroup(r *http.Request) (any, error) {
	p, err := o.pool(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := o.ledger.Reset(r.Context(), ledger.AccountOfPool(p)); err != nil {
		return nil, err
	}
	return o.groupView(r, r.PathValue("id"))
}

// windowsFrom reads what an operator sent.
func windowsFrom(cs []windowChange) (out []config.Window, err error) {
	for _, w := range cs {
		per, err := time.ParseDuration(w.Per)
		if err != nil {
			return nil, fmt.Errorf("windows: per %q is not a duration such as 24h", w.Per)
		}
		out = append(out, config.Window{Bits: w.Bits, Escalations: w.Escalations, UpBytes: w.UpBytes, Money: w.Money, Per: per})
	}
	return out, nil
}
