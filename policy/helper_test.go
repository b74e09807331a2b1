package policy

import (
	"encoding/json"
	"testing"

	"tenbit"
)

const allModes = tenbit.ModeSet(1<<tenbit.ModeAccept | 1<<tenbit.ModeSelect | 1<<tenbit.ModeAnswer | 1<<tenbit.ModeFull | 1<<tenbit.ModePlain)

// request is a chat request with one user turn, and other fields where given.
func request(t testing.TB, question string, fields ...map[string]any) tenbit.Request {
	t.Helper()
	body := map[string]any{"model": "m", "messages": []map[string]string{{"role": "user", "content": question}}}
	for _, f := range fields {
		for k, v := range f {
			body[k] = v
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := tenbit.ParseRequest(raw)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func message(content string) tenbit.Message { return tenbit.Message{Content: content} }
