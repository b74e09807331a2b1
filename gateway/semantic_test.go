package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tenbit"
	"tenbit/cache"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/policy"
)

// expert is a large model that knows the answers to questions, and judges drafts
// by them, as it is asked to.
func expert(answers map[string]string) *fake.Model {
	return fake.NewModel(func(c fake.Call) fake.Reply {
		question, note, _ := strings.Cut(c.Request.Question(), "\n\n[Note from the gateway")
		if m := c.Request.Messages; len(m) > 1 && strings.HasPrefix(question, "[Note") { // in a turn of its own
			question, note = m[len(m)-2].Text, question
		}
		answer := answers[question]
		right := strings.Contains(note, "\n"+quoted(answer)+"\n")
		switch {
		case strings.Contains(note, "draft_ok"):
			return fake.Text(fmt.Sprintf(`{"solution":"x","draft_ok":%v}`, right))
		case right:
			return fake.Text("DRAFT OK")
		}
		return fake.Text(answer)
	})
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

const (
	tides     = "Why does the sea rise and fall at the coast?"
	tidesToo  = "What makes the sea rise and fall at the coast?"
	coast     = "Why does the sea erode the cliffs at the coast?"
	moonlight = "The moon and the sun pull at the water, and the earth turns below the two bulges that this makes."
	waves     = "Waves press air and sand into every crack until a piece of the rock breaks off and falls down."
)

var seaside = map[string]string{tides: moonlight, tidesToo: moonlight, coast: waves}

// semantic gives a bench the semantic cache.
func semantic(change func(*gateway.Gateway, *tenbit.Tenant, *cache.SemanticOptions)) func(*gateway.Gateway, *tenbit.Tenant) {
	return func(g *gateway.Gateway, t *tenbit.Tenant) {
		t.Semantic = true
		o := cache.SemanticOptions{
			Embed: fake.Embedder{}, Values: memory(1 << 20), Bytes: 1 << 20, TTL: time.Hour, Rate: 0.02,
		}
		if change != nil {
			change(g, t, &o)
		}
		g.Semantic = cache.NewSemantic(o)
	}
}

func TestSemanticVerdict(t *testing.T) {
	large := expert(seaside)
	b := open(t, fake.Says("It is wet."), large, semantic(nil))
	var sum tenbit.Bits
	for _, tt := range []struct {
		name, question, route, want string
		most                        tenbit.Bits
		calls                       int
	}{
		{"new", tides, "full", moonlight, 1 << 20, 1},
		{"the same in other words", tidesToo, "semantic", moonlight, 3 * tenbit.Bit, 2},
		{"the same again", tidesToo, "cache", moonlight, 0, 2},
		{"another question that the guards let pass", coast, "full", waves, 1 << 20, 3},
		{"that again", coast, "cache", waves, 0, 3},
	} {
		resp, body := b.post(t, ask(tt.question))
		bits, err := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
		if got := resp.Header.Get("X-Tenbit-Route"); got != tt.route || content(t, body) != tt.want || err != nil || bits > tt.most || len(large.Calls()) != tt.calls {
			t.Errorf("%s: got %s %q for %v bits, %d calls; want %s %q for at most %v, %d", tt.name, got, content(t, body), bits, len(large.Calls()), tt.route, tt.want, tt.most, tt.calls)
		}
		sum += bits
	}
	if spent, _ := b.ledger.Spent(t.Context(), "t"); spent != sum {
		t.Errorf("the ledger says %v bits, the answers %v", spent, sum)
	}
}

// TestSemanticIsWanted: only tenants that take part, and requests that may.
func TestSemanticIsWanted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*tenbit.Tenant)
		second string
		header []string
		route  string
	}{
		{"yes", nil, ask(tidesToo), nil, "semantic"},
		{"a stream", nil, strings.Replace(ask(tidesToo), "{", `{"stream":true,`, 1), nil, "semantic"},
		{"in parts", nil, strings.Replace(ask(tidesToo), quoted(tidesToo), `[{"type":"text","text":`+quoted(tidesToo)+`}]`, 1), nil, "semantic"},
		{"not this tenant", func(t *tenbit.Tenant) { t.Semantic = false }, ask(tidesToo), nil, "full"},
		{"no-store", nil, ask(tidesToo), []string{"Cache-Control", "no-store"}, "full"},
		{"no-cache", nil, ask(tidesToo), []string{"Cache-Control", "no-cache"}, "full"},
		{"the body's no-store", nil, strings.Replace(ask(tidesToo), "{", `{"tenbit":{"cache":"no-store"},`, 1), nil, "full"},
		{"the body's no-cache", nil, strings.Replace(ask(tidesToo), "{", `{"tenbit":{"cache":"no-cache"},`, 1), nil, "full"},
		{"another system prompt", nil, strings.Replace(ask(tidesToo), `"messages":[`, `"messages":[{"role":"system","content":"x"},`, 1), nil, "full"},
		{"a turn before", nil, strings.Replace(ask(tidesToo), `"messages":[`, `"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"},`, 1), nil, "full"},
		{"a tool", nil, strings.Replace(ask(tidesToo), "{", `{"tools":[{"type":"function","function":{"name":"f"}}],`, 1), nil, "full"},
		{"a temperature", nil, strings.Replace(ask(tidesToo), "{", `{"temperature":1,`, 1), nil, "full"},
		{"a response format", nil, strings.Replace(ask(tidesToo), "{", `{"response_format":{"type":"text"},`, 1), nil, "full"},
		{"an image beside the text", nil, strings.Replace(ask(tidesToo), quoted(tidesToo), `[{"type":"text","text":`+quoted(tidesToo)+`},{"type":"image_url","image_url":{"url":"data:"}}]`, 1), nil, "full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, fake.Says("It is wet."), expert(seaside), semantic(func(_ *gateway.Gateway, n *tenbit.Tenant, _ *cache.SemanticOptions) {
				if tt.change != nil {
					tt.change(n)
				}
			}))
			b.post(t, ask(tides))
			resp, body := b.post(t, tt.second, tt.header...)
			route := resp.Header.Get("X-Tenbit-Route")
			if m := regexp.MustCompile(`: tenbit \{"route":"(\w+)"`).FindStringSubmatch(body); m != nil {
				route = m[1]
			}
			if route != tt.route || !strings.Contains(strings.Join(regexp.MustCompile(`"content":"([^"]*)"`).FindAllString(body, -1), ""), "moon") {
				t.Errorf("got %s, want %s: %s", route, tt.route, body)
			}
		})
	}
}

