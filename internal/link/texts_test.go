package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	"tenbit"
	"tenbit/codec"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// newAsk makes an ask with a question of its own.
func newAsk(t testing.TB, id, question string) tenbit.Ask {
	t.Helper()
	return askOf(t, id, []map[string]string{{"role": "user", "content": question}})
}

// askOf makes an ask of a conversation.
func askOf(t testing.TB, id string, turns []map[string]string) tenbit.Ask {
	t.Helper()
	body, err := json.Marshal(map[string]any{"model": "large", "messages": turns})
	if err != nil {
		t.Fatal(err)
	}
	req, err := tenbit.ParseRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	return tenbit.Ask{
		ID: id, Tenant: "crew", Request: req, Limit: 1000 * tenbit.Bit,
		Modes: tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer, tenbit.ModeFull, tenbit.ModePlain),
	}
}

func TestTexts(t *testing.T) {
	prose := strings.Repeat("The ship sails at dawn with a crew of nine. ", 12)
	for _, tt := range []struct {
		name  string
		ask   func(a *tenbit.Ask)
		model codec.Model
	}{
		{"a question", func(*tenbit.Ask) {}, codec.Default()},
		{"a question without a model", func(*tenbit.Ask) {}, nil},
		{"an empty draft", func(a *tenbit.Ask) { a.Draft = &tenbit.Message{} }, codec.Default()},
		{"a draft", func(a *tenbit.Ask) { a.Draft = &tenbit.Message{Content: prose} }, codec.Default()},
		{"bytes", func(a *tenbit.Ask) { a.Draft = &tenbit.Message{Content: "\xff\x00\xfe"} }, codec.Default()},
		{"tools and refusal", func(a *tenbit.Ask) {
			a.Draft = &tenbit.Message{ToolCalls: json.RawMessage(`[{"id":"x"}]`), Refusal: "no"}
		}, codec.Default()},
		{"candidates", func(a *tenbit.Ask) {
			a.Draft = &tenbit.Message{Content: prose}
			a.Candidates = []tenbit.Candidate{{Answer: "42", Votes: 3}, {Answer: "", Votes: 1}, {Answer: prose, Votes: 0}}
		}, codec.Default()},
		{"candidates alone, no model", func(a *tenbit.Ask) {
			a.Candidates = []tenbit.Candidate{{Answer: "42", Votes: 3}}
		}, nil},
		{"hashes without a model", func(a *tenbit.Ask) {
			a.Candidates = []tenbit.Candidate{{Answer: "\x01abcd", Votes: 3}, {Hash: 0x01020304, Votes: 2}, {Answer: "", Votes: 1}}
		}, nil},
		{"questions", func(a *tenbit.Ask) {
			a.Draft = &tenbit.Message{Content: prose}
			a.Questions = []tenbit.Question{{Text: "Does it sail at dawn?", Yes: 200}, {Text: "Is the crew complete?", Yes: 30}}
		}, codec.Default()},
		{"questions without a model", func(a *tenbit.Ask) { a.Questions = []tenbit.Question{{Text: "Is it?", Yes: 99}} }, nil},
		{"more than the model takes", func(a *tenbit.Ask) {
			a.Draft = &tenbit.Message{Content: strings.Repeat(prose, maxCoded/len(prose)+1)}
		}, codec.Default()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := newAsk(t, "000102030405060708090a0b0c0d0e0f", prose)
			tt.ask(&want)
			a, err := packAsk(want, kit{model: tt.model, candidates: spelt{}})
			if err != nil {
				t.Fatal(err)
			}
			a.stream = 5
			fr, err := parseFrame(a.append(nil))
			if err != nil {
				t.Fatal(err)
			}
			got, err := fr.(ask).unpack(kit{model: tt.model, candidates: spelt{}})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTextsAreCoded(t *testing.T) {
	a := newAsk(t, strings.Repeat("0", 32), "How many legs have three spiders and a cat, together?")
	plain, err := packAsk(a, kit{})
	if err != nil {
		t.Fatal(err)
	}
	coded, err := packAsk(a, kit{model: codec.Default()})
	if err != nil {
		t.Fatal(err)
	}
	if coded.shape&shapeCoded == 0 || len(coded.payload) >= len(plain.payload) {
		t.Errorf("got %d bytes with the model, %d without", len(coded.payload), len(plain.payload))
	}
}

// TestTextsThatUnpackToMore: an ask takes the memory that it names, whatever
// its zstd holds.
func TestTextsThatUnpackToMore(t *testing.T) {
	var sized, unsized bytes.Buffer
	sized.Write(codec.ZstdCompress(make([]byte, 8<<20)))
	unsized.WriteByte(1) // the form of zstd
	w, err := zstd.NewWriter(&unsized, zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, payload := range map[string][]byte{"says so": sized.Bytes(), "doesn't": unsized.Bytes()} {
		a := ask{size: 40, payload: payload}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := a.unpack(kit{})
		runtime.ReadMemStats(&after)
		if err == nil || errors.Is(err, errDigest) {
			t.Errorf("%s: got %v", name, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes of payload take %d", name, len(payload), got)
		}
	}
}

func TestBadTexts(t *testing.T) {
	good, err := packAsk(newAsk(t, strings.Repeat("0", 32), "How many legs have three spiders and a cat, together?"), kit{model: codec.Default()})
	if err != nil {
		t.Fatal(err)
	}
	var plainBody [1][]byte
	plainBody[0] = []byte(`{"model":"m", "messages":[{"role":"user","content":"x"}]}`) // a space too many
	for _, tt := range []struct {
		name string
		ask  func(a *ask)
		want error
	}{
		{"another digest", func(a *ask) { a.digest[3]++ }, errDigest},
		{"a byte more", func(a *ask) { a.payload = append(a.payload[:len(a.payload):len(a.payload)], 1) }, errDigest},
		{"a byte less", func(a *ask) { a.payload = a.payload[:len(a.payload)-1] }, errDigest},
		{"a text more", func(a *ask) { a.shape |= shapeDraft }, errDigest},
		{"candidates that nobody reads", func(a *ask) { a.shape |= shapeCandidates }, errDigest},
		{"a history that is unknown", func(a *ask) { a.shape |= shapeHistory }, errDigest},
		{"a codeword said to be zstd", func(a *ask) { a.shape &^= shapeCoded; a.payload = a.payload[1:] }, codec.ErrCorrupt},
		{"not canonical", func(a *ask) {
			a.shape, a.size = 0, len(plainBody[0])
			a.payload = codec.ZstdCompress(joinTexts(plainBody[:]))
		}, &tenbit.RequestError{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := good
			tt.ask(&a)
			_, err := a.unpack(kit{model: codec.Default()})
			var re *tenbit.RequestError
			if errors.As(tt.want, &re) {
				if !errors.As(err, &re) {
					t.Errorf("got %v, want a RequestError", err)
				}
				return
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzTexts unpacks any payload: no panic, and what is read is what was packed.
func FuzzTexts(f *testing.F) {
	seen := newAsk(f, strings.Repeat("0", 32), "How many legs have three spiders and a cat, together?")
	h := &history{model: codec.Default(), refs: []ref{seen.Request.Body}, chain: 7}
	for _, k := range []kit{{}, {model: codec.Default()}, {model: codec.Default(), history: h, learns: true}} {
		a, err := packAsk(newAsk(f, strings.Repeat("0", 32), "How many legs?"), k)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(a.shape), uint8(0), uint16(a.size), a.payload)
	}
	f.Add(uint16(shapeDraft|shapeCandidates), uint8(3), uint16(3), []byte{0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, s uint16, votes uint8, size uint16, payload []byte) {
		a := ask{shape: shape(s) & (shapes - 1) &^ shapeTwin, size: int(size), payload: payload, state: h.name()}
		if a.shape&(shapeCandidates|shapeCoded) == shapeCandidates {
			a.votes = make([]uint64, 1+votes%(maxCands-1))
		}
		if a.shape&(shapeQuestions|shapeCoded) == shapeQuestions {
			a.likely = make([]byte, 1+votes%(maxQuestions-1))
		}
		if !a.shape.valid() {
			return
		}
		k := kit{model: codec.Default(), candidates: spelt{}}
		if a.shape&shapeHistory != 0 {
			k.history = h
		}
		var got tenbit.Ask
		var err error
		if a.shape&shapeCoded != 0 {
			err = a.decodeTexts(&got, k)
		} else {
			err = a.splitTexts(&got)
		}
		if err == nil && int64(len(got.Request.Body)) > a.room() {
			t.Errorf("a body of %d bytes where %d were announced", len(got.Request.Body), a.room())
		}
	})
}

// spelt codes candidates byte by byte.
type spelt struct{}

func (spelt) Write(e *codec.Encoder, a tenbit.Ask, _ func() codec.Predictor) error {
	e.Byte(byte(len(a.Candidates)))
	for _, c := range a.Candidates {
		e.Byte(byte(c.Votes))
		p := codec.Default().Predictor([]byte(a.Request.Prompt()))
		e.Write(p, []byte(c.Answer))
		e.EndText(p)
	}
	return nil
}

func (spelt) Read(d *codec.Decoder, a tenbit.Ask, _ func() codec.Predictor) (cs []tenbit.Candidate, err error) {
	n, err := d.Byte()
	for i := 0; i < int(n) && err == nil; i++ {
		var c tenbit.Candidate
		votes, e := d.Byte()
		text, _, e2 := d.Text(codec.Default().Predictor([]byte(a.Request.Prompt())), nil, 1<<16)
		c.Answer, c.Votes, err = string(text), int(votes), errors.Join(e, e2)
		cs = append(cs, c)
	}
	return cs, err
}
