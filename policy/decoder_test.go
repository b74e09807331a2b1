package policy

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenbit"
	"tenbit/codec"
)

// asks are Asks of each kind, for replies of each mode.
func asks(t testing.TB) map[string]tenbit.Ask {
	draft := message("It is 9 * 2.\nAnswer: 18")
	tools := map[string]any{"tools": []any{map[string]any{"type": "function", "function": map[string]any{"name": "f"}}}}
	return map[string]tenbit.Ask{
		"closed": {
			Request: request(t, "How much is 9 times 2?"), Limit: 2000 * tenbit.Bit, Modes: allModes, Draft: &draft,
			Candidates: []tenbit.Candidate{{Answer: "18", Votes: 5}, {Answer: "-7", Votes: 2}, {Answer: "1/3", Votes: 1}},
		},
		"open":      {Request: request(t, "Why?"), Limit: 2000 * tenbit.Bit, Modes: allModes, Draft: &draft},
		"tools":     {Request: request(t, "Why?", tools), Limit: 2000 * tenbit.Bit, Modes: allModes},
		"ten bits":  {Request: request(t, "How much?"), Limit: 10 * tenbit.Bit, Modes: allModes, Draft: &draft},
		"asked":     {Request: request(t, "Why?"), Limit: 10 * tenbit.Bit, Modes: everyMode, Draft: &draft, Questions: aboutHarbour},
		"unasked":   {Request: request(t, "Why?"), Limit: 10 * tenbit.Bit, Modes: everyMode, Draft: &draft},
		"hint":      {Request: request(t, "Why?"), Limit: 140 * tenbit.Bit, Modes: tenbit.Modes(tenbit.ModeHint), Draft: &draft},
		"brief":     {Request: request(t, "Why?"), Limit: 300 * tenbit.Bit, Modes: everyMode},
		"no grant":  {Request: request(t, "How much?"), Modes: allModes, Draft: &draft},
		"bad votes": {Request: request(t, "Why?"), Limit: 1e6, Modes: allModes, Draft: &draft, Candidates: []tenbit.Candidate{{Answer: "x", Votes: -1}, {Answer: "y", Votes: 1 << 60}}},
	}
}

func TestReplyRoundTrip(t *testing.T) {
	calls := json.RawMessage(`[{"id":"1","function":{"name":"f","arguments":"{}"}}]`)
	text := func(s string) tenbit.Message { return message(s) }
	for _, tt := range []struct {
		ask   string
		reply tenbit.Reply
	}{
		{"closed", tenbit.Reply{Mode: tenbit.ModeNone}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAccept}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeSelect, Index: 1}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeSelect, Index: 2}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "0"}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "-0.05"}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: strings.Repeat("9", maxDigits)}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "Z"}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "2sqrt(3)"}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "ſtraße 7 ☂"}},
		{"closed", tenbit.Reply{Mode: tenbit.ModeFull, Message: text("Who knows."), Finish: tenbit.FinishLength}},
		{"closed", tenbit.Reply{Mode: tenbit.ModePlain, Message: text("Who knows."), Finish: tenbit.FinishStop}},
		{"open", tenbit.Reply{Mode: tenbit.ModeFull, Message: text(""), Finish: tenbit.FinishStop}},
		{"open", tenbit.Reply{Mode: tenbit.ModeFull, Message: text("cut"), Finish: tenbit.FinishLength, Cut: true}},
		{"open", tenbit.Reply{Mode: tenbit.ModeFull, Message: text("\x00\x80 \xf0\x9f\xa6\x80"), Finish: tenbit.FinishFilter}},
		{"open", tenbit.Reply{Mode: tenbit.ModePlain, Message: text(""), Finish: tenbit.FinishStop}},
		{"open", tenbit.Reply{Mode: tenbit.ModePlain, Message: tenbit.Message{Content: "a", Refusal: "b"}, Finish: tenbit.FinishStop}},
		{"tools", tenbit.Reply{Mode: tenbit.ModeFull, Message: tenbit.Message{Content: "c", ToolCalls: calls}, Finish: tenbit.FinishToolCalls}},
		{"tools", tenbit.Reply{Mode: tenbit.ModePlain, Message: tenbit.Message{ToolCalls: calls, Refusal: "r"}, Finish: tenbit.FinishToolCalls}},
		{"ten bits", tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "42"}},
		{"asked", tenbit.Reply{Mode: tenbit.ModeAsk, Answers: []tenbit.YesNo{tenbit.No, tenbit.Yes, tenbit.CannotSay}}},
		{"unasked", tenbit.Reply{Mode: tenbit.ModeAsk, Answers: []tenbit.YesNo{}}},
		{"hint", tenbit.Reply{Mode: tenbit.ModeHint, Hint: "No: 17."}},
		{"brief", tenbit.Reply{Mode: tenbit.ModeBrief, Message: text("Because of tides."), Finish: tenbit.FinishStop}},
	} {
		t.Run(tt.ask+" "+tt.reply.Mode.String(), func(t *testing.T) {
			ask := asks(t)[tt.ask]
			c, err := newScene(codec.Default(), ask).prove(tt.reply)
			if err != nil {
				t.Fatal(err)
			}
			d := NewDecoder(codec.Default(), ask)
			for i := range c.bytes {
				if err := d.Feed(c.bytes[i : i+1]); err != nil {
					t.Fatal(err)
				}
			}
			got, err := d.Finish(c.digest)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.reply
			want.Cost.Bits = c.bits
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if most := (c.bits + tenbit.Byte - 1) / tenbit.Byte; tenbit.Bits(len(c.bytes)) > most+1 {
				t.Errorf("%d bytes for %v bits", len(c.bytes), c.bits)
			}
			if _, err := NewDecoder(codec.Default(), ask).Finish(c.digest); err == nil && len(c.bytes) > 0 {
				t.Error("decodes without its bytes")
			}
		})
	}
}

