package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit"
	"tenbit/cache"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

// TestOnlyCompleteAnswersAreKept: the second time an answer comes from the cache,
// or is made again.
func TestOnlyCompleteAnswersAreKept(t *testing.T) {
	says := func(finish tenbit.Finish, change func(*fake.Reply)) *fake.Model {
		return fake.NewModel(func(fake.Call) fake.Reply {
			r := fake.Text("It is wet and")
			if r.Completion.Finish = finish; change != nil {
				change(&r)
			}
			return r
		})
	}
	alone := func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote = nil }
	for _, tt := range []struct {
		name   string
		local  *fake.Model
		large  *fake.Model
		change func(*gateway.Gateway, *tenbit.Tenant)
		more   string
		kept   bool
	}{
		{"it ended by itself", says(tenbit.FinishStop, nil), nil, alone, ``, true},
		{"calls", says(tenbit.FinishToolCalls, func(r *fake.Reply) {
			r.Completion.Message.ToolCalls = json.RawMessage(`[{"id":"c","type":"function","function":{"name":"sail","arguments":"{}"}}]`)
		}), nil, alone, `"tools":[{"type":"function","function":{"name":"sail"}}],`, true},
		{"a refusal", says(tenbit.FinishStop, func(r *fake.Reply) { r.Completion.Message.Refusal = "No." }), nil, alone, ``, true},
		{"the model's limit", says(tenbit.FinishLength, nil), nil, alone, ``, false},
		{"the request's limit", says(tenbit.FinishLength, nil), nil, alone, `"max_tokens":3,`, false},
		{"filtered", says(tenbit.FinishFilter, nil), nil, alone, ``, false},
		{"broken", says("", func(r *fake.Reply) { r.Err = tenbit.ErrIncomplete }), nil, alone, ``, false},
		{"not the form", says(tenbit.FinishStop, nil), nil, alone, `"response_format":{"type":"json_object"},`, false},
		{"over budget", says(tenbit.FinishStop, nil), fake.Says("It is wide."), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.Windows = nil }, ``, false},
		{"cut by the budget", says(tenbit.FinishStop, nil), fake.Says("Grey gulls quarrel over seven herring heads while Ibsen's ferry, late from Trondheim, turns in the fjord; it is blue, or was in 1891."), func(_ *gateway.Gateway, t *tenbit.Tenant) { t.MaxRequest = 300 * tenbit.Bit }, `"stream":true,`, false},
		{"bought", says(tenbit.FinishStop, nil), fake.Says("It is wide."), nil, ``, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.large == nil {
				tt.large = fake.Says("")
			}
			b := open(t, tt.local, tt.large, tt.change)
			body := strings.Replace(ask("The sea?"), `{`, `{`+tt.more, 1)
			_, first := b.post(t, body)
			if tt.name == "cut by the budget" && !strings.Contains(first, `"finish_reason":"length"`) {
				t.Fatalf("was not cut: %s", first)
			}
			before := len(tt.local.Calls())
			resp, text := b.post(t, body)
			kept := len(tt.local.Calls()) == before
			if kept != tt.kept || kept != (resp.Header.Get("X-Tenbit-Route") == "cache") {
				t.Errorf("kept: %v, route %s, want %v: %.300s", kept, resp.Header.Get("X-Tenbit-Route"), tt.kept, text)
			}
		})
	}
}

// TestOneEntryServesPlainAndStreamed: whichever came first, with ids of its own,
// the hit's time, and the usage of the answer.
func TestOneEntryServesPlainAndStreamed(t *testing.T) {
	type sent struct {
		ID      string
		Created int64
		Choices []struct {
			Message, Delta struct{ Content string }
		}
		Usage *struct {
			Prompt     int `json:"prompt_tokens"`
			Completion int `json:"completion_tokens"`
			Total      int `json:"total_tokens"`
		}
	}
	for _, order := range [][]bool{{false, true, false}, {true, false, true}} {
		t.Run(fmt.Sprintf("streamed first: %v", order[0]), func(t *testing.T) {
			local := fake.Says("It is wet 🌊, and wide.")
			b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote = nil })
			ids := map[string]bool{}
			for i, stream := range order {
				began := time.Now().Unix()
				body := ask("The sea?")
				if stream {
					body = strings.Replace(body, `{`, `{"stream":true,"stream_options":{"include_usage":true},`, 1)
				}
				resp, text := b.post(t, body)
				var got sent
				var said strings.Builder
				for _, line := range strings.Split(text, "\n") {
					var s sent
					if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &s) != nil {
						continue
					}
					for _, c := range s.Choices {
						said.WriteString(c.Message.Content + c.Delta.Content)
					}
					if got.ID = s.ID; s.Usage != nil {
						got.Usage = s.Usage
					}
					got.Created = s.Created
				}
				if said.String() != "It is wet 🌊, and wide." || got.Usage == nil || got.Usage.Prompt != 1 || got.Usage.Completion != 7 || got.Usage.Total != 8 {
					t.Errorf("%d: got %q, %+v; want the answer and its usage", i, said.String(), got.Usage)
				}
				if ids[got.ID] || got.ID == "" || got.Created < began {
					t.Errorf("%d: id %s (new: %v), created %d, asked at %d", i, got.ID, !ids[got.ID], got.Created, began)
				}
				ids[got.ID] = true
				if route := resp.Header.Get("X-Tenbit-Route"); i > 0 && route != "cache" {
					t.Errorf("%d: got route %s", i, route)
				}
			}
			if n := len(local.Calls()); n != 1 {
				t.Errorf("%d walks, want 1", n)
			}
		})
	}
}

