package policy

import (
	"context"
	"strings"

	"tenbit"
)

// Revise has the local model write its draft anew with what the far side says of
// it in view: answers to its questions, or a hint. It may keep the draft. False:
// the draft stands, since there is nothing to go by, or no model.
func Revise(ctx context.Context, local Model, req tenbit.Request, draft tenbit.Message, asked []tenbit.Question, r tenbit.Reply) (tenbit.Completion, bool) {
	findings := r.Hint
	if r.Mode == tenbit.ModeAsk {
		findings = answered(asked, r.Answers)
	}
	if findings == "" || local == nil {
		return tenbit.Completion{}, false
	}
	told, err := withNote(req, "revise", note{Draft: jsonOf(draft.Content), Findings: jsonOf(findings)}, nil)
	if err != nil {
		return tenbit.Completion{}, false
	}
	return rewritten(ctx, local, told)
}

// answered lists questions with their answers; an erasure says nothing.
func answered(asked []tenbit.Question, answers []tenbit.YesNo) string {
	var b strings.Builder
	for i, a := range answers[:min(len(answers), len(asked))] {
		if a == tenbit.CannotSay {
			continue
		}
		b.WriteString(asked[i].Text)
		b.WriteString(map[tenbit.YesNo]string{tenbit.Yes: " Yes.\n", tenbit.No: " No.\n"}[a])
	}
	return b.String()
}

// Expand has the local model write out a brief answer. False: it stays brief.
func Expand(ctx context.Context, local Model, req tenbit.Request, brief string) (tenbit.Completion, bool) {
	told, err := withNote(req, "expand", note{Draft: jsonOf(brief)}, nil)
	if err != nil || local == nil {
		return tenbit.Completion{}, false
	}
	return rewritten(ctx, local, told)
}

// rewritten is a whole answer of the local model that says something.
func rewritten(ctx context.Context, local Model, req tenbit.Request) (tenbit.Completion, bool) {
	c, err := local.Complete(ctx, req, tenbit.Sampling{})
	return c, err == nil && c.Finish == tenbit.FinishStop && !empty(c.Message)
}
