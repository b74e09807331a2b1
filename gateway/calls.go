package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// fresh gives the calls of a sample ids of our own: local models count from
// zero in every answer, and in a conversation the results name the calls.
// Calls that are not a list of objects stay as they are.
func fresh(calls json.RawMessage) json.RawMessage {
	var list []map[string]json.RawMessage
	if len(calls) == 0 || json.Unmarshal(calls, &list) != nil {
		return calls
	}
	for _, c := range list {
		if c != nil {
			c["id"] = json.RawMessage(strconv.Quote(newCallID()))
		}
	}
	out, err := json.Marshal(list)
	if err != nil {
		return calls
	}
	return out
}

// anonymous is a canonical request with the ids of its calls counted from 0:
// they are made anew for each answer and change nothing of the next one. What
// is not a list of turns with calls stays as it is.
func anonymous(body []byte) []byte {
	if !bytes.Contains(body, []byte(`"tool_calls"`)) {
		return body
	}
	var fields map[string]json.RawMessage
	var turns []map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || json.Unmarshal(fields["messages"], &turns) != nil {
		return body
	}
	seen := map[string]json.RawMessage{} // number of each id as written
	for _, turn := range turns {
		if err := numberCalls(turn, seen); err != nil {
			return body
		}
	}
	var err error
	if fields["messages"], err = json.Marshal(turns); err != nil {
		return body
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return out
}

// numberCalls puts numbers for the ids of a turn. What names no call before it
// goes into a list, so that it can't pass for a number.
func numberCalls(turn, seen map[string]json.RawMessage) error {
	if ref, ok := turn["tool_call_id"]; ok {
		n, known := seen[string(ref)]
		if !known {
			n = json.RawMessage("[" + string(ref) + "]")
		}
		turn["tool_call_id"] = n
	}
	var calls []map[string]json.RawMessage
	if json.Unmarshal(turn["tool_calls"], &calls) != nil {
		return nil // has none
	}
	for _, c := range calls {
		id, ok := c["id"]
		if !ok {
			continue
		}
		if seen[string(id)] == nil {
			seen[string(id)] = json.RawMessage(strconv.Itoa(len(seen)))
		}
		c["id"] = seen[string(id)]
	}
	var err error
	turn["tool_calls"], err = json.Marshal(calls)
	return err
}
