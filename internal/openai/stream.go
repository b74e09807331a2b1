package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tenbit"
)

// assembly is a completion in the making.
type assembly struct {
	most int // bytes of content, refusal and tool calls together
	wish
	deltas int // with content; each is a token or more

	content  []byte
	sent     int // bytes of content that sink has
	contentU unquoter
	refusal  []byte
	refusalU unquoter
	calls    toolCalls
	finish   string
	usage    tenbit.Usage
	logProb  mean
}

// readStream reads an answer that comes as server-sent events. What came is
// returned with every error.
func (c *Client) readStream(r io.Reader, want wish) (tenbit.Completion, error) {
	a := &assembly{most: c.cfg.MaxAnswer, wish: want}
	a.logProb.keep = want.tokens
	// A token of three bytes travels in a chunk of some 200.
	most := 100*int64(c.cfg.MaxAnswer) + 1<<20
	err := a.events(newEventReader(&cappedReader{r, most}, 4*c.cfg.MaxAnswer+1<<16))
	if err == nil {
		err = a.end()
	}
	return a.completion(err)
}

// events adds chunks up to [DONE] or the end of the input.
func (a *assembly) events(events *eventReader) error {
	for {
		e, err := events.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return broken("read the answer", tenbit.ErrIncomplete, err)
		case string(bytes.TrimSpace(e.data)) == "[DONE]":
			return nil
		}
		var chunk answer
		if err := json.Unmarshal(e.data, &chunk); err != nil {
			return fmt.Errorf("read the answer: %w: not a chunk of a chat completion", tenbit.ErrIncomplete)
		}
		if chunk.Error.set || e.name == "error" {
			return chunk.Error.asError(a.begun())
		}
		if err := a.add(chunk); err != nil {
			return err
		}
		if a.maxTokens > 0 && a.deltas > a.maxTokens {
			a.finish = "length" // the server ignores the limit
			a.usage.Completion = a.maxTokens
			return nil
		}
	}
}

func (a *assembly) begun() bool {
	return len(a.content)+len(a.refusal)+a.calls.size > 0
}

func (a *assembly) add(chunk answer) error {
	if u := chunk.Usage.tokens(); u != (tenbit.Usage{}) {
		a.usage = u
	}
	for _, ch := range chunk.Choices {
		if ch.Index != 0 {
			continue
		}
		if err := a.delta(ch.Delta); err != nil {
			return err
		}
		a.logProb.add(ch.LogProbs)
		if ch.Finish != nil && *ch.Finish != "" {
			a.finish = *ch.Finish
		}
	}
	return a.pass(false)
}

func (a *assembly) delta(d message) error {
	var err error
	if !silent(d.Content) {
		if a.deltas++; a.maxTokens > 0 && a.deltas > a.maxTokens {
			return nil
		}
	}
	if a.content, err = a.contentU.appendContent(a.content, d.Content); err != nil {
		return fmt.Errorf("read the content: %w: %w", tenbit.ErrIncomplete, err)
	}
	if len(d.Refusal) > 0 {
		if a.refusal, err = a.refusalU.append(a.refusal, d.Refusal); err != nil {
			return fmt.Errorf("read the refusal: %w: %w", tenbit.ErrIncomplete, err)
		}
	}
	if len(d.FunctionCall) > 0 && string(d.FunctionCall) != "null" {
		return errFunctionCall
	}
	if err := a.calls.add(d.ToolCalls); err != nil {
		return fmt.Errorf("read the tool calls: %w: %w", tenbit.ErrIncomplete, err)
	}
	if len(a.content)+len(a.refusal)+a.calls.size > a.most {
		return broken("read the answer", tenbit.ErrIncomplete, ErrTooLarge)
	}
	return nil
}

// pass gives the sink what is new, up to the last whole character or, at the
// end, all of it.
func (a *assembly) pass(all bool) error {
	n := len(a.content)
	if !all {
		n = a.sent + wholeRunes(a.content[a.sent:])
	}
	if a.sink == nil || n == a.sent {
		return nil
	}
	text := string(a.content[a.sent:n])
	a.sent = n
	if err := a.sink(text); err != nil {
		return fmt.Errorf("pass the answer on: %w", err)
	}
	return nil
}

// end checks that the answer is whole and passes on what was held back.
func (a *assembly) end() error {
	if a.finish == "" {
		return fmt.Errorf("read the answer: %w", errNoFinish)
	}
	a.content = a.contentU.flush(a.content)
	return a.pass(true)
}

func (a *assembly) completion(err error) (tenbit.Completion, error) {
	out := tenbit.Completion{Usage: a.usage, LogProb: a.logProb.value(), Tokens: a.logProb.all}
	out.Message.Content = string(a.contentU.flush(a.content))
	out.Message.Refusal = string(a.refusalU.flush(a.refusal))
	if err != nil {
		out.Message.ToolCalls = a.calls.array(false)
	} else {
		out, err = a.calls.end(out, a.finish)
	}
	if err != nil && out.Usage.Completion == 0 { // servers say it at the end
		out.Usage.Completion = a.deltas
	}
	return out, err
}

// cappedReader fails with ErrTooLarge where io.LimitReader would end.
type cappedReader struct {
	r    io.Reader
	left int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
