package main

import (
	"encoding/hex"
	"time"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/internal/ledger"
	"tenbit/internal/register"
)

// amounts are what budgets count, as the admin API shows them: bits with three
// decimals, so that sums are exact.
type amounts struct {
	Bits        string  `json:"bits"`
	Escalations int64   `json:"escalations"`
	UpBytes     int64   `json:"up_bytes"`
	Money       float64 `json:"money"`
}

func amountsOf(a tenbit.Amount) amounts {
	return amounts{a.Bits().String(), a[tenbit.UnitEscalations], a[tenbit.UnitUp], float64(a[tenbit.UnitMoney]) / 1e6}
}

// windowView is a window and what is left of it. Amounts are bits, asks, bytes
// or money, as unit says.
type windowView struct {
	Unit  string    `json:"unit"`
	Of    string    `json:"of"` // the account: the tenant's own, its group's, or all
	Limit float64   `json:"limit"`
	Per   string    `json:"per"`
	Used  float64   `json:"used"` // spent and held
	Left  float64   `json:"left"`
	Ends  time.Time `json:"ends"`
}

type tenantView struct {
	ID         string       `json:"id"`
	Group      string       `json:"group,omitempty"`
	Disabled   bool         `json:"disabled"`
	PerRequest string       `json:"per_request"` // bits
	OnEmpty    string       `json:"on_empty"`
	Requests   int          `json:"requests,omitempty"`
	Per        string       `json:"per,omitempty"`
	Active     int          `json:"active,omitempty"`
	Semantic   bool         `json:"semantic"`
	Spent      amounts      `json:"spent"`
	Windows    []windowView `json:"windows"`
	Keys       []keyView    `json:"keys"`
}

func viewOf(t register.Tenant, keys []register.Key, s ledger.State) tenantView {
	v := tenantView{
		ID: string(t.ID), Group: t.Group, Disabled: t.Disabled, PerRequest: t.MaxRequest.String(), OnEmpty: string(t.OnEmpty),
		Requests: t.Requests, Active: t.Active, Semantic: t.Semantic, Spent: amountsOf(s.Accounts[ledger.AccountOf(t.ID)].Spent),
		Windows: []windowView{}, Keys: []keyView{},
	}
	if t.OnEmpty == "" {
		v.OnEmpty = string(tenbit.EmptyLocal)
	}
	if t.Span > 0 {
		v.Per = t.Span.String()
	}
	for _, a := range ledger.AccountsOf(t.Tenant) {
		for _, w := range a.Windows {
			v.Windows = append(v.Windows, windowViewOf(s, a.Name, w))
		}
	}
	for _, k := range keys {
		if k.Tenant == t.ID {
			v.Keys = append(v.Keys, keyOf(k))
		}
	}
	return v
}

func windowViewOf(s ledger.State, account string, w tenbit.Window) windowView {
	used, ends := s.Used(account, w)
	return windowView{
		Unit: w.Unit.String(), Of: account, Limit: shown(w.Unit, w.Limit), Per: w.Per.String(),
		Used: shown(w.Unit, used), Left: shown(w.Unit, max(w.Limit-used, 0)), Ends: ends.UTC(),
	}
}

// shown turns the ledger's whole numbers into what people configure.
func shown(u tenbit.Unit, n int64) float64 {
	switch u {
	case tenbit.UnitBits:
		return float64(n) / float64(tenbit.Bit)
	case tenbit.UnitMoney:
		return float64(n) / 1e6
	default:
		return float64(n)
	}
}

