package policy

import (
	"encoding/binary"

	"tenbit"
	"tenbit/codec"
)

// digest closes a reply: 32 bits over what it says and over everything that
// steered its coding, so that ends with different prompts, drafts or candidates
// cannot misread each other.
func (s *scene) digest(r tenbit.Reply) uint32 {
	var parts [][]byte
	var lengths []byte
	add := func(p []byte) {
		lengths = binary.AppendUvarint(lengths, uint64(len(p)))
		parts = append(parts, p)
	}
	message := func(m tenbit.Message) {
		add([]byte(m.Content))
		add(m.ToolCalls)
		add([]byte(m.Refusal))
	}
	add(s.ask.Request.Body)
	if s.ask.Draft != nil {
		message(*s.ask.Draft)
	}
	for _, c := range s.ask.Candidates {
		add([]byte(c.Answer))
		lengths = binary.AppendVarint(lengths, int64(c.Votes))
		lengths = binary.AppendUvarint(lengths, uint64(c.Hash))
	}
	add(binary.AppendVarint([]byte{byte(r.Mode), OddsVersion}, int64(r.Index)))
	add([]byte(r.Answer))
	add([]byte(r.Hint))
	for _, q := range s.ask.Questions {
		add([]byte(q.Text))
		lengths = append(lengths, q.Yes)
	}
	for _, a := range r.Answers {
		lengths = append(lengths, byte(a))
	}
	message(r.Message)
	add([]byte(r.Finish))
	return codec.Digest(append(parts, lengths)...)
}