// TestNoCacheFills: what is asked with no-cache is found by others.
func TestNoCacheFills(t *testing.T) {
	b := open(t, fake.Says("It is wet."), expert(seaside), semantic(nil))
	b.post(t, ask(tides), "Cache-Control", "no-cache")
	if resp, _ := b.post(t, ask(tidesToo)); resp.Header.Get("X-Tenbit-Route") != "semantic" {
		t.Errorf("got %s, want semantic", resp.Header.Get("X-Tenbit-Route"))
	}
}

// TestSemanticServes: once the verdicts say that it is right, it goes out for nothing.
func TestSemanticServes(t *testing.T) {
	answers := map[string]string{tides: moonlight}
	worded := func(i int) string { return "Say" + strings.Repeat(" please", i%7) + ", " + letters(i) + ": " + tides }
	for i := range 400 {
		answers[worded(i)] = moonlight
	}
	large := expert(answers)
	b := open(t, fake.Says("It is wet."), large, semantic(nil))
	b.post(t, ask(tides))
	free := 0
	for i := range 400 {
		resp, body := b.post(t, ask(worded(i)))
		if content(t, body) != moonlight {
			t.Fatalf("%d: %s", i, body)
		}
		if resp.Header.Get("X-Tenbit-Route") == "semantic" && resp.Header.Get("X-Tenbit-Bits") == "0.000" {
			free++
		}
	}
	t.Logf("400 wordings: %d for no bits, %d calls of the large model", free, len(large.Calls()))
	if free < 50 || free+len(large.Calls()) < 395 {
		t.Errorf("%d of 400 went out for nothing, %d calls; want more", free, len(large.Calls()))
	}
}

