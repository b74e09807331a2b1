package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenbit"
	"tenbit/codec"
)

func TestServeClosed(t *testing.T) {
	votes := []tenbit.Candidate{{Answer: "18", Votes: 3}, {Answer: "26", Votes: 1}}
	letters := []tenbit.Candidate{{Answer: "A", Votes: 2}, {Answer: "C", Votes: 2}}
	for _, tt := range []struct {
		name       string
		candidates []tenbit.Candidate
		modes      tenbit.ModeSet
		large      string
		limit      tenbit.Bits
		want       tenbit.Reply
		most       tenbit.Bits
	}{
		{"leading", votes, allModes, "so\nAnswer: $18", 1000, tenbit.Reply{Mode: tenbit.ModeAccept}, 1},
		{"runner-up", votes, allModes, "Answer: 26.00", 1000, tenbit.Reply{Mode: tenbit.ModeSelect, Index: 1}, 5},
		{"another number", votes, allModes, "Answer: 32", 1000, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "32"}, 10},
		{"product of two numbers", votes, allModes, "Answer: 32", 10, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "32"}, 10},
		{"decimal", votes, allModes, "Answer: -2.75", 1000, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "-2.75"}, 30},
		{"a text", votes, allModes, `Answer: \frac{1}{3}`, 1000, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "1/3"}, 50},
		{"too dear", votes, allModes, "Answer: 271828182845", 10, tenbit.Reply{Mode: tenbit.ModeNone}, 7},
		{"letter", letters, allModes, "The answer is (B).", 10, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "B"}, 6},
		{"empty", votes, allModes, "", 1000, tenbit.Reply{Mode: tenbit.ModeNone}, 7},
		{"no select", votes, tenbit.Modes(tenbit.ModeAccept, tenbit.ModeAnswer), "Answer: 26", 1000, tenbit.Reply{Mode: tenbit.ModeAnswer, Answer: "26"}, 20},
		{"only accept", votes, tenbit.Modes(tenbit.ModeAccept), "Answer: 26", 1000, tenbit.Reply{Mode: tenbit.ModeNone}, 7},
		{"nothing stated", votes, allModes, "Nobody can tell.", 1000, tenbit.Reply{
			Mode: tenbit.ModeFull, Message: message("Nobody can tell."), Finish: tenbit.FinishStop,
		}, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			draft := message("16 - 3 - 4 = 9 and 9 * 2 = 18\nAnswer: 18")
			ask := tenbit.Ask{
				Request: request(t, "16 eggs a day, 2 dollars each: how much?"), Limit: tt.limit * tenbit.Bit,
				Modes: tt.modes, Draft: &draft, Candidates: tt.candidates,
			}
			large := says(tt.large)
			sent, got := serve(t, large, ask)
			cost := got.Cost.Bits
			got.Cost = tenbit.Cost{}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
			if cost > tt.most*tenbit.Bit {
				t.Errorf("costs %v bits, want at most %d", cost, tt.most)
			}
			if large.streamed || sent.Usage != large.comp.Usage {
				t.Errorf("streamed %v, usage %v", large.streamed, sent.Usage)
			}
		})
	}
}

