package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"tenbit/internal/fake"
	"tenbit/internal/redistest"
)

// crafty are tenants whose names are made to pass for each other's, or for parts
// of keys.
var crafty = []string{
	"a", "ab", "a\n", "a:b", "a/b", "a b", "a\x00", "a,b", `a"b`, "A", "ä", "response", "response\nresp_", "stream\n", "tenbit:answer:", strings.Repeat("a", 64),
}

// craftyModels are names under which clients may ask, made likewise.
var craftyModels = []string{"m", "m\n", "m:n", "m/n", `m"`, `m\"`, `m","messages":[]`, "n m", "M", strings.Repeat("m", 4000), strings.Repeat("m", 4001)}

// crew is an edge with many tenants over one Redis. Its local model never says
// the same twice, so whoever gets what another got has seen the other's entry.
type crew struct {
	*deployment
	keys   []string
	gate   chan struct{} // while it is not nil, answers wait for it
	config tree
}

func newCrew(t *testing.T, redisAddr string) *crew {
	t.Helper()
	c := &crew{deployment: &deployment{}}
	c.Local = fake.NewUpstream(t, func(r fake.Received) fake.Behaviour {
		b := fake.Answers(fmt.Sprintf("This is saying number %d.", r.N))
		b.Gate = c.gate
		return b
	})
	c.config = edgeTree(t, c.Local.URL, "", "")
	c.config.set("remote.kind", "none")
	c.config.set("models", craftyModels)
	c.config.set("cache.redis.addr", redisAddr)
	c.config.set("cache.redis.timeout", "2s") // a busy machine is not these tests' subject
	var tenants []tree
	for _, id := range crafty {
		key, hash := newKey(t)
		c.keys = append(c.keys, key)
		tenants = append(tenants, tree{"id": id, "keys": []string{hash}, "budget": allowance(budget, budget)})
	}
	c.config["tenants"] = tenants
	c.restart(t)
	return c
}

// restart starts another edge, whose memory is empty. The one before has
// written everything when it has ended.
func (c *crew) restart(t *testing.T) {
	t.Helper()
	if c.Edge != nil {
		c.Edge.stop(t)
	}
	c.startEdge(t, c.config)
}

// colliding are ids that all tenants send alike.
var colliding = []string{"X-Request-Id", "0123456789abcdef0123456789abcdef", "Idempotency-Key", "same", "OpenAI-Organization", "same", "X-Client-Request-Id", "same"}

func (c *crew) asks(t *testing.T, tenant int, model string, stream bool) answer {
	t.Helper()
	c.Key = c.keys[tenant]
	a := c.post(t, chat("What do you say?", "model", model, "stream", stream, "user", "same", "seed", 1, "safety_identifier", "same", "prompt_cache_key", "same"), colliding...)
	if a.Status != http.StatusOK || a.Text == "" {
		t.Fatalf("%q: got %d, %.300s", crafty[tenant], a.Status, a.Body)
	}
	return a
}

// TestTenantsNeverSeeEachOthersAnswers: not by equal requests and ids, not by
// crafted names, not after a restart, and not where somebody who can write to
// Redis moves entries about.
func TestTenantsNeverSeeEachOthersAnswers(t *testing.T) {
	addr := redistest.Start(t)
	for name, keys := range map[string]string{"plain": "", "encrypted": strings.Repeat("7a", 32)} {
		t.Run(name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{Addr: addr})
			defer client.Close()
			if err := client.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			c := newCrew(t, addr)
			if keys != "" {
				c.config.set("cache.keys", keys)
				c.restart(t)
			}
			said := map[string]string{} // who got it, by text
			first := map[string]string{}
			each := func(what string, visit func(who string, a answer), routes ...string) {
				t.Helper()
				for i := range crafty {
					models := craftyModels
					if i > 0 {
						models = craftyModels[:2]
					}
					for j, model := range models {
						a := c.asks(t, i, model, (i+j)%2 == 1)
						if a.Meter.Route != routes[0] {
							t.Errorf("%s: %q, %.20q: got route %s, want %s", what, crafty[i], model, a.Meter.Route, routes[0])
						}
						visit(fmt.Sprintf("%q as %.20q %d", crafty[i], model, len(model)), a)
					}
				}
			}
			own := func(who string, a answer) {
				if other, ok := said[a.Text]; ok && other != who {
					t.Errorf("%s got what %s got: %q", who, other, a.Text)
				}
				said[a.Text] = who
			}
			same := func(who string, a answer) {
				if a.Text != first[who] {
					t.Errorf("%s: got %q, want the own %q again", who, a.Text, first[who])
				}
			}
			each("at first", func(who string, a answer) { own(who, a); first[who] = a.Text }, "local")
			each("again", same, "cache")
			c.restart(t)
			each("after a restart", same, "cache")
			c.Edge.stop(t)
			shuffleRedis(t, client)
			c.restart(t)
			each("after entries were moved", own, "local")
		})
	}
}

