package link

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"tenbit"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// ledger is one window of bits for everybody.
type ledger struct {
	mu      sync.Mutex // guards all below
	left    tenbit.Bits
	settled []settled
	payers  []tenbit.Tenant // of the reservations
	down    bool
}

type settled struct {
	ID    string
	Spent tenbit.Bits
}

func (l *ledger) Reserve(_ context.Context, tenant tenbit.Tenant, id string, want tenbit.Bits) (tenbit.Hold, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return tenbit.Hold{}, tenbit.ErrLedgerDown
	}
	l.payers = append(l.payers, tenant)
	got := min(want, l.left)
	if got <= 0 {
		return tenbit.Hold{}, tenbit.ErrOverBudget
	}
	l.left -= got
	return tenbit.Hold{ID: id, Tenant: tenant.ID, Granted: got}, nil
}

func (l *ledger) Settle(_ context.Context, h tenbit.Hold, spent tenbit.Bits) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left += h.Granted - spent
	l.settled = append(l.settled, settled{h.ID, spent})
	if spent < 0 || spent > h.Granted {
		panic("spent more than granted")
	}
	return nil
}

func (l *ledger) spent() tenbit.Bits { return l.spentFor("") }

// spentFor is what was settled for the ids that begin with prefix.
func (l *ledger) spentFor(prefix string) (sum tenbit.Bits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.settled {
		if strings.HasPrefix(s.ID, prefix) {
			sum += s.Spent
		}
	}
	return sum
}

// TestLedger runs an edge dry: the last reply fits what is left, then there is none.
func TestLedger(t *testing.T) {
	const limit = 1000 * tenbit.Bit
	var granted []tenbit.Bits
	h := &echo{say: func(_ context.Context, a tenbit.Ask, write func(string) error) error {
		if a.Limit < 50*tenbit.Bit {
			return tenbit.ErrOverBudget // no reply fits
		}
		granted = append(granted, a.Limit)
		return write("ok")
	}}
	led := &ledger{left: limit + 70*tenbit.Bit}
	o := newOrigin(t, h, func(s *ServerConfig) { s.Ledger = led })
	c := newClient(t, o.url, nil)
	var sum tenbit.Bits
	for i := 1; ; i++ {
		a := newAsk(t, testID(i), "Say it.")
		got, err := c.Escalate(t.Context(), a)
		var far *RemoteError
		if errors.As(err, &far) {
			if far.Code != CodeOverLimit || !errors.Is(err, tenbit.ErrOverBudget) || i < 4 {
				t.Errorf("after %d replies: %v", i-1, err)
			}
			break
		}
		if err != nil || got.Message.Content != "ok" || got.Cost.Bits > a.Limit {
			t.Fatalf("reply %d: got %q, %v, %v", i, got.Message.Content, got.Cost, err)
		}
		sum += got.Cost.Bits
		if spent := led.spent(); spent != sum {
			t.Errorf("after %d: the ledger has %v, the edge %v", i, spent, sum)
		}
	}
	if granted[0] != limit || granted[len(granted)-1] >= limit {
		t.Errorf("got grants %v", granted)
	}
	for i, g := range granted {
		if g != limit && g+grantPrice != limit>>1 && g+grantPrice != limit>>2 && g+grantPrice != limit>>3 && g+grantPrice != limit>>4 {
			t.Errorf("grant %d is %v", i, g)
		}
	}
	t.Logf("grants %v", granted)
}

func TestLedgerDown(t *testing.T) {
	led := &ledger{down: true}
	h := &echo{say: answer("no")}
	o := newOrigin(t, h, func(s *ServerConfig) { s.Ledger = led })
	c := newClient(t, o.url, nil)
	_, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
	if !errors.Is(err, tenbit.ErrUnavailable) || h.count() != 0 {
		t.Errorf("got %v, %d replies made", err, h.count())
	}
}

// TestRefusalsArePaidAlike: a reply and a refusal are on the same account, which
// the tenant has a share in, not on the edge's as it was configured.
func TestRefusalsArePaidAlike(t *testing.T) {
	for _, code := range []Code{0, CodeMismatch, CodeBadRequest, CodeNeedDraft} {
		t.Run(code.String(), func(t *testing.T) {
			led := &ledger{left: 1 << 40}
			o := newOrigin(t, &echo{say: answer("yes")}, func(s *ServerConfig) {
				s.Ledger = led
				s.Account = func(edge string, tn tenbit.TenantID) tenbit.Tenant {
					return tenbit.Tenant{ID: tenbit.TenantID(edge), Above: []tenbit.Pool{{ID: "s:" + string(tn)}}}
				}
			})
			conn := rawEdge(t, o)
			exchange := func(fr frame) frame {
				t.Helper()
				if err := conn.Write(t.Context(), websocket.MessageBinary, fr.append(nil)); err != nil {
					t.Fatal(err)
				}
				_, p, err := conn.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				back, err := parseFrame(p)
				if err != nil {
					t.Fatal(err)
				}
				return back
			}
			a, err := packAsk(newAsk(t, testID(1), "Say it."), kit{key: exchange(hello{version: Version, modes: 0x1ff}).(ack).key})
			if err != nil {
				t.Fatal(err)
			}
			a.stream, a.tenant = 1, "deck"
			switch code {
			case CodeMismatch:
				a.digest[0]++
			case CodeBadRequest:
				a.payload = []byte{9}
			case CodeNeedDraft:
				a.shape |= shapeTwin
			}
			fail, failed := exchange(a).(failure)
			if failed != (code != 0) || fail.code != code {
				t.Fatalf("got code %v, want %v", fail.code, code)
			}
			want := []tenbit.Tenant{{ID: "ship", Above: []tenbit.Pool{{ID: "s:ship/deck"}}}}
			if d := cmp.Diff(want, led.payers); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSettlesWhatCrossed(t *testing.T) {
	for _, tt := range []struct {
		name string
		sent int
		err  error
		want tenbit.Bits
	}{
		{"nothing", 0, tenbit.ErrUnavailable, ErrorPrice},
		{"more than the limit", 1 << 12, nil, ErrorPrice},
	} {
		t.Run(tt.name, func(t *testing.T) {
			led := &ledger{left: 1 << 40}
			o := newOrigin(t, handler(func(_ context.Context, _ tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
				if err := send(make([]byte, tt.sent)); err != nil {
					return tenbit.Sent{}, err
				}
				return tenbit.Sent{}, tt.err
			}), func(s *ServerConfig) { s.Ledger = led })
			c := newClient(t, o.url, nil)
			got, err := c.Escalate(t.Context(), newAsk(t, testID(1), "Say it."))
			if err == nil || got.Cost.Bits != tt.want {
				t.Errorf("got %v, %v; want %v", got.Cost, err, tt.want)
			}
			if d := cmp.Diff([]settled{{"ship/" + testID(1), tt.want}}, led.settled); d != "" {
				t.Error(d)
			}
		})
	}
}
