package link

import (
	"encoding/binary"

	"tenbit"
)

// id names a request of one edge.
type id [16]byte

// hello opens a connection.
type hello struct {
	version uint64
	modes   tenbit.ModeSet
	models  []uint64 // fingerprints, the edge's favourite first
	rest    []byte   // of another version: unknown, the answer is a refusal
}

// maxHello bounds what a hello of another version may carry.
const maxHello = 1 << 10

func readHello(f *fields) frame {
	h := hello{version: f.uint(1 << 32)}
	if h.version != Version {
		h.rest = f.rest(maxHello)
		return h
	}
	h.modes = tenbit.ModeSet(f.uint(1<<16 - 1))
	for range f.uint(maxModels) {
		if b := f.bytes(8); b != nil {
			h.models = append(h.models, binary.BigEndian.Uint64(b))
		}
	}
	return h
}

func (h hello) append(b []byte) []byte {
	b = appendHeader(b, 0, kindHello)
	b = binary.AppendUvarint(b, h.version)
	if h.version != Version {
		return append(b, h.rest...)
	}
	b = binary.AppendUvarint(b, uint64(h.modes))
	b = binary.AppendUvarint(b, uint64(len(h.models)))
	for _, m := range h.models {
		b = binary.BigEndian.AppendUint64(b, m)
	}
	return b
}

// ask is a request. Its texts lie in payload; texts.go reads them.
type ask struct {
	stream uint16
	id     id
	tenant string
	limit  tenbit.Bits
	modes  tenbit.ModeSet
	shape  shape
	votes  []uint64 // one for each candidate
	size   int      // of all texts together, in bytes
	state  uint32   // of the history that the exchange is coded with
	digest uint32   // of the texts
	// payload is everything up to the end of the frame.
	payload []byte
}

// shape says which texts an ask has and how they are written.
type shape uint8

const (
	shapeDraft   shape = 1 << iota // the draft's content
	shapeTools                     // the draft's tool calls
	shapeRefusal                   // the draft's refusal
	shapeCoded                     // the texts are one codeword; else lengths and texts, through zstd
	shapeHistory                   // the model is a history
	shapes
)

// maxVotes bounds the samples behind one candidate.
const maxVotes = 1 << 16

func readAsk(f *fields, stream uint16) frame {
	a := ask{stream: stream}
	copy(a.id[:], f.bytes(len(a.id)))
	a.tenant = f.string(maxTenant)
	a.limit = tenbit.Bits(f.uint(uint64(tenbit.MaxBits)))
	a.modes = tenbit.ModeSet(f.uint(1<<16 - 1))
	a.shape = shape(f.uint(uint64(shapes) - 1))
	if a.shape&shapeDraft == 0 && a.shape&(shapeTools|shapeRefusal) != 0 {
		f.fail(errRange) // parts of a draft that isn't there
	}
	for range f.uint(maxCands) {
		a.votes = append(a.votes, f.uint(maxVotes))
	}
	a.size = int(f.uint(MaxTexts))
	if a.shape&shapeHistory != 0 {
		a.state = f.uint32()
	}
	a.digest = f.uint32()
	a.payload = f.rest(MaxAsk)
	return a
}

func (a ask) append(b []byte) []byte {
	b = appendHeader(b, a.stream, kindAsk)
	b = append(b, a.id[:]...)
	b = appendString(b, a.tenant)
	b = binary.AppendUvarint(b, uint64(a.limit))
	b = binary.AppendUvarint(b, uint64(a.modes))
	b = append(b, byte(a.shape))
	b = binary.AppendUvarint(b, uint64(len(a.votes)))
	for _, v := range a.votes {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendUvarint(b, uint64(a.size))
	if a.shape&shapeHistory != 0 {
		b = binary.BigEndian.AppendUint32(b, a.state)
	}
	b = binary.BigEndian.AppendUint32(b, a.digest)
	return append(b, a.payload...)
}

// resume asks for the rest of a reply after a cut connection.
type resume struct {
	stream uint16
	id     id
	have   uint64 // codeword bytes that arrived
}

func readResume(f *fields, stream uint16) frame {
	r := resume{stream: stream}
	copy(r.id[:], f.bytes(len(r.id)))
	r.have = f.uint(1 << 48)
	return r
}

func (r resume) append(b []byte) []byte {
	b = appendHeader(b, r.stream, kindResume)
	return binary.AppendUvarint(append(b, r.id[:]...), r.have)
}

// cancel says that nobody waits for the reply any more.
type cancel struct{ stream uint16 }

func (c cancel) append(b []byte) []byte { return appendHeader(b, c.stream, kindCancel) }
