package policy

import (
	"bytes"
	"strings"

	"tenbit"
)

// AnswerOf is the final answer of a message that replies to req, in normal form:
// equal strings are equal answers. Of a text it is what [Extract] finds, given
// the choices that the request offers; where the request asks for JSON, the
// JSON value; of tool calls, the functions with their arguments. False where
// there is none or it isn't sure: the message counts as a whole then.
func AnswerOf(req tenbit.Request, m tenbit.Message) (answer string, ok bool) {
	switch {
	case req.Stop || req.N > 1 || m.Refusal != "":
		return "", false
	case len(m.ToolCalls) > 0:
		// What is said beside a call is for the client, too: no two texts would agree.
		if !req.Tools || strings.TrimSpace(m.Content) != "" || !offersCalls(req, m) {
			return "", false
		}
		answer, ok = canonicalCalls(m.ToolCalls)
		return answer, ok && terse(answer)
	case req.Tools:
		return "", false
	case req.JSON:
		answer, err := canonicalJSON(m.Content)
		return answer, err == nil && terse(answer) && (answer[0] == '{' || !bytes.Contains(req.Body, anyObject))
	}
	answer, _, ok = Extract(frame(req), m.Content)
	return answer, ok
}

// anyObject is in the canonical body of a request for just any object: no other
// string of it has quotes that are not escaped.
var anyObject = []byte(`"response_format":{"type":"json_object"}`)

// special reports a request whose answer has a form that only a whole message
// has: JSON or tool calls. The far side can pick among messages that the edge
// has, but not state such an answer for the edge to write out.
func special(req tenbit.Request) bool { return req.Tools || req.JSON }

// terse reports a JSON answer short enough for samples to agree on: no document.
func terse(a string) bool {
	return len(a) <= maxAnswer && len(strings.Fields(a)) <= 2*maxWords
}

// frame is what [Extract] is to know of a request: the last user turn, and the
// list of words to choose from where another turn has it.
func frame(req tenbit.Request) string {
	q := req.Question()
	if len(req.Messages) == 1 || len(listed(scanned(q))) > 0 {
		return q
	}
	for _, m := range req.Messages {
		if m.Role != "system" && m.Role != "developer" {
			continue
		}
		if items := listed(scanned(m.Text)); len(items) > 0 {
			return q + "\n\nOne of: " + strings.Join(items, ", ")
		}
	}
	return q
}
