package ollama

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/ollama/ollama/api"

	"tenbit"
)

// Complete asks the model; see [tenbit/policy.Model]. Errors are, besides those
// of the context and the sink, a [*tenbit.RequestError] for what the local model
// cannot read, an [*Error], or wrap [tenbit.ErrUnavailable] or
// [tenbit.ErrIncomplete].
func (c *Client) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	chat, err := c.chatRequest(req, s)
	if err != nil {
		return tenbit.Completion{}, err
	}
	a := &assembly{most: c.cfg.MaxAnswer, sink: s.Sink, keep: req.LogProbs, seed: sha256.Sum256(req.Body)}
	err = c.api.Chat(ctx, chat, a.add)
	switch {
	case a.err != nil:
		err = a.err
	case err != nil:
		err = classify(ctx, err, a.begun())
	case ctx.Err() != nil: // the api package takes a cut stream for its end
		err = fmt.Errorf("ask ollama: %w", ctx.Err())
	default:
		err = a.end()
	}
	return a.completion(err)
}

// assembly is a completion in the making.
type assembly struct {
	most int // bytes
	sink tenbit.Sink
	err  error // why add stopped

	content bytes.Buffer
	deltas  int // with content; each is a token or more
	calls   []toolCall
	// seed makes ids of calls where Ollama gives none: the same for the same
	// request, as a twin needs them, and others in each turn of a conversation.
	seed   [sha256.Size]byte
	size   int
	last   api.ChatResponse // its Done says that the answer is whole
	keep   bool             // the tokens, too
	tokens []tenbit.TokenProb
	logSum float64
	logN   int
}

func (a *assembly) begun() bool { return a.size > 0 }

// add takes one line of the stream.
func (a *assembly) add(r api.ChatResponse) error {
	a.last = r
	text := r.Message.Content
	a.size += len(text)
	a.content.WriteString(text)
	if text != "" {
		a.deltas++
	}
	for _, l := range r.Logprobs {
		a.logSum += l.Logprob
		a.logN++
		if a.keep {
			a.tokens = append(a.tokens, tokenProb(l))
		}
	}
	for _, t := range r.Message.ToolCalls {
		call := toolCall{ID: t.ID, Type: "function", Function: functionCall{t.Function.Name, t.Function.Arguments.String()}}
		if call.Function.Arguments == "null" {
			call.Function.Arguments = "{}" // as OpenAI has it
		}
		if call.ID == "" {
			call.ID = fmt.Sprintf("call_%x", sha256.Sum256(fmt.Appendf(a.seed[:], "%d", len(a.calls))))[:5+24]
		}
		a.size += len(call.ID) + len(call.Function.Name) + len(call.Function.Arguments)
		a.calls = append(a.calls, call)
	}
	if a.size > a.most {
		a.err = fmt.Errorf("read ollama's answer: %w: %w", tenbit.ErrIncomplete, ErrTooLarge)
		return a.err
	}
	if a.sink != nil && text != "" {
		if err := a.sink(text); err != nil {
			a.err = fmt.Errorf("pass the answer on: %w", err)
		}
	}
	return a.err
}

// end checks that the answer is whole: a stream that the repetition guard or a
// dying runner ends has no done, or a done without a reason.
func (a *assembly) end() error {
	if !a.last.Done || a.last.DoneReason != "stop" && a.last.DoneReason != "length" {
		return fmt.Errorf("read ollama's answer: %w", tenbit.ErrIncomplete)
	}
	return nil
}

func (a *assembly) completion(err error) (tenbit.Completion, error) {
	out := tenbit.Completion{
		Message: tenbit.Message{Content: a.content.String()},
		Usage:   tenbit.Usage{Prompt: max(0, a.last.PromptEvalCount), Completion: max(0, a.last.EvalCount)},
		Tokens:  a.tokens,
	}
	if a.logN > 0 {
		out.LogProb = a.logSum / float64(a.logN)
	}
	if len(a.calls) > 0 {
		var raw bytes.Buffer
		enc := json.NewEncoder(&raw)
		enc.SetEscapeHTML(false)
		if e := enc.Encode(a.calls); e == nil { // strings only: it cannot fail
			out.Message.ToolCalls = bytes.TrimSpace(raw.Bytes())
		}
	}
	if err != nil {
		if out.Usage.Completion == 0 { // Ollama says it at the end
			out.Usage.Completion = a.deltas
		}
		return out, err
	}
	switch {
	case a.last.DoneReason == "length":
		out.Finish = tenbit.FinishLength
	case len(a.calls) > 0:
		out.Finish = tenbit.FinishToolCalls
	default:
		out.Finish = tenbit.FinishStop
	}
	return out, nil
}

func tokenProb(l api.Logprob) tenbit.TokenProb {
	t := tenbit.TokenProb{Token: l.Token, LogProb: l.Logprob, Bytes: l.Bytes}
	for _, o := range l.TopLogprobs {
		t.Top = append(t.Top, tenbit.OtherToken{Token: o.Token, LogProb: o.Logprob, Bytes: o.Bytes})
	}
	return t
}
