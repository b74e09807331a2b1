package policy

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"tenbit"
)

// Resolve answers req again, knowing the final answer that the far side gave:
// the local model writes the text, and where that does not end in the answer,
// or there is no model or an error, the answer is stated plainly, in the form
// that the draft had. Extract of the result is always the answer. The draft may be
// nil; answer is a [tenbit.Reply]'s, in normal form.
func Resolve(ctx context.Context, local Model, req tenbit.Request, draft *tenbit.Message, answer string) tenbit.Completion {
	if local != nil {
		if told, err := tell(req, answer); err == nil {
			c, err := local.Complete(ctx, told, tenbit.Sampling{})
			if err == nil && c.Finish == tenbit.FinishStop && states(req, c.Message.Content, answer) {
				return c
			}
		}
	}
	text := ""
	if draft != nil {
		text = draft.Content
	}
	return tenbit.Completion{Message: tenbit.Message{Content: state(req, text, answer)}, Finish: tenbit.FinishStop}
}

// tell is the request with the answer in it.
func tell(req tenbit.Request, answer string) (tenbit.Request, error) {
	return withNote(req, "resolve", note{Answer: answer}, nil)
}

func states(req tenbit.Request, text, answer string) bool {
	a, _, ok := Extract(frame(req), text)
	return ok && a == answer
}

// forms are the ways a draft may state its answer, with how to state another.
var forms = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\\boxed\{`), `$\boxed{%s}$`},
	{regexp.MustCompile(`(?m)^#### `), "#### %s"},
	{regexp.MustCompile(`\*\*(?i:answer:)\*\*`), "**Answer:** %s"},
	{regexp.MustCompile(`(?i)\banswer:`), "Answer: %s"},
	{regexp.MustCompile(`(?i)\bthe answer is \(`), "The answer is (%s)."},
	{regexp.MustCompile(`(?i)\bthe answer is `), "The answer is %s."},
}

// state says the answer alone, as the draft said its own.
func state(req tenbit.Request, draft, answer string) string {
	with := "Answer: %s"
	if _, ok := inquire(scanned(frame(req))).bare(draft); ok {
		with = "%s"
		if strings.HasPrefix(strings.TrimSpace(draft), "(") {
			with = "(%s)"
		}
	} else {
		for _, f := range forms {
			if f.re.MatchString(draft) {
				with = f.with
				break
			}
		}
	}
	if text := fmt.Sprintf(with, answer); states(req, text, answer) {
		return text
	}
	return "Answer: " + answer
}