// letters writes a number without digits, which would be another question.
func letters(i int) string { return string([]rune{'a' + rune(i%26), 'a' + rune(i/26)}) }

// TestSemanticLimits: where so little is left that no whole answer fits, a
// verdict does, and what is left is never exceeded.
func TestSemanticLimits(t *testing.T) {
	for _, tt := range []struct {
		name, question, route string
		left, most            tenbit.Bits
	}{
		{"a yes", tidesToo, "semantic", 12 * tenbit.Bit, 2 * tenbit.Bit},
		{"a no", coast, "none", 12 * tenbit.Bit, 12 * tenbit.Bit},
		{"a no with something left", coast, "full", 100 * tenbit.Bit, 100 * tenbit.Bit},
		{"nothing", tidesToo, "local", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := open(t, fake.Says("It is wet."), expert(seaside), semantic(nil))
			b.post(t, ask(tides))
			spent, _ := b.ledger.Spent(t.Context(), "t")
			b.tenant.Windows = []tenbit.Window{{Limit: int64(spent + tt.left), Per: 1000 * time.Hour}}
			h, err := gateway.ParseHash(gateway.HashKey([]byte("a secret for tests"), key))
			if err != nil {
				t.Fatal(err)
			}
			b.g.Keys = gateway.Keys{Secret: []byte("a secret for tests"), Entries: []gateway.KeyEntry{{Hash: h, Tenant: b.tenant}}}
			resp, body := b.post(t, ask(tt.question))
			bits, err := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
			if got := resp.Header.Get("X-Tenbit-Route"); err != nil || bits > tt.most || got != tt.route {
				t.Errorf("got %s for %v bits, want %s for at most %v: %s", got, bits, tt.route, tt.most, body)
			}
			if now, _ := b.ledger.Spent(t.Context(), "t"); now-spent != bits {
				t.Errorf("the ledger says %v bits, the answer %v", now-spent, bits)
			}
		})
	}
}

func TestSemanticDown(t *testing.T) {
	down := false
	know := expert(seaside)
	large := fake.NewModel(func(c fake.Call) fake.Reply {
		if down {
			return fake.Fails(fmt.Errorf("dial: %w", tenbit.ErrUnavailable))
		}
		comp, _ := know.Complete(t.Context(), c.Request, c.Sampling)
		return fake.Text(comp.Message.Content)
	})
	b := open(t, fake.Says("It is wet."), large, semantic(nil))
	b.post(t, ask(tides))
	down = true
	resp, body := b.post(t, ask(tidesToo))
	if content(t, body) != "It is wet." || resp.Header.Get("X-Tenbit-Degraded") != "remote unavailable" {
		t.Errorf("the far side is away: got %q, %q", content(t, body), resp.Header.Get("X-Tenbit-Degraded"))
	}
	down = false
	if resp, _ := b.post(t, ask(tidesToo)); resp.Header.Get("X-Tenbit-Route") != "semantic" {
		t.Errorf("the far side is back: got %s", resp.Header.Get("X-Tenbit-Route"))
	}
	b.g.Semantic.Embed = fake.Embedder{Err: errors.New("down")}
	if resp, _ := b.post(t, ask(coast)); resp.Header.Get("X-Tenbit-Route") != "full" {
		t.Errorf("no embeddings: got %s, want an answer as without the cache", resp.Header.Get("X-Tenbit-Route"))
	}
}