// shuffleRedis gives each entry's name the value of another.
func shuffleRedis(t *testing.T, client *redis.Client) {
	t.Helper()
	names, err := client.Keys(t.Context(), "tenbit:answer:*").Result()
	if err != nil || len(names) < len(crafty) {
		t.Fatalf("%d entries in Redis, %v", len(names), err)
	}
	vals := make([]string, len(names))
	for i, n := range names {
		if vals[i], err = client.Get(t.Context(), n).Result(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(n+vals[i], "What do you say") {
			t.Error("a request rests in Redis")
		}
	}
	for i, n := range names {
		if err := client.Set(t.Context(), n, vals[(i+1)%len(vals)], 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTenantsDoNotShareFlights: of equal requests in flight those of one tenant
// share a walk, those of two don't.
func TestTenantsDoNotShareFlights(t *testing.T) {
	c := newCrew(t, redistest.Start(t))
	c.gate = make(chan struct{})
	const each = 5
	type got struct {
		tenant int
		stream bool
		text   string
	}
	var mu sync.Mutex
	var all []got
	var wg sync.WaitGroup
	for tenant := range 3 {
		for _, stream := range []bool{false, true} {
			for range each {
				wg.Go(func() {
					text, err := c.say(context.Background(), c.keys[tenant], stream)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					all = append(all, got{tenant, stream, text})
				})
			}
		}
	}
	c.eventually(t, "six walks", func() bool { return len(c.Local.Seen()) == 6 })
	c.eventually(t, "all requests", func() bool {
		resp, err := c.send(t.Context(), http.MethodGet, "/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.Header.Get("X-Ratelimit-Remaining-Requests") == fmt.Sprint(256-6*each)
	})
	close(c.gate)
	wg.Wait()
	owner := map[string]got{}
	for _, g := range all {
		o, ok := owner[g.text]
		if ok && (o.tenant != g.tenant || o.stream != g.stream) {
			t.Errorf("%+v and %+v got the same", o, g)
		}
		owner[g.text] = g
	}
	if n := len(c.Local.Seen()); n != 6 || len(owner) != 6 {
		t.Errorf("%d walks and %d different answers, want 6: one for each of 3 tenants and 2 ways", n, len(owner))
	}
}

// say asks with a key and returns the text of the completion, or all events.
func (c *crew) say(ctx context.Context, key string, stream bool) (string, error) {
	d := &deployment{URL: c.URL, Key: key}
	resp, err := d.send(ctx, http.MethodPost, "/chat/completions", chat("Who says what?", "model", "m", "stream", stream), colliding...)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d, %w: %.200s", resp.StatusCode, err, b)
	}
	var text strings.Builder
	for _, line := range strings.Split(string(b), "\n") {
		var chunk completion
		if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &chunk) == nil && len(chunk.Choices) > 0 {
			text.WriteString(chunk.Choices[0].Message.Content + chunk.Choices[0].Delta.Content)
		}
	}
	return text.String(), nil
}

// TestTenantsNeverSeeEachOthersResponses: not by their ids, in no way in which
// ids may be used, before and after a restart.
func TestTenantsNeverSeeEachOthersResponses(t *testing.T) {
	c := newCrew(t, redistest.Start(t))
	type response struct {
		ID     string
		Output []struct{ ID string }
	}
	call := func(tenant int, method, path string, body any) (int, string) {
		t.Helper()
		c.Key = c.keys[tenant]
		resp, err := c.send(t.Context(), method, path, body, colliding...)
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, resp)
		return a.Status, a.Body
	}
	create := func(tenant int, more tree) (r response, status int, body string) {
		t.Helper()
		in := tree{"model": "m", "input": "Remember the word heliotrope."}
		for k, v := range more {
			in[k] = v
		}
		status, body = call(tenant, http.MethodPost, "/responses", in)
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		return r, status, body
	}
	own, _, _ := create(0, nil)
	for _, when := range []string{"at once", "after a restart"} {
		for stranger := 1; stranger < len(crafty); stranger++ {
			if status, body := call(stranger, http.MethodGet, "/responses/"+own.ID, nil); status != http.StatusNotFound {
				t.Errorf("%s: GET by %q: got %d, %.200s", when, crafty[stranger], status, body)
			}
			if status, _ := call(stranger, http.MethodDelete, "/responses/"+own.ID, nil); status != http.StatusNotFound {
				t.Errorf("%s: DELETE by %q: got %d", when, crafty[stranger], status)
			}
			if _, status, body := create(stranger, tree{"previous_response_id": own.ID}); status != http.StatusBadRequest || !strings.Contains(body, "previous_response_not_found") {
				t.Errorf("%s: going on by %q: got %d, %.200s", when, crafty[stranger], status, body)
			}
			if _, status, _ := create(stranger, tree{"input": []tree{{"type": "item_reference", "id": own.Output[0].ID}}}); status != http.StatusBadRequest {
				t.Errorf("%s: an item by %q: got %d", when, crafty[stranger], status)
			}
		}
		if status, body := call(0, http.MethodGet, "/responses/"+own.ID, nil); status != http.StatusOK || !strings.Contains(body, own.ID) {
			t.Errorf("%s: GET by its owner: got %d, %.200s", when, status, body)
		}
		if _, status, body := create(0, tree{"previous_response_id": own.ID, "input": "Go on."}); status != http.StatusOK {
			t.Errorf("%s: going on by its owner: got %d, %.200s", when, status, body)
		}
		if when == "at once" {
			c.restart(t)
		}
	}
	if status, _ := call(0, http.MethodDelete, "/responses/"+own.ID, nil); status != http.StatusOK {
		t.Errorf("DELETE by its owner: got %d", status)
	}
	c.restart(t)
	if status, _ := call(0, http.MethodGet, "/responses/"+own.ID, nil); status != http.StatusNotFound {
		t.Errorf("a deleted response after a restart: got %d", status)
	}
	for _, r := range c.Local.Seen() {
		var turns []map[string]any
		if r.Field("messages", &turns) && len(turns) > 1 && !strings.Contains(string(r.Body), "Go on.") {
			t.Errorf("a stranger's conversation has another's turns: %.300s", r.Body)
		}
	}
}
