package cache

import (
	"encoding/binary"
	"errors"

	"tenbit"
)

// kept is what is kept under an entry's id: the question that its answer was
// given to, and where it may be found.
type kept struct {
	place    Key
	question string
	answer   []byte
}

// entryFormat is the first byte of an entry: version, place, the question's
// length as a varint, question, answer.
const entryFormat = 1

var errEntry = errors.New("not an entry of the semantic cache")

func (e kept) encode() []byte {
	out := make([]byte, 0, 1+len(e.place.sum)+binary.MaxVarintLen64+len(e.question)+len(e.answer))
	out = append(out, entryFormat)
	out = append(out, e.place.sum[:]...)
	out = binary.AppendUvarint(out, uint64(len(e.question)))
	out = append(out, e.question...)
	return append(out, e.answer...)
}

// decodeKept reads an entry, of which there is one encoding only. The answer is
// part of b.
func decodeKept(b []byte) (e kept, err error) {
	if len(b) < 1+len(e.place.sum) || b[0] != entryFormat {
		return kept{}, errEntry
	}
	b = b[1:]
	b = b[copy(e.place.sum[:], b):]
	n, width := binary.Uvarint(b)
	if width <= 0 || n > MaxQuestion || n > uint64(len(b)-width) || width != len(binary.AppendUvarint(nil, n)) {
		return kept{}, errEntry
	}
	e.question, e.answer = string(b[width:width+int(n)]), b[width+int(n):]
	return e, nil
}

// answerOf names an entry's answer: verdicts on it say nothing of one that takes
// its place, however late they come.
func answerOf(id Key, answer []byte) Key {
	return KeyOf(id.tenant, []byte("semantic answer\n"), id.sum[:], answer)
}

// id names an entry by tenant, place and question, so that what lies under
// another name is no entry.
func (e kept) id(t tenbit.TenantID) Key {
	return KeyOf(t, append(append([]byte("semantic entry\n"), e.place.sum[:]...), e.question...))
}
