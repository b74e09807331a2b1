package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"tenbit"
)

// walk answers an order in the form that it wants: what the walk of the request
// ends with is cut at stop strings, checked, repaired once where it does not
// fit, and refused where that does not help.
func (g *Gateway) walk(ctx context.Context, o Order) (tenbit.Answer, error) {
	f := o.form
	if f.buffered() {
		o.Sink = nil
	}
	if o.Sink != nil && len(f.stops) > 0 {
		o.stopper = &stopper{stops: f.stops, sink: o.Sink}
		o.Sink = o.stopper.write
	}
	a, err := g.Answer(ctx, o)
	if err != nil {
		return a, err
	}
	a = f.normal(a)
	if cut := f.cut(a); f.fits(cut) == nil || f.fits(a) == nil {
		return cut, nil
	}
	repaired, err := g.repair(ctx, o, a)
	if err != nil {
		return tenbit.Answer{Cost: a.Cost}, err
	}
	return f.cut(g.store(ctx, o, repaired)), nil
}

// cut ends the text at the first stop string. A call that the client has asked for
// stays.
func (f *form) cut(a tenbit.Answer) tenbit.Answer {
	out := stopped(a, f.stops)
	if f.choice == "required" {
		out.Message.ToolCalls, out.Finish = a.Message.ToolCalls, a.Finish
	}
	return out
}

// fence is what models put around JSON.
var fence = regexp.MustCompile("(?s)^\\s*```(?:json|JSON)?\\s*\n(.*?)\n?\\s*```\\s*$")

// normal is the answer without what its form does not allow and its meaning
// does not need: fences around JSON, calls beyond the one that was allowed.
func (f *form) normal(a tenbit.Answer) tenbit.Answer {
	if f == nil {
		return a
	}
	if !f.logProbs {
		a.Tokens = nil
	}
	if f.json {
		if m := fence.FindStringSubmatch(a.Message.Content); m != nil {
			a.Message.Content, a.Tokens = m[1], nil
		}
	}
	calls := callsOf(a.Message)
	if f.choice == "none" || f.choice == "" {
		calls = nil
	}
	if !f.parallel && len(calls) > 1 {
		calls = calls[:1]
	}
	if len(calls) != len(callsOf(a.Message)) {
		a.Message.ToolCalls = joined(calls)
	}
	if len(calls) == 0 && a.Finish == tenbit.FinishToolCalls {
		a.Finish = tenbit.FinishStop
	}
	return a
}

// fits says what is wrong with the form of an answer, in words for the model
// that may have to repair it.
func (f *form) fits(a tenbit.Answer) error {
	switch {
	case f == nil, a.Finish == tenbit.FinishLength, a.Finish == tenbit.FinishFilter, a.Message.Refusal != "":
		return nil
	}
	calls := callsOf(a.Message)
	if f.choice == "required" && len(calls) == 0 {
		return errNoCall
	}
	for _, c := range calls {
		if err := f.fitsCall(c); err != nil {
			return err
		}
	}
	if f.logProbs && len(a.Tokens) == 0 && a.Message.Content != "" && len(calls) == 0 {
		return errNoTokens
	}
	if !f.json || len(calls) > 0 {
		return nil
	}
	return f.schema.check(a.Message.Content)
}

var (
	errNoCall   = errors.New("it calls no function")
	errNoTokens = errors.New("it comes without log-probabilities")
)

func (f *form) fitsCall(c toolCall) error {
	called := tool{Type: cmp.Or(c.Type, "function")}
	called.Function.Name, called.Custom.Name = c.Function.Name, c.Custom.Name
	i := slices.IndexFunc(f.tools, called.is)
	if i < 0 || f.named != nil && !called.is(*f.named) {
		return errors.New("it calls a tool that is not on offer")
	}
	if c.Type == "custom" || c.Function.Arguments == "" { // free text, or of a function that takes none
		return nil
	}
	return f.tools[i].schema.check(c.Function.Arguments)
}

// repair asks the local model once more for an answer in the right form.
func (g *Gateway) repair(ctx context.Context, o Order, a tenbit.Answer) (tenbit.Answer, error) {
	cause := o.form.fits(a)
	if errors.Is(cause, errNoTokens) {
		return a, invalid("logprobs", "unsupported_value", "The local model gives no log-probabilities.")
	}
	if errors.Is(cause, errSteps) {
		return a, invalid("response_format", "invalid_json_schema", "The schema is too complex to check.")
	}
	if o.form.calling(a) && len(o.form.callable()) == 0 { // only functions can be called as JSON
		return a, misshapen()
	}
	req, err := o.form.retry(o.Request, a, cause)
	if err != nil {
		return a, fmt.Errorf("repair an answer: %w", err)
	}
	c, err := g.Drafter.Local.Complete(ctx, req, tenbit.Sampling{})
	if err != nil && ctx.Err() != nil {
		return a, err
	}
	a.Tokens = nil
	a.Usage.Completion += c.Usage.Completion
	if err == nil && c.Finish == tenbit.FinishStop {
		b := a
		b.Message, b.Finish = o.form.repaired(a.Message, c.Message)
		if b = o.form.normal(b); o.form.fits(b) == nil {
			return b, nil
		}
	}
	return a, misshapen()
}

func misshapen() *Error {
	return &Error{Status: http.StatusBadGateway, Type: "server_error", Code: "invalid_output", Msg: "The model's answer does not have the form that was asked for.", NoRetry: true}
}

// maxShown bounds how much of a wrong answer and of what is wrong with it the
// model is shown, in bytes.
const maxShown = 16 << 10

// retry is the request that asks again: for a function call as JSON where calls
// are at fault, else for JSON that fits.
func (f *form) retry(req tenbit.Request, a tenbit.Answer, cause error) (tenbit.Request, error) {
	var body struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if err := req.Read(&body); err != nil {
		return req, fmt.Errorf("read a canonical request: %w", err)
	}
	set := map[string]any{"stop": nil, "logprobs": nil, "top_logprobs": nil}
	if f.calling(a) {
		note, _ := json.Marshal(map[string]string{"role": "user", "content": f.callNote()}) // strings only
		set["messages"] = append(body.Messages, note)
		set["tools"], set["tool_choice"], set["parallel_tool_calls"] = nil, nil, nil
		set["response_format"] = f.callFormat()
		return req.With(set)
	}
	said, _ := json.Marshal(map[string]string{"role": "assistant", "content": shown(a.Message.Content)})
	note, _ := json.Marshal(map[string]string{"role": "user", "content": "That can't be used: " + shown(cause.Error()) + ". Answer again with JSON that fits, and nothing else."})
	set["messages"] = append(body.Messages, said, note)
	return req.With(set)
}

// shown is the beginning of s.
func shown(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown]
	}
	return strings.ToValidUTF8(s, "")
}

// calling reports that the repair is about function calls.
func (f *form) calling(a tenbit.Answer) bool {
	return f.choice == "required" || len(callsOf(a.Message)) > 0
}

// repaired reads what retry brought.
func (f *form) repaired(was, now tenbit.Message) (tenbit.Message, tenbit.Finish) {
	if !f.calling(tenbit.Answer{Message: was}) {
		return now, tenbit.FinishStop
	}
	was.ToolCalls = f.callFrom(now.Content)
	return was, tenbit.FinishToolCalls
}
