package test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestBadInput sees that each mistake gets an OpenAI-shaped error with the
// right status, never a 5xx, and that no model is asked and nothing is spent.
func TestBadInput(t *testing.T) {
	d := deploy(t, says("no"), says("no"), nil)
	ask := `{"model":"tenbit","messages":[{"role":"user","content":"hi"}]%s}`
	const chatPath = "/chat/completions"
	for _, tt := range []struct {
		name   string
		method string
		path   string
		body   string
		header []string
		status int
		typ    string
		code   string // "": null or anything
		param  string // "": not looked at
	}{
		{name: "broken JSON", body: `{"model":"tenbit",`, status: 400},
		{name: "null", body: `null`, status: 400},
		{name: "an array", body: `[]`, status: 400},
		{name: "nothing", body: ``, status: 400},
		{name: "two objects", body: fmt.Sprintf(ask, "") + fmt.Sprintf(ask, ""), status: 400},
		{name: "deep brackets", body: strings.Repeat("[", 20_000), status: 400},
		{name: "deep brackets in a field", body: fmt.Sprintf(ask, `,"x":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)), status: 400},
		{name: "a lone surrogate", body: `{"model":"tenbit","messages":[{"role":"user","content":"\ud800"}],"n":"x"}`, status: 400},
		{name: "no model", body: `{"messages":[{"role":"user","content":"hi"}]}`, status: 400, param: "model"},
		{name: "model of a wrong type", body: `{"model":7,"messages":[{"role":"user","content":"hi"}]}`, status: 400, param: "model"},
		{name: "no messages", body: `{"model":"tenbit"}`, status: 400, param: "messages"},
		{name: "empty messages", body: `{"model":"tenbit","messages":[]}`, status: 400, param: "messages"},
		{name: "messages of a wrong type", body: `{"model":"tenbit","messages":"hi"}`, status: 400, param: "messages"},
		{name: "unknown role", body: `{"model":"tenbit","messages":[{"role":"pirate","content":"hi"}]}`, status: 400},
		{name: "content of a wrong type", body: `{"model":"tenbit","messages":[{"role":"user","content":7}]}`, status: 400},
		{name: "temperature too high", body: fmt.Sprintf(ask, `,"temperature":3`), status: 400, param: "temperature"},
		{name: "temperature of a wrong type", body: fmt.Sprintf(ask, `,"temperature":"hot"`), status: 400, param: "temperature"},
		{name: "n is zero", body: fmt.Sprintf(ask, `,"n":0`), status: 400, param: "n"},
		{name: "stream of a wrong type", body: fmt.Sprintf(ask, `,"stream":"yes"`), status: 400, param: "stream"},
		{name: "a tool without a function", body: fmt.Sprintf(ask, `,"tools":[{"type":"function"}]`), status: 400},
		{name: "an unknown response format", body: fmt.Sprintf(ask, `,"response_format":{"type":"xml"}`), status: 400, param: "response_format"},
		{name: "negative bits", body: fmt.Sprintf(ask, `,"tenbit":{"max_bits":-1}`), status: 400},
		{name: "unknown mode", body: fmt.Sprintf(ask, `,"tenbit":{"modes":["telepathy"]}`), status: 400},
		{name: "bits in the header that are no number", body: fmt.Sprintf(ask, ""), header: []string{"x-tenbit-max-bits", "lots"}, status: 400},
		{name: "unknown model", body: strings.Replace(fmt.Sprintf(ask, ""), `"tenbit"`, `"gpt-9"`, 1), status: 404, code: "model_not_found"},
		{name: "no key", body: fmt.Sprintf(ask, ""), header: []string{"Authorization", ""}, status: 401},
		{name: "wrong key", body: fmt.Sprintf(ask, ""), header: []string{"Authorization", "Bearer tb-wrong"}, status: 401, code: "invalid_api_key"},
		{name: "another scheme", body: fmt.Sprintf(ask, ""), header: []string{"Authorization", "Basic dGI6dGI="}, status: 401},
		{name: "over the limit", body: fmt.Sprintf(ask, `,"x":"`+strings.Repeat("x", 64<<20)+`"`), status: 413},
		{name: "unknown path", path: "/chat/completion", body: fmt.Sprintf(ask, ""), status: 404},
		{name: "wrong method", method: http.MethodGet, status: 405},
		{name: "wrong method of another path", path: "/models", body: "{}", status: 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			if tt.path == "" {
				tt.path = chatPath
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			resp, err := d.send(ctx, tt.method, tt.path, tt.body, tt.header...)
			if err != nil {
				t.Fatal(err)
			}
			a := read(t, resp)
			if a.Status != tt.status || a.Error == nil || a.Error.Message == "" || a.Error.Type == "" {
				t.Fatalf("got %d, %.300s; want %d and an OpenAI error", a.Status, a.Body, tt.status)
			}
			switch code := a.Error.Code.(type) {
			case nil:
				if tt.code != "" {
					t.Errorf("code: got null, want %q", tt.code)
				}
			case string:
				if tt.code != "" && code != tt.code {
					t.Errorf("code: got %q, want %q", code, tt.code)
				}
			default:
				t.Errorf("code: got %v, want a string or null", code)
			}
			if tt.param != "" && (a.Error.Param == nil || *a.Error.Param != tt.param) {
				t.Errorf("param: got %.200s, want %q", a.Body, tt.param)
			}
			if h := a.Header.Get("Content-Type"); !strings.HasPrefix(h, "application/json") {
				t.Errorf("content type: got %q", h)
			}
		})
	}
	if n := len(d.Local.Seen()) + len(d.Large.Seen()); n != 0 {
		t.Errorf("the models were asked %d times", n)
	}
	if spent := d.settled(t, false); spent != 0 {
		t.Errorf("%v bits were spent", spent)
	}
}
