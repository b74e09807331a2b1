package openai

import (
	"errors"
	"fmt"
	"strings"

	"tenbit"
)

var (
	errFunctionCall = errors.New("the model answered with a function_call, which OpenAI replaced with tool_calls")
	errNoFinish     = fmt.Errorf("%w: no finish_reason", tenbit.ErrIncomplete)
)

// end gives a completion its calls and its finish.
func (t *toolCalls) end(out tenbit.Completion, reason string) (tenbit.Completion, error) {
	var err error
	out.Finish, err = finish(reason, len(t.calls) > 0)
	out.Message.ToolCalls = t.array(out.Finish == tenbit.FinishToolCalls)
	return out, err
}

// finish reads a finish_reason, with the other names that servers use and in any
// case. One that is unknown means an answer whose end nobody can vouch for.
func finish(reason string, tools bool) (tenbit.Finish, error) {
	switch strings.ToLower(reason) {
	case "stop", "end", "eos", "eos_token", "end_turn", "stop_sequence":
		if tools { // several servers say stop here
			return tenbit.FinishToolCalls, nil
		}
		return tenbit.FinishStop, nil
	case "tool_calls", "tool_use":
		return tenbit.FinishToolCalls, nil
	case "length", "max_tokens", "max_output_tokens", "model_length":
		return tenbit.FinishLength, nil
	case "content_filter":
		return tenbit.FinishFilter, nil
	case "function_call":
		return "", errFunctionCall
	case "":
		return "", fmt.Errorf("read the answer: %w", errNoFinish)
	}
	return "", fmt.Errorf("read the answer: %w: finish_reason %q", tenbit.ErrIncomplete, identifier(reason))
}