func TestServeOpen(t *testing.T) {
	const draft = "Rivers carry water to the sea, and the sea gives it back as rain."
	calls := json.RawMessage(`[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]`)
	other := json.RawMessage(`[{"id":"c2","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]`)
	tools := map[string]any{"tools": []any{map[string]any{"type": "function", "function": map[string]any{"name": "f"}}}}
	asJSON := map[string]any{"response_format": map[string]any{"type": "json_object"}}
	blob := make([]byte, 1<<20)
	if raced {
		blob = blob[:1<<16]
	}
	words := strings.Fields(draft)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(blob); {
		i += copy(blob[i:], words[r.IntN(len(words))]+" ")
	}
	noise := "" // that no model foresees
	for range 400 {
		noise += string(rune(0x4e00 + r.IntN(0x2000)))
	}
	for _, tt := range []struct {
		name   string
		fields map[string]any
		draft  tenbit.Message
		large  tenbit.Message
		limit  tenbit.Bits
		want   tenbit.Mode
		cut    bool
	}{
		{"equal", nil, message(draft), message(draft + "\n"), 20000, tenbit.ModeAccept, false},
		{"other", nil, message(draft), message("Rivers carry sand."), 20000, tenbit.ModeFull, false},
		{"longer than the draft", nil, message(draft), message(draft + " And so on."), 20000, tenbit.ModeFull, false},
		{"shorter than the draft", nil, message(draft), message(draft[:30]), 20000, tenbit.ModeFull, false},
		{"one emoji", nil, message(draft), message("🦀"), 20000, tenbit.ModeFull, false},
		{"invalid UTF-8", nil, message(draft), message("\xff\xfe a \xf0\x9f ok \xc3"), 20000, tenbit.ModeFull, false},
		{"empty", nil, message(draft), message(""), 20000, tenbit.ModeNone, false},
		{"refusal", nil, message(draft), tenbit.Message{Refusal: "no"}, 20000, tenbit.ModeNone, false},
		{"a mebibyte", nil, message(draft), message(string(blob)), 1 << 24, tenbit.ModeFull, false},
		{"a mebibyte, cut", nil, message(draft), message(string(blob)), 5000, tenbit.ModeFull, true},
		{"cut", nil, message(draft), message("Größere Flüsse führen Wasser. " + noise), 400, tenbit.ModeFull, true},
		{"too small for text", nil, message(draft), message("Rivers carry sand."), 10, tenbit.ModeNone, false},
		{"short answer under ten bits", nil, message(draft), message("Answer: 7"), 10, tenbit.ModeAnswer, false},
		{"tool calls", tools, message(draft), tenbit.Message{ToolCalls: calls}, 20000, tenbit.ModeFull, false},
		{"tool calls and text", tools, message(draft), tenbit.Message{Content: "calling", ToolCalls: calls}, 20000, tenbit.ModeFull, false},
		{"equal tool calls", tools, tenbit.Message{ToolCalls: other}, tenbit.Message{ToolCalls: calls}, 20000, tenbit.ModeAccept, false},
		{"tool calls, too dear", tools, message(draft), tenbit.Message{ToolCalls: calls}, 100, tenbit.ModeNone, false},
		{"JSON, other spelling", asJSON, message(`{"a": 1, "b": 2}`), message(`{"b":2,"a":1}`), 20000, tenbit.ModeAccept, false},
		{"JSON, other number", asJSON, message(`{"a": 1}`), message(`{"a":1.0}`), 20000, tenbit.ModeFull, false},
		{"JSON, too dear", asJSON, message(`{}`), message(`{"k": "` + noise + `"}`), 150, tenbit.ModeNone, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var streamed strings.Builder
			ask := tenbit.Ask{
				Request: request(t, "What about rivers?", tt.fields), Limit: tt.limit * tenbit.Bit, Modes: allModes, Draft: &tt.draft,
				Sink: func(s string) error { streamed.WriteString(s); return nil },
			}
			large := says(tt.large.Content)
			large.comp.Message = tenbit.Message{ToolCalls: tt.large.ToolCalls, Refusal: tt.large.Refusal}
			_, got := serve(t, large, ask)
			if got.Mode != tt.want || got.Cut != tt.cut {
				t.Fatalf("mode %v, cut %v; want %v, %v", got.Mode, got.Cut, tt.want, tt.cut)
			}
			if got.Mode != tenbit.ModeFull {
				return
			}
			want := tt.large
			if tt.cut {
				if want.Content = got.Message.Content; !strings.HasPrefix(tt.large.Content, want.Content) || len(want.Content) < 20 || got.Finish != tenbit.FinishLength {
					t.Errorf("cut to %q, finish %q", want.Content, got.Finish)
				}
				if over := ask.Limit - got.Cost.Bits; over > reserve+30*tenbit.Bit {
					t.Errorf("cut %v bits before the limit", over)
				}
				if strings.ToValidUTF8(want.Content, "") != want.Content {
					t.Errorf("cut inside a character")
				}
			}
			if diff := cmp.Diff(want, got.Message); diff != "" && len(diff) < 4096 {
				t.Errorf("message (-want +got):\n%s", diff)
			} else if diff != "" {
				t.Errorf("message differs")
			}
			if formOf(want) == formText && streamed.String() != want.Content {
				t.Errorf("streamed %d bytes, want the %d of the message", streamed.Len(), len(want.Content))
			}
		})
	}
}