// judge is a small model that judges by whether questions have the same answer.
func judge(answers map[string]string, draft string) *fake.Model {
	inside := regexp.MustCompile(`(?s)<question>\n(.*?)\n</question>`)
	return fake.NewModel(func(c fake.Call) fake.Reply {
		question, note, judging := strings.Cut(c.Request.Question(), "\n\n[Note from the gateway")
		if !judging {
			return fake.Text(draft)
		}
		var other string
		_ = json.Unmarshal([]byte(inside.FindStringSubmatch(note)[1]), &other)
		if answers[question] == answers[other] {
			return fake.Text("Yes.")
		}
		return fake.Text("no")
	})
}

func TestLocalVerdict(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		local := judge(seaside, moonlight)
		b := open(t, local, nil, semantic(func(g *gateway.Gateway, _ *tenbit.Tenant, _ *cache.SemanticOptions) {
			g.Remote, g.Verdict = nil, gateway.VerdictLocal
		}))
		for _, tt := range []struct{ question, route string }{{tides, "local"}, {tidesToo, "semantic"}, {tidesToo, "cache"}, {coast, "local"}} {
			if resp, body := b.post(t, ask(tt.question)); resp.Header.Get("X-Tenbit-Route") != tt.route {
				t.Errorf("%q: got %s, want %s: %s", tt.question, resp.Header.Get("X-Tenbit-Route"), tt.route, body)
			}
		}
	})
	t.Run("checked by the remote", func(t *testing.T) {
		large := expert(seaside)
		b := open(t, judge(seaside, "It is wet."), large, semantic(func(g *gateway.Gateway, _ *tenbit.Tenant, _ *cache.SemanticOptions) { g.Verdict = gateway.VerdictLocal }))
		for _, tt := range []struct {
			question, route string
			calls           int
		}{{tides, "full", 1}, {tidesToo, "semantic", 2}, {coast, "full", 3}} {
			if resp, _ := b.post(t, ask(tt.question)); resp.Header.Get("X-Tenbit-Route") != tt.route || len(large.Calls()) != tt.calls {
				t.Errorf("%q: got %s, %d calls; want %s, %d", tt.question, resp.Header.Get("X-Tenbit-Route"), len(large.Calls()), tt.route, tt.calls)
			}
		}
	})
	t.Run("one that says nothing of use", func(t *testing.T) {
		b := open(t, fake.Says("Perhaps."), nil, semantic(func(g *gateway.Gateway, _ *tenbit.Tenant, _ *cache.SemanticOptions) {
			g.Remote, g.Verdict = nil, gateway.VerdictLocal
		}))
		b.post(t, ask(tides))
		if resp, _ := b.post(t, ask(tidesToo)); resp.Header.Get("X-Tenbit-Route") != "local" {
			t.Errorf("got %s, want local", resp.Header.Get("X-Tenbit-Route"))
		}
	})
}

// TestSemanticClosed: a short answer is a candidate, and picking it costs half a bit.
func TestSemanticClosed(t *testing.T) {
	const first, second, other = "How many legs does a spider have? End with Answer: X", "A spider has how many legs? End with Answer: X", "How many eyes does a spider have? End with Answer: X"
	large := fake.Knows(map[string]string{first: "Eight. Answer: 8", second: "It has eight. Answer: 8", other: "Mostly six. Answer: 6"})
	b := open(t, fake.Says("Answer: 4"), large, semantic(nil))
	for _, tt := range []struct {
		question, route, answer string
		most                    tenbit.Bits
	}{{first, "answer", "8", 20 * tenbit.Bit}, {second, "semantic", "8", tenbit.Bit}, {other, "answer", "6", 20 * tenbit.Bit}} {
		resp, body := b.post(t, ask(tt.question))
		bits, _ := tenbit.ParseBits(resp.Header.Get("X-Tenbit-Bits"))
		if a, _, ok := policy.Extract(tt.question, content(t, body)); resp.Header.Get("X-Tenbit-Route") != tt.route || !ok || a != tt.answer || bits > tt.most {
			t.Errorf("%q: got %s %q for %v bits; want %s %s for at most %v", tt.question, resp.Header.Get("X-Tenbit-Route"), content(t, body), bits, tt.route, tt.answer, tt.most)
		}
	}
}
