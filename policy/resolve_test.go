package policy

import (
	"context"
	"strings"
	"testing"

	"tenbit"
)

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		name, draft, local, answer, want string
	}{
		{"the model arrives there", "Answer: 7", "3 + 5 = 8\nAnswer: 8", "8", "3 + 5 = 8\nAnswer: 8"},
		{"the model insists", "4 + 3\nAnswer: 7", "Answer: 7", "8", "Answer: 8"},
		{"the model rambles", `so $\boxed{7}$`, "It is hard.", "8", `$\boxed{8}$`},
		{"no model", "x\n#### 7", "", "8", "#### 8"},
		{"bold", "**Answer:** 7", "", "8", "**Answer:** 8"},
		{"letter", "The answer is (A).", "", "B", "The answer is (B)."},
		{"bare letter", "(A)", "", "B", "(B)"},
		{"bare", "7", "", "8", "8"},
		{"bare, but not in that form", "7", "", "Bogotá", "Answer: Bogotá"},
		{"no draft", "", "", "2sqrt(3)", "Answer: 2sqrt(3)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, "How much is it?")
			var local Model
			if tt.local != "" {
				local = modelFunc(func(_ context.Context, r tenbit.Request, _ tenbit.Sampling) (tenbit.Completion, error) {
					if !strings.HasPrefix(r.Question(), "How much is it?") || !strings.HasSuffix(r.Question(), "Answer: "+tt.answer) || len(r.Messages) != 1 {
						t.Errorf("asked %q in %d turns", r.Question(), len(r.Messages))
					}
					return tenbit.Completion{Message: message(tt.local), Finish: tenbit.FinishStop}, nil
				})
			}
			draft := message(tt.draft)
			got := Resolve(t.Context(), local, req, &draft, tt.answer)
			if got.Message.Content != tt.want || got.Finish != tenbit.FinishStop {
				t.Errorf("got %q, %q; want %q", got.Message.Content, got.Finish, tt.want)
			}
			if a, _, _ := Extract(req.Question(), got.Message.Content); a != tt.answer {
				t.Errorf("states %q, want %q", a, tt.answer)
			}
		})
	}
}

// FuzzResolve: whatever the draft looks like, the answer that was bought is the
// answer that is stated.
func FuzzResolve(f *testing.F) {
	f.Add("How much?", "**Answer:** 7", "Answer: 8")
	f.Add("assert f() == ??", `["a"]`, "Answer: 'x'")
	f.Add("Which?\nA. x\nB. y", "The answer is (A)", "B")
	f.Fuzz(func(t *testing.T, question, draft, large string) {
		if strings.ToValidUTF8(question, "") != question { // JSON would change it
			return
		}
		answer, _, ok := Extract(question, large)
		if !ok {
			return
		}
		req := request(t, question)
		m := message(draft)
		got := Resolve(t.Context(), nil, req, &m, answer)
		if a, _, ok := Extract(req.Question(), got.Message.Content); !ok || a != answer {
			t.Errorf("%q states %q, want %q", got.Message.Content, a, answer)
		}
	})
}