// TestServeStreams: text reaches the edge's sink while the large model still
// talks, and only text that leaves the draft's track does.
func TestServeStreams(t *testing.T) {
	draft := message("one two three four")
	ask := tenbit.Ask{Request: request(t, "Tell me about numbers."), Limit: 1e6, Modes: allModes, Draft: &draft, Stream: true}
	var got strings.Builder
	ask.Sink = func(s string) error { got.WriteString(s); return nil }
	d := NewDecoder(codec.Default(), ask)
	large := modelFunc(func(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
		if err := s.Sink("one two "); err != nil || got.Len() > 0 {
			return tenbit.Completion{}, fmt.Errorf("what may still be the draft has left: %q, %v", got.String(), err)
		}
		r := rand.New(rand.NewPCG(3, 4))
		text := "one two "
		for range 50 {
			word := strconv.FormatUint(r.Uint64(), 36) + " "
			text += word
			if err := s.Sink(word); err != nil {
				return tenbit.Completion{}, err
			}
		}
		if got.Len() < len(text)-100 {
			return tenbit.Completion{}, fmt.Errorf("%d of %d bytes are at the edge", got.Len(), len(text))
		}
		return tenbit.Completion{Message: message(text), Finish: tenbit.FinishStop}, nil
	})
	sent, err := Origin{Large: large, Codec: codec.Default()}.Serve(t.Context(), ask, d.Feed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Finish(sent.Digest); err != nil {
		t.Error(err)
	}
}

type modelFunc func(context.Context, tenbit.Request, tenbit.Sampling) (tenbit.Completion, error)

func (f modelFunc) Complete(ctx context.Context, r tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	return f(ctx, r, s)
}

// primings counts how often a model is primed.
type primings struct {
	codec.Model
	n int
}

func (m *primings) Predictor(context ...[]byte) codec.Predictor {
	m.n++
	return m.Model.Predictor(context...)
}

// TestStreamsHoldNoSpare: the prompt is read once at each end, and what was made
// of it lies nowhere but in the predictors that go on with it.
func TestStreamsHoldNoSpare(t *testing.T) {
	ask := tenbit.Ask{Request: request(t, "Why is the sea salt?"), Limit: 10_000 * tenbit.Bit, Modes: allModes, Stream: true}
	here, there := &primings{Model: codec.Default()}, &primings{Model: codec.Default()}
	d := NewDecoder(there, ask)
	st := newStream(newScene(here, ask), d.Feed)
	for range 8 {
		if err := st.write("Rivers carry salt to the sea, and rain leaves it there. "); err != nil {
			t.Fatal(err)
		}
	}
	if st.scene.ready != nil || st.pred == nil || st.mirror.pred == nil || here.n != 1 {
		t.Errorf("the origin: primed %d times, a spare one: %v", here.n, st.scene.ready != nil)
	}
	if d.scene.ready != nil || d.pred == nil || there.n != 1 {
		t.Errorf("the edge: primed %d times, a spare one: %v", there.n, d.scene.ready != nil)
	}
	sent, err := st.finish(tenbit.FinishStop)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Finish(sent.Digest); err != nil {
		t.Error(err)
	}
}

// TestServeBroken: a stream that breaks upstream is an error after what was
// sent, its bits are counted, and the edge never gets a digest for it.
func TestServeBroken(t *testing.T) {
	ask := tenbit.Ask{Request: request(t, "Tell me about rivers."), Limit: 1e6, Modes: allModes, Stream: true}
	for _, tt := range []struct {
		name  string
		large *script
		left  bool
	}{
		{"in the middle", says("Rivers carry quite a lot of sand, they do, and so on and so on."), true},
		{"before the first byte", says(""), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.large.err = tenbit.ErrIncomplete
			d := NewDecoder(codec.Default(), ask)
			sent, err := Origin{Large: tt.large, Codec: codec.Default()}.Serve(t.Context(), ask, d.Feed)
			if !errors.Is(err, tenbit.ErrIncomplete) || (sent.Bits > 0) != tt.left || sent.Digest != 0 {
				t.Errorf("got %+v, %v", sent, err)
			}
			if d.Bits() > sent.Bits {
				t.Errorf("edge counts %v bits, origin %v", d.Bits(), sent.Bits)
			}
			if r, err := d.Finish(sent.Digest); err == nil {
				t.Errorf("edge finishes with %+v", r)
			}
		})
	}
	t.Run("grant too small", func(t *testing.T) {
		small := ask
		small.Limit = MinLimit - 1
		large := says("x")
		if _, err := (Origin{Large: large}).Serve(t.Context(), small, nil); !errors.Is(err, ErrLimit) || len(large.asked) > 0 {
			t.Errorf("got %v, asked %d times", err, len(large.asked))
		}
	})
	t.Run("send fails", func(t *testing.T) {
		gone := errors.New("gone")
		_, err := Origin{Large: says(strings.Repeat("much text ", 50)), Codec: codec.Default()}.Serve(t.Context(), ask, func([]byte) error { return gone })
		if !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("n is one upstream", func(t *testing.T) {
		two := ask
		two.Request = request(t, "Tell me about rivers.", map[string]any{"n": 2})
		large := says("They flow.")
		serve(t, large, two)
		if large.asked[0].N != 1 {
			t.Errorf("the large model was asked for %d completions", large.asked[0].N)
		}
	})
}
