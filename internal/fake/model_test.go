package fake_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tenbit"
	"tenbit/internal/fake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func question(t *testing.T, text string) tenbit.Request {
	t.Helper()
	r, err := tenbit.ParseRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"` + text + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestModel(t *testing.T) {
	broke := errors.New("broke")
	for _, tt := range []struct {
		name    string
		model   *fake.Model
		content string
		parts   []string
		finish  tenbit.Finish
		err     error
	}{
		{"says", fake.Says("yes"), "yes", []string{"yes"}, tenbit.FinishStop, nil},
		{"knows", fake.Knows(map[string]string{"q": "a"}), "a", []string{"a"}, tenbit.FinishStop, nil},
		{"does not know", fake.Knows(nil), "", nil, "", tenbit.ErrUnavailable},
		{"empty", fake.NewModel(func(fake.Call) fake.Reply { return fake.Reply{} }), "", nil, tenbit.FinishStop, nil},
		{"chunks", fake.NewModel(func(fake.Call) fake.Reply { return fake.Reply{Chunks: []string{"a", "b"}} }), "ab", []string{"a", "b"}, tenbit.FinishStop, nil},
		{"breaks", fake.NewModel(func(fake.Call) fake.Reply { return fake.Reply{Chunks: []string{"a"}, Err: broke} }), "a", []string{"a"}, "", broke},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var parts []string
			got, err := tt.model.Complete(t.Context(), question(t, "q"), tenbit.Sampling{Sink: func(s string) error { parts = append(parts, s); return nil }})
			if got.Message.Content != tt.content || got.Finish != tt.finish || !errors.Is(err, tt.err) {
				t.Errorf("got %+v, %v; want %q, %q, %v", got, err, tt.content, tt.finish, tt.err)
			}
			if diff := cmp.Diff(tt.parts, parts); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			again, err := tt.model.Complete(t.Context(), question(t, "q"), tenbit.Sampling{})
			if again.Message.Content != tt.content || !errors.Is(err, tt.err) {
				t.Errorf("without a sink: got %+v, %v", again, err)
			}
			if calls := tt.model.Calls(); len(calls) != 2 || calls[1].N != 1 || calls[1].Request.Question() != "q" {
				t.Errorf("calls: got %+v, want two about q", calls)
			}
		})
	}
}

func TestModelSeesCancellation(t *testing.T) {
	for name, reply := range map[string]fake.Reply{
		"before it begins": {Gate: make(chan struct{})},
		"in the middle":    {Chunks: []string{"a"}, Step: make(chan struct{})},
	} {
		t.Run(name, func(t *testing.T) {
			m := fake.NewModel(func(fake.Call) fake.Reply { return reply })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := m.Complete(ctx, question(t, "q"), tenbit.Sampling{}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want cancelled", err)
			}
			if left := <-m.Left(); left.N != 0 {
				t.Errorf("got call %d, want 0", left.N)
			}
		})
	}
}

func TestModelStopsForItsSink(t *testing.T) {
	stop := errors.New("enough")
	got, err := fake.NewModel(func(fake.Call) fake.Reply { return fake.Reply{Chunks: []string{"a", "b"}} }).
		Complete(t.Context(), question(t, "q"), tenbit.Sampling{Sink: func(string) error { return stop }})
	if !errors.Is(err, stop) || strings.Contains(got.Message.Content, "b") {
		t.Errorf("got %+v, %v; want the sink's error", got, err)
	}
}
