package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"tenbit"
)

// key is what a connection's digests of asks are made under: the origin draws it
// anew for each, so that nobody who writes a prompt can make two asks look alike.
type key [16]byte

// proof is a digest of an ask. Where the codeword spells all of it out, its first
// four bytes cross; where parts come from an earlier request, all of them.
type proof [8]byte

// short is the part that every ask has.
func (p proof) short() uint32 { return binary.BigEndian.Uint32(p[:]) }

// prove is the digest of everything that steers a reply and its coding: the whole
// request, what the edge made of it, and what was exchanged before.
func prove(t tenbit.Ask, h *history, k key) (p proof) {
	m := hmac.New(sha256.New, k[:])
	var numbers []byte
	part := func(b []byte) {
		numbers = binary.AppendUvarint(numbers, uint64(len(b)))
		m.Write(b)
	}
	part(t.Request.Body)
	if d := t.Draft; d != nil {
		numbers = append(numbers, 1)
		part([]byte(d.Content))
		part(d.ToolCalls)
		part([]byte(d.Refusal))
	}
	for _, c := range t.Candidates {
		numbers = binary.BigEndian.AppendUint32(binary.AppendUvarint(numbers, uint64(c.Votes)), c.Hash)
		part([]byte(c.Answer))
	}
	for _, q := range t.Questions {
		numbers = append(numbers, q.Yes)
		part([]byte(q.Text))
	}
	numbers = binary.AppendUvarint(numbers, uint64(len(t.Candidates)))
	numbers = binary.AppendUvarint(numbers, uint64(len(t.Questions)))
	if h != nil {
		numbers = binary.BigEndian.AppendUint64(numbers, h.chain)
	}
	m.Write(numbers)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(numbers))))
	copy(p[:], m.Sum(nil))
	return p
}

// proves reports whether an ask's digest is that of t.
func (a ask) proves(t tenbit.Ask, k kit) bool {
	p, n := prove(t, k.history, k.key), a.shape.proves()
	return hmac.Equal(p[:n], a.digest[:n])
}
