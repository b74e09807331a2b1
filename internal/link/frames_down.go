package link

import (
	"encoding/binary"

	"tenbit"
)

// ack answers a hello.
type ack struct {
	model   uint8  // 1 + index of the model that both ends hold, 0: none
	modes   uint64 // what the origin serves
	streams uint16 // most requests at a time
	learns  uint8  // the form of what both ends learn, 0: nothing
	twin    uint8  // the edge's small model at the origin
	key     key    // of the digests of asks on this connection
}

// What an ack says of the edge's small model.
const (
	twinNone  = iota // the origin runs none, or the edge named none
	twinSame         // it runs the same
	twinOther        // it runs another: drafts travel
	twins
)

func readAck(f *fields) frame {
	a := ack{
		model:   uint8(f.uint(maxModels)),
		modes:   f.uint(1<<16 - 1),
		streams: uint16(f.uintFrom(1, maxStream)),
		learns:  uint8(f.uint(maxForm)),
		twin:    uint8(f.uint(twins - 1)),
	}
	copy(a.key[:], f.bytes(len(a.key)))
	return a
}

func (a ack) append(b []byte) []byte {
	b = append(appendHeader(b, 0, kindAck), a.model)
	b = binary.AppendUvarint(b, a.modes)
	b = binary.AppendUvarint(b, uint64(a.streams))
	return append(append(b, a.learns, a.twin), a.key[:]...)
}

// maxForm bounds a learner's form.
const maxForm = 7

// maxShift is the largest exponent of a grant.
const maxShift = 15

// grantPrice is what a grant frame costs: one of sixteen outcomes, the absent
// frame being the sixteenth.
const grantPrice = 4 * tenbit.Bit

// grant lowers the limit of a reply, since the origin's ledger allows no more:
// to limit>>shift, less [grantPrice]. It comes before the first byte.
type grant struct {
	stream uint16
	shift  uint8
}

func (g grant) append(b []byte) []byte {
	return append(appendHeader(b, g.stream, kindGrant), g.shift)
}

// lowered is what a grant leaves of limit; at most zero: nothing.
func (g grant) lowered(limit tenbit.Bits) tenbit.Bits { return limit>>g.shift - grantPrice }

// data carries codeword bytes.
type data struct {
	stream uint16
	bytes  []byte // at least one
}

func readData(f *fields, stream uint16) frame {
	d := data{stream, f.rest(maxChunk)}
	if len(d.bytes) == 0 {
		f.fail(errShort)
	}
	return d
}

func (d data) append(b []byte) []byte {
	return append(appendHeader(b, d.stream, kindData), d.bytes...)
}

// end closes a reply with its last codeword bytes.
type end struct {
	stream uint16
	sent   tenbit.Sent
	bytes  []byte // may be none
}

// endCut marks a reply that reached its limit, in the byte of the mode.
const endCut = 0x80

// maxTokens bounds the usage of a reply, so that it fits an int everywhere.
const maxTokens = 1<<31 - 1

func readEnd(f *fields, stream uint16) frame {
	e := end{stream: stream}
	mode := f.byte()
	e.sent.Mode, e.sent.Cut = tenbit.Mode(mode&^endCut), mode&endCut != 0
	if e.sent.Mode > tenbit.ModePlain {
		f.fail(errRange)
	}
	e.sent.Digest = f.uint32()
	e.sent.Bits = tenbit.Bits(f.uint(uint64(tenbit.MaxBits)))
	e.sent.Usage.Prompt = int(f.uint(maxTokens))
	e.sent.Usage.Completion = int(f.uint(maxTokens))
	e.bytes = f.rest(maxChunk)
	return e
}

func (e end) append(b []byte) []byte {
	mode := byte(e.sent.Mode)
	if e.sent.Cut {
		mode |= endCut
	}
	b = append(appendHeader(b, e.stream, kindEnd), mode)
	b = binary.BigEndian.AppendUint32(b, e.sent.Digest)
	b = binary.AppendUvarint(b, uint64(e.sent.Bits))
	b = binary.AppendUvarint(b, uint64(e.sent.Usage.Prompt))
	b = binary.AppendUvarint(b, uint64(e.sent.Usage.Completion))
	return append(b, e.bytes...)
}

// failure ends a reply, or on stream 0 the connection, without a message.
type failure struct {
	stream uint16
	code   Code
	spent  tenbit.Bits // what the origin charged; stream 0: its version
}

func readFailure(f *fields, stream uint16) frame {
	return failure{
		stream: stream,
		code:   Code(f.uintFrom(1, uint64(codes)-1)),
		spent:  tenbit.Bits(f.uint(uint64(tenbit.MaxBits))),
	}
}

func (e failure) append(b []byte) []byte {
	b = append(appendHeader(b, e.stream, kindError), byte(e.code))
	return binary.AppendUvarint(b, uint64(e.spent))
}