func TestDecoderRejects(t *testing.T) {
	full := tenbit.Reply{Mode: tenbit.ModeFull, Message: message("Because of the sea."), Finish: tenbit.FinishStop}
	ask := asks(t)["open"]
	good, err := newScene(codec.Default(), ask).prove(full)
	if err != nil {
		t.Fatal(err)
	}
	poor := ask
	poor.Limit = good.bits - 1
	otherDraft := ask
	otherDraft.Draft = &tenbit.Message{Content: "no draft"}
	gone := errors.New("client gone")
	deaf := ask
	deaf.Sink = func(string) error { return gone }
	for _, tt := range []struct {
		name   string
		ask    tenbit.Ask
		bytes  []byte
		digest uint32
		want   error
	}{
		{"over the limit", poor, good.bytes, good.digest, ErrOverLimit},
		{"another digest", ask, good.bytes, good.digest + 1, ErrReply},
		{"a byte too many", ask, append(good.bytes[:len(good.bytes):len(good.bytes)], 1), good.digest, ErrReply},
		{"a zero byte too many", ask, append(good.bytes[:len(good.bytes):len(good.bytes)], 0), good.digest, ErrReply},
		{"padding", ask, append(good.bytes[:len(good.bytes):len(good.bytes)], make([]byte, 4096)...), good.digest, ErrOverLimit},
		{"another draft", otherDraft, good.bytes, good.digest, nil},
		{"the sink fails", deaf, good.bytes, good.digest, gone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(codec.Default(), tt.ask)
			err := d.Feed(tt.bytes)
			if err == nil {
				_, err = d.Finish(tt.digest)
			}
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if again := d.Feed([]byte{1}); again == nil {
				t.Error("goes on after an error")
			}
			if d.Bits() > tt.ask.Limit {
				t.Errorf("counts %v bits of %v", d.Bits(), tt.ask.Limit)
			}
		})
	}
}

// TestAnswerCanonical: an answer that another form says is refused, and one
// that no edge could pass on.
func TestAnswerCanonical(t *testing.T) {
	s := newScene(codec.Default(), asks(t)["closed"])
	for _, a := range []string{"18", "-7", "1/3", "01", "$5", "Answer: 5", "a\nb", " x", ""} {
		e := codec.NewEncoder()
		if _, err := s.code(writer{e}, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: a}); err == nil {
			t.Errorf("%q is coded", a)
		}
	}
}

