package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tenbit"
)

// Entry is one movement. Its text is one line, the same in every ledger:
//
//	op milliseconds id account,account bits,escalations,up,money [slots] [until]
//
// id is tenant/request, and both as well as the accounts are query-escaped. A reservation names the slots in which it
// counts as account.unit.per.number, account being its place in the list and
// per the window's length in milliseconds, and when it ends.
type Entry struct {
	Op       Op
	At       int64 // by the ledger's clock, milliseconds since the epoch
	ID       string
	Accounts []string
	Amount   tenbit.Amount // OpReserve: set aside; OpSettle, OpExpire: charged
	Slots    []Place       // OpReserve
	Until    int64         // OpReserve: when the hold expires, OpLost: how long the far side stays closed
}

// Op is a kind of movement.
type Op string

// The movements.
const (
	OpReserve Op = "reserve" // set aside
	OpSettle  Op = "settle"  // charged, the rest given back
	OpExpire  Op = "expire"  // never settled: charged in full
	OpReset   Op = "reset"   // an operator cleared the windows of the accounts
	OpLost    Op = "lost"    // acknowledged entries are gone: no reservation until Until
)

// Place is a slot of a window of an account.
type Place struct {
	Account int // index in Entry.Accounts
	Unit    tenbit.Unit
	Per     int64 // milliseconds
	N       int64
}

// String writes the entry's line.
func (e Entry) String() string {
	b := make([]byte, 0, 160)
	b = append(b, e.Op...)
	b = strconv.AppendInt(append(b, ' '), e.At, 10)
	b = append(append(b, ' '), dash(e.ID)...)
	b = append(append(b, ' '), dash(strings.Join(e.Accounts, ","))...)
	for u, n := range e.Amount {
		b = strconv.AppendInt(append(b, " ,,,"[u]), n, 10)
	}
	if e.Op != OpReserve && e.Op != OpLost {
		return string(b)
	}
	b = append(b, ' ')
	for i, p := range e.Slots {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(p.Account), 10)
		b = strconv.AppendInt(append(b, '.'), int64(p.Unit), 10)
		b = strconv.AppendInt(append(b, '.'), p.Per, 10)
		b = strconv.AppendInt(append(b, '.'), p.N, 10)
	}
	if len(e.Slots) == 0 {
		b = append(b, '-')
	}
	return string(strconv.AppendInt(append(b, ' '), e.Until, 10))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

var errEntry = errors.New("not an entry of the journal")

// ParseEntry reads what [Entry.String] wrote.
func ParseEntry(line string) (e Entry, err error) {
	f := strings.Split(line, " ")
	if len(f) < 5 {
		return e, errEntry
	}
	e.Op, e.ID = Op(f[0]), f[2]
	if e.At, err = number(f[1]); err != nil {
		return e, err
	}
	if f[3] != "-" {
		e.Accounts = strings.Split(f[3], ",")
	}
	if e.Amount, err = parseAmount(f[4]); err != nil {
		return e, err
	}
	switch e.Op {
	case OpReserve, OpLost:
		if len(f) != 7 {
			return e, errEntry
		}
		if e.Until, err = number(f[6]); err != nil {
			return e, err
		}
		e.Slots, err = places(f[5], len(e.Accounts))
	case OpSettle, OpExpire, OpReset:
		if len(f) != 5 {
			return e, errEntry
		}
	default:
		err = errEntry
	}
	return e, err
}

// parseAmount reads "bits,escalations,up,money".
func parseAmount(s string) (a tenbit.Amount, err error) {
	parts := strings.Split(s, ",")
	if len(parts) != len(a) {
		return a, errEntry
	}
	for u := range a {
		if a[u], err = number(parts[u]); err != nil {
			return a, err
		}
	}
	return a, nil
}

func places(s string, accounts int) (out []Place, err error) {
	if s == "-" {
		return nil, nil
	}
	for _, part := range strings.Split(s, ",") {
		f := strings.Split(part, ".")
		if len(f) != 4 {
			return nil, errEntry
		}
		var n [4]int64
		for i := range n {
			if n[i], err = number(f[i]); err != nil {
				return nil, err
			}
		}
		if n[0] >= int64(accounts) || n[1] >= int64(tenbit.Units) || n[2] < 1 {
			return nil, errEntry
		}
		out = append(out, Place{int(n[0]), tenbit.Unit(n[1]), n[2], n[3]})
	}
	return out, nil
}

// number reads a whole number that is not negative, in its one form.
func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%w: %.20q is no number", errEntry, s)
	}
	return n, nil
}

// Time is when the movement was made.
func (e Entry) Time() time.Time { return time.UnixMilli(e.At) }
