package link

import (
	"encoding/binary"
	"fmt"
)

// Version is the link's version. Both ends must speak the same one.
const Version = 2

// kind is a frame's type, the low four bits of its header.
type kind uint8

const (
	kindHello  kind = 1 // up
	kindAck    kind = 2 // down
	kindAsk    kind = 3 // up
	kindResume kind = 4 // up
	kindCancel kind = 5 // up
	kindGrant  kind = 6 // down
	kindData   kind = 7 // down
	kindEnd    kind = 8 // down
	kindError  kind = 9 // down
)

var kindNames = map[kind]string{
	kindHello: "hello", kindAck: "hello-ack", kindAsk: "ask", kindResume: "resume", kindCancel: "cancel",
	kindGrant: "grant", kindData: "data", kindEnd: "end", kindError: "error",
}

func (k kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Bounds of the format. What may be allocated follows from them.
const (
	maxStream = 1<<10 - 1 // a header has at most two bytes
	maxModels = 8         // fingerprints in a hello
	maxTenant = 64        // bytes of a tenant's id
	maxCands  = 64        // candidates in an ask
	// questions in an ask, and bytes of one
	maxQuestions = 10
	maxQuestion  = 256

	// MaxAsk is the most bytes that an ask frame may have.
	MaxAsk = 4 << 20
	// MaxTexts is the most bytes that the texts of one ask may have together.
	MaxTexts = 8 << 20
	// maxChunk is the most codeword bytes in one frame down.
	maxChunk = 16 << 10
	// maxDown is the longest frame down: an end with a full chunk.
	maxDown = maxChunk + 64
)

// frame is one WebSocket message. Its stream says which request it belongs to;
// 0 is the connection itself.
type frame interface {
	// append writes the frame, header included. parseFrame undoes it.
	append(b []byte) []byte
}

// parseFrame reads one frame. The result shares p's memory. Every valid p is
// what append makes of its frame: there is one encoding.
func parseFrame(p []byte) (frame, error) {
	f := &fields{p: p}
	head := f.uint(maxStream<<4 | 15)
	if f.err != nil {
		return nil, fmt.Errorf("frame header: %w", f.err)
	}
	k, stream := kind(head&15), uint16(head>>4)
	if (stream == 0) != (k == kindHello || k == kindAck) && !(stream == 0 && k == kindError) {
		return nil, fmt.Errorf("%v frame on stream %d: %w", k, stream, errRange)
	}
	var fr frame
	switch k {
	case kindHello:
		fr = readHello(f)
	case kindAck:
		fr = readAck(f)
	case kindAsk:
		fr = readAsk(f, stream)
	case kindResume:
		fr = readResume(f, stream)
	case kindCancel:
		fr = cancel{stream}
	case kindGrant:
		fr = grant{stream, uint8(f.uintFrom(1, maxShift))}
	case kindData:
		fr = readData(f, stream)
	case kindEnd:
		fr = readEnd(f, stream)
	case kindError:
		fr = readFailure(f, stream)
	default:
		return nil, fmt.Errorf("%v: %w", k, errRange)
	}
	if err := f.end(); err != nil {
		return nil, fmt.Errorf("%v frame: %w", k, err)
	}
	return fr, nil
}

// uintFrom reads a number between lo and hi.
func (f *fields) uintFrom(lo, hi uint64) uint64 {
	v := f.uint(hi)
	if v < lo {
		f.fail(errRange)
	}
	return v
}

func appendHeader(b []byte, stream uint16, k kind) []byte {
	return binary.AppendUvarint(b, uint64(stream)<<4|uint64(k))
}