type keyView struct {
	Key     string     `json:"key,omitempty"` // once, when it is made
	Prefix  string     `json:"prefix"`
	Hash    string     `json:"hash"`
	Tenant  string     `json:"tenant"`
	Name    string     `json:"name,omitempty"`
	State   string     `json:"state"` // active, expired or disabled
	Created *time.Time `json:"created,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

func keyOf(k register.Key) keyView {
	v := keyView{Prefix: k.Prefix, Hash: "hmac-sha256:" + hex.EncodeToString(k.Hash[:]), Tenant: string(k.Tenant), Name: k.Name, State: "active"}
	if !k.Created.IsZero() {
		v.Created = &k.Created
	}
	if !k.Expires.IsZero() {
		v.Expires = &k.Expires
		if !time.Now().Before(k.Expires) {
			v.State = "expired"
		}
	}
	if k.Disabled {
		v.State = "disabled"
	}
	return v
}

// change is what an operator sets of a tenant; what is absent stays.
type change struct {
	Group      *string        `json:"group"`
	Disabled   *bool          `json:"disabled"`
	PerRequest *float64       `json:"per_request"`
	OnEmpty    *string        `json:"on_empty"`
	Windows    []windowChange `json:"windows"` // all of them, in place of those before
	Requests   *int           `json:"requests"`
	Per        *string        `json:"per"`
	Active     *int           `json:"active"`
	Semantic   *bool          `json:"semantic"`
}

type windowChange struct {
	Bits        float64 `json:"bits"`
	Escalations int64   `json:"escalations"`
	UpBytes     int64   `json:"up_bytes"`
	Money       float64 `json:"money"`
	Per         string  `json:"per"`
}

func (c change) apply(t *register.Tenant) error {
	set(&t.Group, c.Group)
	set(&t.Disabled, c.Disabled)
	set(&t.Requests, c.Requests)
	set(&t.Active, c.Active)
	set(&t.Semantic, c.Semantic)
	var b config.Budget
	if c.PerRequest != nil {
		b.PerRequest = *c.PerRequest
	}
	if c.OnEmpty != nil {
		b.OnEmpty = *c.OnEmpty
	}
	var err error
	if b.Windows, err = windowsFrom(c.Windows); err == nil {
		err = b.Validate("budget")
	}
	if err != nil {
		return bad("%v", err)
	}
	made := tenantOf("", b)
	if c.PerRequest != nil {
		t.MaxRequest = made.MaxRequest
	}
	if c.OnEmpty != nil {
		t.OnEmpty = made.OnEmpty
	}
	if c.Windows != nil {
		t.Windows = made.Windows
	}
	if c.Per != nil {
		span, err := time.ParseDuration(*c.Per)
		if err != nil {
			return bad("per %q is not a duration such as 1m", *c.Per)
		}
		t.Span = span
	}
	if t.Requests < 0 || t.Active < 0 || t.Span < 0 || t.Requests > 0 && t.Span == 0 {
		return bad("requests, per and active must not be negative, and requests need a per")
	}
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// auditView is what `gatewayd tenant audit` prints.
type auditView struct {
	Agrees   bool               `json:"agrees"`
	Since    *time.Time         `json:"since,omitempty"`
	Entries  int                `json:"entries"`
	Accounts []accountView      `json:"accounts"`
	Open     map[string]amounts `json:"open"` // holds that wait for their settlement
	Problems []string           `json:"problems"`
}

type accountView struct {
	Account  string  `json:"account"`
	Opening  amounts `json:"opening"` // spent before the journal begins
	Reserved amounts `json:"reserved"`
	Charged  amounts `json:"charged"`
	Expired  amounts `json:"expired"` // part of charged: never settled
	Back     amounts `json:"back"`
	Held     amounts `json:"held"`
	Spent    amounts `json:"spent"`
}

func auditOf(a ledger.Audited) auditView {
	v := auditView{Agrees: len(a.Problems) == 0, Entries: a.Entries, Accounts: []accountView{}, Open: map[string]amounts{}, Problems: append([]string{}, a.Problems...)}
	if !a.Since.IsZero() {
		v.Since = &a.Since
	}
	for _, x := range a.Accounts {
		v.Accounts = append(v.Accounts, accountView{
			x.Name, amountsOf(x.Opening), amountsOf(x.Reserved), amountsOf(x.Charged), amountsOf(x.Expired), amountsOf(x.Back), amountsOf(x.Held), amountsOf(x.Spent),
		})
	}
	for id, h := range a.Open {
		v.Open[id] = amountsOf(h)
	}
	return v
}
