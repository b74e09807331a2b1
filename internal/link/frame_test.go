package link

import (
	"bytes"
	"errors"
	"testing"

	"tenbit"

	"github.com/google/go-cmp/cmp"
)

var frames = []frame{
	hello{version: Version, modes: 0x1ff, models: []uint64{1, 1 << 63}, twin: 7},
	hello{version: Version},
	hello{version: 7, rest: []byte("later")},
	ack{model: 1, modes: 0x1ff, streams: 64},
	ack{model: 1, modes: 0x1ff, streams: 64, learns: 3, twin: twinSame},
	ask{
		stream: 1, id: id{1, 2, 15: 3}, terms: terms{"ship", 10 * tenbit.Bit, 0x1ff},
		shape: shapeDraft | shapeTools | shapeRefusal | shapeCandidates | shapeQuestions, votes: []uint64{3, 0, maxVotes}, likely: []byte{1, 255}, size: 12, digest: proof{0xde, 0xad, 0xbe, 0xef},
		payload: []byte("payload"),
	},
	ask{stream: maxStream},
	ask{stream: 2, number: 3, repeat: 1, shape: shapeCoded | shapeHistory | shapeRef | shapeStream, digest: proof{1, 7: 2}, payload: []byte{1}},
	ask{stream: 1, number: 1 << 63, repeat: 255, shape: shapeCoded | shapeHistory | shapeLearns | shapeTwin, state: 9, payload: []byte{1}},
	resume{stream: 8, id: id{9}, have: 1 << 20},
	cancel{stream: 7},
	grant{stream: 3, shift: maxShift},
	data{stream: 2, bytes: []byte{0}},
	end{stream: 2, sent: tenbit.Sent{
		Digest: 7, Bits: 1234567, Mode: tenbit.ModePlain, Cut: true,
		Usage: tenbit.Usage{Prompt: 1000, Completion: maxTokens},
	}, bytes: []byte{1, 2}},
	end{stream: 2},
	failure{stream: 2, code: CodeBusy, spent: 4000},
	failure{code: CodeVersion, spent: Version},
}

func TestFrames(t *testing.T) {
	for _, want := range frames {
		p := want.append(nil)
		got, err := parseFrame(p)
		if err != nil {
			t.Errorf("parse %x of %+v: %v", p, want, err)
			continue
		}
		if again := got.append(nil); !bytes.Equal(again, p) {
			t.Errorf("frame %+v: wrote %x, read and wrote %x", want, p, again)
		}
		for n := range len(p) {
			cut, err := parseFrame(p[:n])
			if err == nil && bytes.Equal(cut.append(nil), p) {
				t.Errorf("frame %+v cut at %d of %d reads as the whole", want, n, len(p))
			}
		}
	}
}

func TestSmallHeaders(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame frame
		want  []byte
	}{
		{"a cancel is one byte", cancel{7}, []byte{0x75}},
		{"or two", cancel{maxStream}, []byte{0xf5, 0x7f}},
		{"data is one byte and the data", data{1, []byte{0xaa}}, []byte{0x17, 0xaa}},
		{"an accept", end{stream: 1, sent: tenbit.Sent{Mode: tenbit.ModeAccept, Bits: 10, Digest: 0x01020304}}, []byte{0x18, 1, 1, 2, 3, 4, 10, 0, 0}},
	} {
		if got := tt.frame.append(nil); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: got %x, want %x", tt.name, got, tt.want)
		}
	}
}

func TestBadFrames(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    []byte
		want error
	}{
		{"nothing", nil, errShort},
		{"kind 0", []byte{0x10}, errRange},
		{"kind 15", []byte{0x1f}, errRange},
		{"padded header", []byte{0x95, 0x00}, errVarint},
		{"three header bytes", []byte{0x80, 0x80, 0x01}, errRange},
		{"cancel on the connection", []byte{0x05}, errRange},
		{"hello on a stream", []byte{0x11, 2, 0, 0}, errRange},
		{"cancel and more", []byte{0x15, 0}, errExtra},
		{"hello without a version", []byte{0x01}, errShort},
		{"hello with nine models", []byte{0x01, 2, 0, 9}, errRange},
		{"hello without a twin", []byte{0x01, 2, 0, 0}, errShort},
		{"ack of no streams", []byte{0x02, 1, 0, 0}, errRange},
		{"ack of a fourth kind of twin", append([]byte{0x02, 1, 0, 1, 0, 3}, make([]byte, 16)...), errRange},
		{"ack without a key", []byte{0x02, 1, 0, 1, 0, 0}, errShort},
		{"ask cut in the id", []byte{0x13, 0, 1, 2, 3}, errShort},
		{"ask with a long tenant", append(append([]byte{0x13, 0}, make([]byte, 16)...), 0, 65), errTooLong},
		{"ask with a refusal but no draft", []byte{0x13, 1, 1, 0x82, 8, 0, 0, 0, 0}, errRange},
		{"ask that learns without a history", []byte{0x13, 1, 1, 8 | 2, 0, 0, 0, 0}, errRange},
		{"ask with a draft for a twin", []byte{0x13, 1, 1, 64 | 2 | 1, 0, 0, 0, 0}, errRange},
		{"ask with a ref but no history", []byte{0x13, 1, 1, 16 | 2, 0, 0, 0, 0}, errRange},
		{"ask with a ref that is not coded", []byte{0x13, 1, 1, 16 | 4, 0, 0, 0, 0}, errRange},
		{"ask with no candidates where there should be", []byte{0x13, 1, 1, 32, 0, 0, 0, 0, 0}, errRange},
		{"empty data", []byte{0x17}, errShort},
		{"grant of nothing less", []byte{0x16, 0}, errRange},
		{"grant of too much less", []byte{0x16, 16}, errRange},
		{"end of an unknown mode", []byte{0x18, 9, 0, 0, 0, 0, 0, 0, 0}, errRange},
		{"error 0", []byte{0x19, 0, 0}, errRange},
		{"error of no code", []byte{0x19, byte(codes), 0}, errRange},
		{"too much data", append([]byte{0x17}, make([]byte, maxChunk+1)...), errTooLong},
	} {
		fr, err := parseFrame(tt.p)
		if !errors.Is(err, tt.want) || fr != nil {
			t.Errorf("%s: got %+v, %v; want %v", tt.name, fr, err, tt.want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, fr := range frames {
		f.Add(fr.append(nil))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		fr, err := parseFrame(p)
		if err != nil {
			return
		}
		if got := fr.append(nil); !bytes.Equal(got, p) {
			t.Errorf("%x reads as %+v, written %x", p, fr, got)
		}
	})
}

func TestCodes(t *testing.T) {
	if codes > 16 {
		t.Errorf("%d codes: more than ErrorPrice pays for", codes)
	}
	var names []string
	for c := Code(1); c < codes; c++ {
		names = append(names, c.String())
	}
	want := []string{
		"bad-request", "unavailable", "over-limit", "busy", "repeated-id", "unknown-id", "cancelled",
		"incomplete", "mismatch", "version", "internal", "need-draft",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}
