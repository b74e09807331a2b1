package gateway

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"tenbit"
)

// stored is what the cache keeps of an answer beside its content.
type stored struct {
	ToolCalls json.RawMessage    `json:"t,omitempty"`
	Refusal   string             `json:"r,omitempty"`
	Finish    tenbit.Finish      `json:"f"`
	Usage     tenbit.Usage       `json:"u"`
	Tokens    []tenbit.TokenProb `json:"p,omitempty"`
}

// shelved is an answer as the cache keeps it: the length of the JSON of all but
// the content as a varint, that JSON, the content byte for byte.
func shelved(a tenbit.Answer) ([]byte, error) {
	rest, err := json.Marshal(stored{a.Message.ToolCalls, a.Message.Refusal, a.Finish, a.Usage, a.Tokens})
	if err != nil {
		return nil, fmt.Errorf("keep an answer: %w", err)
	}
	out := make([]byte, 0, binary.MaxVarintLen32+len(rest)+len(a.Message.Content))
	out = append(binary.AppendUvarint(out, uint64(len(rest))), rest...)
	return append(out, a.Message.Content...), nil
}

// unshelved reads what shelved wrote, false for anything else; r is the answer's
// route.
func unshelved(val []byte, r tenbit.Route) (tenbit.Answer, bool) {
	n, size := binary.Uvarint(val)
	if size <= 0 || n > uint64(len(val)-size) {
		return tenbit.Answer{}, false
	}
	var s stored
	if json.Unmarshal(val[size:size+int(n)], &s) != nil {
		return tenbit.Answer{}, false
	}
	return tenbit.Answer{
		Message: tenbit.Message{Content: string(val[size+int(n):]), ToolCalls: s.ToolCalls, Refusal: s.Refusal},
		Finish:  s.Finish, Usage: s.Usage, Tokens: s.Tokens, Route: r,
	}, true
}
