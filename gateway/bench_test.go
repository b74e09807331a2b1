package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

// talker answers without a script, since scripted models remember their calls.
type talker struct{}

func (talker) Complete(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	out := tenbit.Completion{Message: tenbit.Message{Content: "It is calm, and the wind is from the west."}, Finish: tenbit.FinishStop}
	for text := range strings.SplitAfterSeq(out.Message.Content, " ") {
		if s.Sink == nil {
			break
		}
		if err := s.Sink(text); err != nil {
			return out, err
		}
	}
	return out, nil
}

// BenchmarkChat is what a request costs beside the network and the model.
func BenchmarkChat(b *testing.B) {
	w := wired(b, talker{}, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
		g.Remote, g.LedgerNear = nil, true
		g.Log = slog.New(slog.DiscardHandler)
	})
	h := w.g.Handler()
	for _, kind := range []string{"whole", "streamed", "cached"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				seed := n
				if kind == "cached" {
					seed = -1
				}
				body := fmt.Sprintf(`{"model":"tenbit","stream":%v,"seed":%d,"messages":[{"role":"user","content":"How is the sea today?"}]}`, kind == "streamed", seed)
				r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+key)
				out := httptest.NewRecorder()
				if h.ServeHTTP(out, r); out.Code != http.StatusOK {
					b.Fatal(out.Body)
				}
			}
		})
	}
}
