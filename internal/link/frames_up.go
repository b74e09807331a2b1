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
	twin    uint64   // fingerprint of the small model and its options, 0: none
	learns  uint8    // the form of what the edge can learn, 0: nothing
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
	h.twin = f.uint64()
	h.learns = uint8(f.uint(maxForm))
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
	return binary.AppendUvarint(binary.BigEndian.AppendUint64(b, h.twin), uint64(h.learns))
}

// ask is a request. Its texts lie in payload; texts.go reads them.
type ask struct {
	stream uint16
	number uint64 // what the id ends in, the rest being the last full id's; 0: in full
	id     id
	repeat uint8 // which of the connection's terms, 0: in full
	terms
	shape  shape
	votes  []uint64 // one for each candidate, unless they are in the codeword
	likely []byte   // P(yes) of each question, likewise
	size   int      // of all texts together, in bytes, unless they are a codeword
	state  uint8    // name of the history that the exchange is coded with
	digest proof    // of what is asked, and of the history
	// payload is everything up to the end of the frame.
	payload []byte
}

// terms are who asks, for how much and what he takes: most asks repeat them.
type terms struct {
	tenant string
	limit  tenbit.Bits
	modes  tenbit.ModeSet
}

// shape says which texts an ask has and how they are written.
type shape uint16

const (
	shapeDraft      shape = 1 << iota // the draft's content
	shapeCoded                        // the texts are one codeword; else lengths and texts, through zstd
	shapeHistory                      // the model is a history
	shapeLearns                       // which learns this exchange
	shapeRef                          // parts of the body are those of a ref in the history
	shapeCandidates                   // there are candidates
	shapeTwin                         // what the edge made of the request stays at home: the origin makes it itself
	shapeStream                       // the reply's text leaves as it is made
	shapeQuestions                    // there are questions
	shapeTools                        // the draft's tool calls
	shapeRefusal                      // the draft's refusal
	shapes
)

// valid reports whether the parts go together.
func (s shape) valid() bool {
	switch {
	case s&shapeDraft == 0 && s&(shapeTools|shapeRefusal) != 0,
		s&shapeHistory == 0 && s&(shapeLearns|shapeRef) != 0,
		s&shapeCoded == 0 && s&shapeRef != 0,
		s&shapeTwin != 0 && s&(shapeDraft|shapeCandidates|shapeQuestions) != 0:
		return false
	}
	return true
}

// proves is how many bytes of the digest an ask has: what is put together from
// earlier requests needs more than what a codeword spells out.
func (s shape) proves() int {
	if s&shapeRef != 0 {
		return len(proof{})
	}
	return 4
}

// maxVotes bounds the samples behind one candidate.
const maxVotes = 1 << 16

func readAsk(f *fields, stream uint16) frame {
	a := ask{stream: stream}
	if a.number = f.uint(1<<64 - 1); a.number == 0 {
		copy(a.id[:], f.bytes(len(a.id)))
	}
	if a.repeat = f.byte(); a.repeat == 0 {
		a.tenant = f.string(maxTenant)
		a.limit = tenbit.Bits(f.uint(uint64(tenbit.MaxBits)))
		a.modes = tenbit.ModeSet(f.uint(1<<16 - 1))
	}
	if a.shape = shape(f.uint(uint64(shapes) - 1)); !a.shape.valid() {
		f.fail(errRange)
	}
	if a.shape&shapeCoded == 0 {
		if a.shape&shapeCandidates != 0 {
			for range f.uintFrom(1, maxCands) {
				a.votes = append(a.votes, f.uint(maxVotes))
			}
		}
		if a.shape&shapeQuestions != 0 {
			a.likely = f.bytes(int(f.uintFrom(1, maxQuestions)))
		}
		a.size = int(f.uint(MaxTexts))
	}
	if a.shape&shapeHistory != 0 {
		a.state = f.byte()
	}
	copy(a.digest[:], f.bytes(a.shape.proves()))
	a.payload = f.rest(MaxAsk)
	return a
}

func (a ask) append(b []byte) []byte {
	b = appendHeader(b, a.stream, kindAsk)
	if b = binary.AppendUvarint(b, a.number); a.number == 0 {
		b = append(b, a.id[:]...)
	}
	if b = append(b, a.repeat); a.repeat == 0 {
		b = appendString(b, a.tenant)
		b = binary.AppendUvarint(b, uint64(a.limit))
		b = binary.AppendUvarint(b, uint64(a.modes))
	}
	b = binary.AppendUvarint(b, uint64(a.shape))
	if a.shape&shapeCoded == 0 {
		if a.shape&shapeCandidates != 0 {
			b = binary.AppendUvarint(b, uint64(len(a.votes)))
			for _, v := range a.votes {
				b = binary.AppendUvarint(b, v)
			}
		}
		if a.shape&shapeQuestions != 0 {
			b = append(binary.AppendUvarint(b, uint64(len(a.likely))), a.likely...)
		}
		b = binary.AppendUvarint(b, uint64(a.size))
	}
	if a.shape&shapeHistory != 0 {
		b = append(b, a.state)
	}
	b = append(b, a.digest[:a.shape.proves()]...)
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
