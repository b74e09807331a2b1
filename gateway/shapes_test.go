package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/policy"
)

// shapeTexts are asked for and answered: a text, and a call.
var shapeTexts = map[string]struct {
	question, right, wrong, draft string // the last one is of an open question
	fields                        map[string]string
}{
	"text": {
		"How much is 6 times 7?", "Let me see: 6 times 7 is 42. Answer: 42", "Answer: 41", "Hm.",
		map[string]string{"chat/completions": ``, "completions": `,"max_tokens":100`, "responses": ``},
	},
	"call": {
		"Sail!", `{"knots":5}`, `{"knots":6}`, "",
		map[string]string{
			"chat/completions": `,"tools":[{"type":"function","function":{"name":"sail"}}]`,
			"responses":        `,"tools":[{"type":"function","name":"sail"}]`,
		},
	},
}

// shapeModels answer so that the route is taken.
func shapeModels(kind, route string) (local, large *fake.Model) {
	texts := shapeTexts[kind]
	say := func(text string) fake.Reply {
		if kind == "text" || text == "" {
			return fake.Text(text)
		}
		var r fake.Reply
		r.Completion.Message.ToolCalls = json.RawMessage(fmt.Sprintf(`[{"id":"call_own","type":"function","function":{"name":"sail","arguments":%q}}]`, text))
		r.Completion.Finish, r.Completion.Usage = tenbit.FinishToolCalls, tenbit.Usage{Prompt: 1, Completion: 9}
		return r
	}
	local = fake.NewModel(func(c fake.Call) fake.Reply {
		switch {
		case route == "full" && kind == "text":
			return say(texts.draft)
		case route == "full", route == "select" && c.N%3 < 2:
			return say(texts.wrong)
		}
		return say(texts.right)
	})
	return local, fake.NewModel(func(fake.Call) fake.Reply { return say(texts.right) })
}

var (
	shapeNumbers = regexp.MustCompile(`(chatcmpl-|cmpl-|resp_|msg_|fc_|call_)[0-9a-z]+|"(created|created_at|completed_at|[a-z_]*tokens|sequence_number)":[0-9]+|: tenbit [^\n]*\n\n`)
	shapePieces  = regexp.MustCompile(`"(content|text|delta)":"[^"]+"`)
)

// shapeOf is what a client can see of an answer, but for the values that differ
// each time, for what texts are cut into, and for what says where it came from.
func shapeOf(resp *http.Response, body string) string {
	var names []string
	for name := range maps.Keys(resp.Header) {
		if !strings.HasPrefix(name, "X-Tenbit-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	body = shapeNumbers.ReplaceAllString(body, "$1$2")
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		body = shapePieces.ReplaceAllString(body, `"$1":"..."`)
		body = strings.Join(slices.Compact(strings.Split(body, "\n\n")), "\n")
	}
	return fmt.Sprint(resp.Status, names, resp.Header["Content-Type"], "\n", body)
}

// TestShapesAreTheSame: cached, local, accepted, selected and fully coded answers
// look the same, whole and streamed, texts and calls, on each endpoint, in every
// order of asking.
func TestShapesAreTheSame(t *testing.T) {
	for kind, texts := range shapeTexts {
		for path, fields := range texts.fields {
			t.Run(kind+" "+path, func(t *testing.T) {
				var want [2]string // of whole answers and of streams: what all others have to be like
				for _, route := range []string{"local", "accept", "select", "full"} {
					for order := range 8 { // of three requests, each whole or streamed
						b := shapeBench(t, kind, route)
						for i := range 3 {
							stream := order >> i & 1
							resp, body := b.call(t, "POST", "/v1/"+path, shapeBody(path, kind, route, fields, stream))
							r := routeOf(t, resp, body)
							if i == 0 && r != route || i > 0 && r != "cache" {
								t.Fatalf("%s, order %03b, request %d: went by %s", route, order, i, r)
							}
							s := shapeOf(resp, body)
							if want[stream] == "" {
								want[stream] = s
							}
							if s != want[stream] {
								t.Errorf("%s, order %03b, request %d: got\n%s\nwant\n%s", route, order, i, s, want[stream])
							}
						}
					}
				}
			})
		}
	}
}

func shapeBench(t *testing.T, kind, route string) *bench {
	t.Helper()
	local, large := shapeModels(kind, route)
	return open(t, local, large, func(g *gateway.Gateway, _ *tenbit.Tenant) {
		g.Responses = memory(1 << 20)
		if route == "local" {
			g.Gate = policy.Gate{}
		}
	})
}

func shapeBody(path, kind, route, fields string, stream int) string {
	question := shapeTexts[kind].question
	if route == "full" && kind == "text" {
		question = "Tell me about the sea."
	}
	if stream == 1 {
		fields += `,"stream":true`
		if path != "responses" {
			fields += `,"stream_options":{"include_usage":true}`
		}
	}
	said := map[string]string{
		"chat/completions": `"messages":[{"role":"user","content":%q}]`,
		"completions":      `"prompt":%q`,
		"responses":        `"input":%q`,
	}[path]
	return fmt.Sprintf(`{"model":"tenbit","temperature":0,`+said+"%s}", question, fields)
}

// routeOf is the route that an answer took, by its header or its closing comment.
func routeOf(t *testing.T, resp *http.Response, body string) string {
	t.Helper()
	if r := resp.Header.Get("X-Tenbit-Route"); r != "" {
		return r
	}
	_, rest, _ := strings.Cut(body, ": tenbit ")
	line, _, _ := strings.Cut(rest, "\n")
	var meter struct{ Route string }
	if err := json.Unmarshal([]byte(line), &meter); err != nil {
		t.Fatalf("no meter in %s", body)
	}
	return meter.Route
}
