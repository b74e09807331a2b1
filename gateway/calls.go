package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
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
		var id [12]byte
		_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the process instead
		if c != nil {
			c["id"] = json.RawMessage(`"call_` + hex.EncodeToString(id[:]) + `"`)
		}
	}
	out, err := json.Marshal(list)
	if err != nil {
		return calls
	}
	return out
}