// TestCacheControlInFlight: who wants no cache waits for nobody else's walk, and
// nobody for theirs. Who wants none read leaves its answer to others.
func TestCacheControlInFlight(t *testing.T) {
	for _, tt := range []struct {
		name, header, more string
		route              string // of the one who comes after
	}{
		{"no-store", "private, NO-STORE", "", "local"},
		{"no-cache", "no-cache", "", "cache"},
		{"no-store in the body", "", `"tenbit":{"cache":"no-store"},`, "local"},
		{"no-cache in the body", "", `"tenbit":{"cache":"no-cache"},`, "cache"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gate, called := make(chan struct{}), make(chan struct{}, 3)
			local := fake.NewModel(func(fake.Call) fake.Reply {
				called <- struct{}{}
				r := fake.Text("It is wet.")
				r.Gate = gate
				return r
			})
			b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote = nil })
			body := strings.Replace(ask("The sea?"), `{`, `{`+tt.more, 1)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					if resp, _ := b.post(t, body, "Cache-Control", tt.header); resp.Header.Get("X-Tenbit-Route") != "local" {
						t.Errorf("got route %s", resp.Header.Get("X-Tenbit-Route"))
					}
				})
			}
			for range 3 { // each walks by itself, or this never ends
				<-called
			}
			close(gate)
			wg.Wait()
			if resp, _ := b.post(t, ask("The sea?")); resp.Header.Get("X-Tenbit-Route") != tt.route {
				t.Errorf("after them: got route %s, want %s", resp.Header.Get("X-Tenbit-Route"), tt.route)
			}
		})
	}
}

// TestANewerAnswerIsNotPackedAway: an answer that another one replaced while it
// was being packed does not come back, neither from memory nor from behind it.
func TestANewerAnswerIsNotPackedAway(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes int64
	}{
		{"packed in memory, too", 40 << 10},
		{"packed behind it", 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			packing, goOn := make(chan struct{}), make(chan struct{})
			local := fake.NewModel(func(c fake.Call) fake.Reply {
				return fake.Text(fmt.Sprintf("Answer %d. ", c.N) + strings.Repeat("The sea is wide and old. ", 50))
			})
			e := &elsewhere{all: map[cache.Key][]byte{}}
			b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
				var err error
				if g.Cache, err = cache.NewExact(cache.Options{Bytes: tt.bytes, TTL: time.Hour, Behind: e}); err != nil {
					t.Fatal(err)
				}
				g.Remote = nil
				g.Pack = func(val []byte) []byte { packing <- struct{}{}; <-goOn; return codec.Pack(codec.Default(), val) }
				g.Unpack = func(val []byte) ([]byte, error) { return codec.Unpack(codec.Default(), val, cache.MaxValue) }
			})
			for i := range 20 {
				b.g.Cache.Put(t.Context(), cache.KeyOf("another", []byte{byte(i)}), make([]byte, 1000))
			}
			clear(e.all)
			b.post(t, ask("The sea?"))
			<-packing
			_, newer := b.post(t, ask("The sea?"), "Cache-Control", "no-cache")
			close(goOn)
			if err := b.g.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if resp, body := b.post(t, ask("The sea?")); resp.Header.Get("X-Tenbit-Route") != "cache" || content(t, body) != content(t, newer) {
				t.Errorf("got %.10q by %s, want %.10q from the cache", content(t, body), resp.Header.Get("X-Tenbit-Route"), content(t, newer))
			}
			for _, val := range e.all {
				if !strings.Contains(string(val), content(t, newer)) {
					t.Errorf("behind the memory rests %.40q, want %.10q", val, content(t, newer))
				}
			}
		})
	}
}

// stubborn is a shelf that can't remove.
type stubborn struct{ *cache.Exact }

func (stubborn) Remove(context.Context, cache.Key) error { return errors.New("away") }

// TestADeletionThatCannotBe is said, and the response is still there.
func TestADeletionThatCannotBe(t *testing.T) {
	b := open(t, fake.Says("It is wet."), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote, g.Responses = nil, stubborn{memory(1 << 20)} })
	r, _ := b.respond(t, false, `{"model":"tenbit","input":"The sea?"}`)
	if resp, body := b.call(t, http.MethodDelete, "/v1/responses/"+r.ID, ""); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if resp, _ := b.call(t, http.MethodGet, "/v1/responses/"+r.ID, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("afterwards: got %d", resp.StatusCode)
	}
}
