package policy

import (
	"context"
	"strings"

	"tenbit"
)

// storedVotes is how sure the far side may take a stored answer to be: as three
// samples of three that agree, so that a yes costs half a bit.
const storedVotes = 3

// Stored is an answer that was kept for a question of the same meaning, as a
// draft of req: what is asked of the far side is whether it is right here, too.
func Stored(req tenbit.Request, c tenbit.Completion) Draft {
	d := Draft{Completion: c}
	if Closed(req, c.Message) {
		d.vote(req, []tenbit.Completion{c})
		d.Candidates[0].Votes = storedVotes
	}
	return d
}

// Verifiable narrows an ask about a stored answer to the modes in which the
// reply can say that it is right: all where another answer fits as well, else
// that alone. False: it can't.
func Verifiable(ask tenbit.Ask) (tenbit.Ask, bool) {
	if !ask.Modes.Has(tenbit.ModeAccept) || len(ask.Candidates) == 0 && ask.Draft == nil {
		return ask, false
	}
	if len(ask.Candidates) == 0 && plain(ask.Request) && !wholeFits(ask) {
		ask.Modes = tenbit.Modes(tenbit.ModeAccept)
	}
	return ask, true
}

// Judge has the local model say whether an answer to another question answers
// req as well. ok is false where it says neither yes nor no, or fails.
func Judge(ctx context.Context, local Model, req tenbit.Request, question string, answer tenbit.Message) (yes, ok bool) {
	said := answer.Content + string(answer.ToolCalls)
	told, err := withNote(req, "judge", note{Questions: jsonOf(question), Draft: jsonOf(said)}, map[string]any{
		"max_tokens": judgeTokens, "max_completion_tokens": nil, "tools": nil, "tool_choice": nil, "parallel_tool_calls": nil,
		"functions": nil, "function_call": nil, "response_format": nil, "stop": nil, "n": nil, "logprobs": nil, "top_logprobs": nil,
	})
	if err != nil || local == nil {
		return false, false
	}
	cold := 0.0
	c, err := local.Complete(ctx, told, tenbit.Sampling{Temperature: &cold})
	if err != nil {
		return false, false
	}
	words := strings.FieldsFunc(strings.ToLower(c.Message.Content), func(r rune) bool { return r < 'a' || r > 'z' })
	if len(words) == 0 || words[0] != "yes" && words[0] != "no" {
		return false, false
	}
	return words[0] == "yes", true
}

// judgeTokens is the room for one word and what some models put around it.
const judgeTokens = 8
