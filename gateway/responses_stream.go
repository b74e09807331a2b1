package gateway

import (
	"encoding/json"
	"fmt"
	"strings"

	"tenbit"
)

// responseEvents tells a response as typed events, numbered from 0.
type responseEvents struct {
	*events
	v responseVoice

	n      int
	opened bool // the message
	said   strings.Builder
	tokens []tenbit.TokenProb
	answer tenbit.Answer
}

// fields are those of an event.
type eventFields map[string]any

func (v responseVoice) speak(s *events) (speaker, error) {
	e := &responseEvents{events: s, v: v}
	response := v.begun(s.c)
	if err := e.tell("response.created", eventFields{"response": response}); err != nil {
		return e, err
	}
	return e, e.tell("response.in_progress", eventFields{"response": response})
}

func (e *responseEvents) tell(kind string, fields eventFields) error {
	return e.event(kind, e.typed(kind, fields))
}

func (e *responseEvents) typed(kind string, fields eventFields) eventFields {
	fields["type"], fields["sequence_number"] = kind, e.n
	e.n++
	return fields
}

// at adds where in the output an event belongs.
func at(id string, output int, fields eventFields) eventFields {
	fields["item_id"], fields["output_index"] = id, output
	return fields
}

// part adds that it belongs to the message's only part.
func (e *responseEvents) part(fields eventFields) eventFields {
	fields["content_index"] = 0
	return at(itemID("msg", e.c, 0), 0, fields)
}

// open begins the message with a part of the kind that follows.
func (e *responseEvents) open(part map[string]any) error {
	if e.opened {
		return nil
	}
	e.opened = true
	item := map[string]any{"id": itemID("msg", e.c, 0), "type": "message", "status": "in_progress", "role": "assistant", "content": []any{}}
	if err := e.tell("response.output_item.added", eventFields{"output_index": 0, "item": item}); err != nil {
		return err
	}
	return e.tell("response.content_part.added", e.part(eventFields{"part": part}))
}

func (e *responseEvents) text(_ int, p piece) error {
	if err := e.open(textPart("", nil)); err != nil {
		return err
	}
	e.said.WriteString(p.text)
	e.tokens = append(e.tokens, p.tokens...)
	return e.tell("response.output_text.delta", e.part(eventFields{"delta": p.text, "logprobs": responseProbs(p.tokens)}))
}

// end closes the message, if there is one, and tells the calls.
func (e *responseEvents) end(_ int, a tenbit.Answer) error {
	e.answer = a
	calls := e.v.in.offers.calls(a)
	if e.opened || a.Message.Refusal != "" || len(calls) == 0 {
		if err := e.endMessage(a); err != nil {
			return err
		}
	}
	output := 0
	if e.opened {
		output = 1
	}
	for i, t := range calls {
		if err := e.call(t, i+1, output+i); err != nil {
			return err
		}
	}
	return nil
}

func (e *responseEvents) endMessage(a tenbit.Answer) error {
	part := contentPart(a)
	if a.Message.Refusal != "" && !e.opened {
		if err := e.open(map[string]any{"type": "refusal", "refusal": ""}); err != nil {
			return err
		}
		if err := e.tell("response.refusal.delta", e.part(eventFields{"delta": a.Message.Refusal})); err != nil {
			return err
		}
		if err := e.tell("response.refusal.done", e.part(eventFields{"refusal": a.Message.Refusal})); err != nil {
			return err
		}
	} else {
		if err := e.open(textPart("", nil)); err != nil {
			return err
		}
		part = textPart(e.said.String(), e.tokens)
		if err := e.tell("response.output_text.done", e.part(eventFields{"text": e.said.String(), "logprobs": responseProbs(e.tokens)})); err != nil {
			return err
		}
	}
	if err := e.tell("response.content_part.done", e.part(eventFields{"part": part})); err != nil {
		return err
	}
	return e.tell("response.output_item.done", eventFields{"output_index": 0, "item": messageItem(e.c, a)})
}

// call tells one call: it begins, its arguments, their end, its own.
func (e *responseEvents) call(t outputCall, n, output int) error {
	item := t.item(e.c, n, "completed")
	id, _ := item["id"].(string)
	kind, name, text := "response.function_call_arguments", "arguments", t.Function.Arguments
	if t.Type == "custom" {
		kind, name, text = "response.custom_tool_call_input", "input", t.Custom.Input
	}
	done := at(id, output, eventFields{name: text})
	if name == "arguments" {
		done["name"] = t.Function.Name
	}
	for _, s := range []struct {
		kind   string
		fields eventFields
	}{
		{"response.output_item.added", eventFields{"output_index": output, "item": t.item(e.c, n, "in_progress")}},
		{kind + ".delta", at(id, output, eventFields{"delta": text})},
		{kind + ".done", done},
		{"response.output_item.done", eventFields{"output_index": output, "item": item}},
	} {
		if err := e.tell(s.kind, s.fields); err != nil {
			return err
		}
	}
	return nil
}

// close tells the whole response, or what failed: as the event that clients
// throw, and as the response that has failed.
func (e *responseEvents) close(failed *Error) error {
	if failed == nil {
		response := e.v.object(e.c, e.answer)
		e.v.keep(response, saidBy(e.answer))
		kind := "response.completed"
		if response["status"] == "incomplete" {
			kind = "response.incomplete"
		}
		return e.final(kind, eventFields{"response": response})
	}
	err := e.tell("error", eventFields{"code": orNull(failed.Code), "message": failed.Msg, "param": orNull(failed.Param)})
	if err != nil {
		return err
	}
	response := e.v.begun(e.c)
	response["status"], response["error"] = "failed", map[string]string{"code": "server_error", "message": failed.Msg}
	return e.final("response.failed", eventFields{"response": response})
}

// final writes the last event behind the meter's comment.
func (e *responseEvents) final(kind string, fields eventFields) error {
	b, err := json.Marshal(e.typed(kind, fields))
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	return e.last(fmt.Sprintf("event: %s\ndata: %s\n\n", kind, b))
}
