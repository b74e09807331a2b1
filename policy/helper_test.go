package policy

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tenbit"
	"tenbit/codec"
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

// script is a model that says what it is told to, in pieces.
type script struct {
	pieces   []string // of the content
	comp     tenbit.Completion
	err      error
	asked    []tenbit.Request
	streamed bool
}

func (m *script) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (c tenbit.Completion, err error) {
	m.asked = append(m.asked, req)
	m.streamed = s.Sink != nil
	c = m.comp
	var b strings.Builder
	b.WriteString(c.Message.Content)
	defer func() { c.Message.Content = b.String() }()
	for _, p := range m.pieces {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		b.WriteString(p)
		if s.Sink != nil {
			if err := s.Sink(p); err != nil {
				return c, err
			}
		}
	}
	return c, m.err
}

func says(text string) *script {
	return &script{pieces: strings.SplitAfter(text, " "), comp: tenbit.Completion{Finish: tenbit.FinishStop, Usage: tenbit.Usage{Prompt: 3, Completion: 5}}}
}

// serve runs an origin and feeds the edge's decoder, a byte at a time.
func serve(t *testing.T, large Model, ask tenbit.Ask) (tenbit.Sent, tenbit.Reply) {
	t.Helper()
	ask.Stream = true
	d := NewDecoder(codec.Default(), ask)
	sent, err := Origin{Large: large, Codec: codec.Default()}.Serve(t.Context(), ask, func(p []byte) error {
		for i := range p {
			if err := d.Feed(p[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("serve: %v", err)
	}
	r, err := d.Finish(sent.Digest)
	if err != nil {
		t.Fatalf("decode %v: %v", sent.Mode, err)
	}
	if r.Cost.Bits != sent.Bits || r.Mode != sent.Mode || sent.Bits > ask.Limit || r.Cut != sent.Cut {
		t.Errorf("edge has %v, %v, cut %v; origin %v, %v, cut %v; limit %v", r.Mode, r.Cost.Bits, r.Cut, sent.Mode, sent.Bits, sent.Cut, ask.Limit)
	}
	return sent, r
}