// TestTenBits: under ten bits every number up to 99 that is not a candidate
// fits, whatever the votes, and accepting takes hardly more than a bit: answers
// keep half of the odds.
func TestTenBits(t *testing.T) {
	ask := asks(t)["closed"]
	ask.Limit = 10 * tenbit.Bit
	for _, n := range []int{1, 10, 1000} {
		ask.Candidates = []tenbit.Candidate{{Answer: "18", Votes: n}}
		s := newScene(codec.Default(), ask)
		for i := range 100 {
			a := tenbit.Completion{Message: message("Answer: " + strconv.Itoa(i))}
			c, fits, err := s.choose(a)
			if err != nil || !fits {
				t.Errorf("%d votes: %d takes mode %v, %v", n, i, c.reply.Mode, err)
			}
			if i == 18 && n > 1 && (c.bits > 1100 || c.bits < 10) {
				t.Errorf("%d votes: accept costs %v bits", n, c.bits)
			}
		}
	}
}

// TestPlainIsBoundedByTheGrant: what few bits unpack to with zstd is as long as
// what they decode to with the model, at both ends.
func TestPlainIsBoundedByTheGrant(t *testing.T) {
	ask := tenbit.Ask{Request: request(t, "Why?"), Limit: MaxText * tenbit.Bit, Modes: tenbit.Modes(tenbit.ModePlain)}
	long := tenbit.Reply{Mode: tenbit.ModePlain, Message: message(strings.Repeat("y", MaxText)), Finish: tenbit.FinishStop}
	c, err := newScene(nil, ask).prove(long)
	if err != nil || c.bits > 10_000*tenbit.Bit {
		t.Fatalf("a large grant: %v bits, %v", c.bits, err)
	}
	ask.Limit = 10_000 * tenbit.Bit
	if _, err := newScene(nil, ask).prove(long); !errors.Is(err, ErrOverLimit) {
		t.Errorf("the origin: got %v, want %v", err, ErrOverLimit)
	}
	d := NewDecoder(nil, ask)
	err = d.Feed(c.bytes)
	if err == nil {
		_, err = d.Finish(c.digest)
	}
	if !errors.Is(err, codec.ErrTooLong) {
		t.Errorf("the edge: got %v, want %v", err, codec.ErrTooLong)
	}
}

// FuzzDecoder: any bytes are an error or a reply that costs no more than the
// grant and encodes to the same bytes.
func FuzzDecoder(f *testing.F) {
	all := asks(f)
	for name, ask := range all {
		for _, r := range []tenbit.Reply{
			{Mode: tenbit.ModeNone},
			{Mode: tenbit.ModeAccept},
			{Mode: tenbit.ModeAnswer, Answer: "12"},
			{Mode: tenbit.ModeFull, Message: message("so it is"), Finish: tenbit.FinishStop},
			{Mode: tenbit.ModePlain, Message: message("so it is"), Finish: tenbit.FinishStop},
			{Mode: tenbit.ModeAsk, Answers: []tenbit.YesNo{tenbit.Yes, tenbit.CannotSay, tenbit.No}[:len(ask.Questions)]},
			{Mode: tenbit.ModeHint, Hint: "No: 17."},
			{Mode: tenbit.ModeBrief, Message: message("tides"), Finish: tenbit.FinishStop},
		} {
			if s := newScene(codec.Default(), ask); s.allows(r.Mode) {
				if c, err := s.prove(r); err == nil {
					f.Add(name, c.bytes)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, name string, p []byte) {
		ask, ok := all[name]
		if !ok {
			return
		}
		var text strings.Builder
		ask.Sink = func(s string) error { text.WriteString(s); return nil }
		d := NewDecoder(codec.Default(), ask)
		err := d.Feed(p)
		var r tenbit.Reply
		if err == nil {
			// The digest is known only behind the bytes, as it is on the wire.
			if _, err = d.Finish(0); errors.Is(err, errDigest) {
				r, err = d.reply, d.out.flush()
			}
		}
		if len(d.text) > MaxText || d.Bits() > ask.Limit {
			t.Fatalf("%d bytes, %v bits of %v", len(d.text), d.Bits(), ask.Limit)
		}
		if err != nil {
			return
		}
		if r.Mode == tenbit.ModeFull && formOf(r.Message) == formText && text.String() != r.Message.Content {
			t.Errorf("streamed %q of %q", text.String(), r.Message.Content)
		}
		if r.Mode == tenbit.ModePlain { // zstd has many frames for one text
			return
		}
		c, err := newScene(codec.Default(), ask).prove(r)
		if err != nil || string(c.bytes) != string(p) {
			t.Errorf("%+v encodes to %x, %v; was %x", r, c.bytes, err, p)
		}
	})
}
