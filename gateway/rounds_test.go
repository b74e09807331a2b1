package gateway_test

import (
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

const harbour = "Tell me about the harbour."

// helped is a small model that drafts, asks and revises; each revision counts on.
func helped(questions string) func(fake.Call) fake.Reply {
	return func(c fake.Call) fake.Reply {
		q := c.Request.Question()
		switch {
		case strings.Contains(q, "yes-or-no"), strings.Contains(q, "yes or no. ") || strings.Contains(q, "Is the sum in the second step right?"):
			return fake.Text(questions)
		case strings.Contains(q, "<expert>"):
			_, findings, _ := strings.Cut(q, "<expert>")
			findings, _, _ = strings.Cut(findings, "</expert>")
			return fake.Text("Revised by" + findings)
		case strings.Contains(q, "in its shortest form"):
			return fake.Text("Written out.")
		}
		return fake.Text("It was built in 1871, and its light burns gas. " + strings.Repeat("Ships call there every day, and many like it. ", 3))
	}
}

// answering is a large model that answers what it is asked, in turn.
func answering(said ...string) func(fake.Call) fake.Reply {
	return func(c fake.Call) fake.Reply { return fake.Text(said[min(c.N, len(said)-1)]) }
}

// TestRounds walks through questions about a draft: they are written when they
// are needed, answered in one call a round, all on one grant.
func TestRounds(t *testing.T) {
	const three = "Was it built in 1871? | 70\nDoes the light burn gas? | 40\nIs there a lock? | 50\nOf course.\n"
	no := `{"solution":"1869","draft_ok":false,"answers":["no","yes","unsure"]}`
	for _, tt := range []struct {
		name, questions string
		large           []string
		rounds          int
		foresee         bool
		route, want     string
		calls           int
	}{
		{"needed first", three, []string{no}, 1, false, "ask", "Was it built in 1871? No.", 1},
		{"foreseen", three, []string{no}, 1, true, "ask", "Was it built in 1871? No.", 1},
		{"nothing is said", three, []string{`{"solution":"","draft_ok":false,"answers":["unsure","unsure","unsure"]}`}, 1, false, "ask", "It was built in 1871", 1},
		{"the draft is right", three, []string{`{"solution":"1871","draft_ok":true,"answers":["yes","yes","no"]}`}, 1, true, "accept", "It was built in 1871", 1},
		{"nothing worth asking", "Tell me.\nIs it? | 99", []string{"DRAFT OK"}, 1, false, "accept", "It was built in 1871", 1},
		{"garbage, twice", three, []string{"<html>"}, 1, true, "none", "It was built in 1871", 2},
		{"a second round without new questions", three, []string{no}, 2, true, "ask", "Revised by", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			large := fake.NewModel(answering(tt.large...))
			b := open(t, fake.NewModel(helped(tt.questions)), large, func(g *gateway.Gateway, _ *tenbit.Tenant) {
				g.Modes, g.Rounds, g.Foresee = 1<<(tenbit.ModePlain+1)-1, tt.rounds, tt.foresee
			})
			resp, body := b.post(t, ask(harbour), "x-tenbit-max-bits", "10")
			bits, _ := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
			if got := resp.Header.Get("X-Tenbit-Route"); got != tt.route || !strings.Contains(content(t, body), tt.want) || len(large.Calls()) != tt.calls {
				t.Errorf("got %s %q after %d calls, want %s %q after %d", got, content(t, body), len(large.Calls()), tt.route, tt.want, tt.calls)
			}
			if spent, _ := b.ledger.Spent(t.Context(), "t"); spent != bits || bits > 10*tenbit.Bit || bits <= 0 {
				t.Errorf("%v bits, the ledger has %v", bits, spent)
			}
		})
	}
}

// TestMoreRounds: the small model asks about its revision, on the same grant,
// until the far side has nothing against it.
func TestMoreRounds(t *testing.T) {
	turn := 0
	small := fake.NewModel(func(c fake.Call) fake.Reply {
		if r := helped("")(c); r.Completion.Message.Content != "" {
			return r
		}
		turn++
		return fake.Text([]string{"Was it built in 1871? | 70", "Was it built before 1870? | 60\nWas it built in 1871? | 50"}[min(turn-1, 1)])
	})
	large := fake.NewModel(answering(
		`{"solution":"1869","draft_ok":false,"answers":["no"]}`, `{"solution":"1869","draft_ok":true,"answers":["yes"]}`))
	b := open(t, small, large, func(g *gateway.Gateway, _ *tenbit.Tenant) {
		g.Modes, g.Rounds = 1<<(tenbit.ModePlain+1)-1, 5
	})
	resp, body := b.post(t, ask(harbour), "x-tenbit-max-bits", "20")
	bits, _ := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
	if got := resp.Header.Get("X-Tenbit-Route"); got != "ask" || !strings.HasPrefix(content(t, body), "Revised by") || len(large.Calls()) != 2 {
		t.Errorf("got %s %q after %d calls", got, content(t, body), len(large.Calls()))
	}
	if spent, _ := b.ledger.Spent(t.Context(), "t"); spent != bits || bits > 20*tenbit.Bit || bits <= 2*tenbit.Bit {
		t.Errorf("%v bits, the ledger has %v", bits, spent)
	}
	if second := large.Calls()[1].Request.Question(); strings.Contains(second, "Was it built in 1871?\"") || !strings.Contains(second, "Revised by") {
		t.Errorf("the second round asks\n%s", second)
	}
}

// TestBrief: the tenant decides whether the shortest answer may stand for the whole.
func TestBrief(t *testing.T) {
	for _, tt := range []struct {
		name          string
		lossy, expand bool
		route, want   string
	}{
		{"by default", false, false, "hint", "Revised by"},
		{"lossy", true, false, "brief", "Built in 1869; burns oil."},
		{"lossy, written out", true, true, "brief", "Written out."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, fake.NewModel(helped("")), fake.Says("Built in 1869; burns oil."), func(g *gateway.Gateway, tenant *tenbit.Tenant) {
				g.Modes, g.Expand, tenant.Lossy = 1<<(tenbit.ModePlain+1)-1, tt.expand, tt.lossy
			})
			for range 2 { // what a larger grant would better is not cached
				resp, body := b.post(t, ask("Tell me about the harbour, the pier, the lock and the light."), "x-tenbit-max-bits", "200")
				if got := resp.Header.Get("X-Tenbit-Route"); got != tt.route || !strings.HasPrefix(content(t, body), tt.want) {
					t.Errorf("got %s %q, want %s %q", got, content(t, body), tt.route, tt.want)
				}
			}
		})
	}
}
