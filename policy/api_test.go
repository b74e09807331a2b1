package policy

import (
	"errors"
	"strings"
	"testing"

	"tenbit"
	"tenbit/codec"
)

var _ Remote = API{}

func TestAPI(t *testing.T) {
	draft := message("Answer: 18")
	closed := tenbit.Ask{
		Request: request(t, "How much?"), Limit: 2000 * tenbit.Bit, Modes: allModes, Draft: &draft,
		Candidates: []tenbit.Candidate{{Answer: "18", Votes: 2}, {Answer: "9", Votes: 1}},
	}
	open := tenbit.Ask{Request: request(t, "Why?"), Limit: 2000 * tenbit.Bit, Modes: allModes, Draft: &draft}
	poor := closed
	poor.Limit = 9 * tenbit.Bit
	for _, tt := range []struct {
		name  string
		ask   tenbit.Ask
		large string
		want  tenbit.Mode
		whole bool // the whole grant is charged
	}{
		{"accept", closed, "Answer: 18", tenbit.ModeAccept, false},
		{"select", closed, "Answer: 9", tenbit.ModeSelect, false},
		{"full", open, "Because of the sea and the rain.", tenbit.ModeFull, false},
		{"empty", closed, "", tenbit.ModeNone, false},
		{"over the limit", poor, "Answer: 31415926", tenbit.ModeNone, true},
	} {
		for _, stream := range []bool{false, true} {
			var text strings.Builder
			ask := tt.ask
			if stream {
				ask.Sink = func(s string) error { text.WriteString(s); return nil }
			}
			large := says(tt.large)
			large.comp.Cost = tenbit.Cost{WireUp: 700, WireDown: 900}
			r, err := API{Large: large, Codec: codec.Default()}.Escalate(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if r.Mode != tt.want || r.Cost.WireUp != 700 || r.Cost.WireDown != 900 || r.Usage != large.comp.Usage || len(large.asked) != 1 {
				t.Errorf("%s: got %+v, asked %d times", tt.name, r, len(large.asked))
			}
			if r.Cost.Bits <= 0 || (r.Cost.Bits == ask.Limit) != tt.whole || r.Cost.Bits > ask.Limit {
				t.Errorf("%s: charged %v bits of %v", tt.name, r.Cost.Bits, ask.Limit)
			}
			if stream && tt.want == tenbit.ModeFull && text.String() != tt.large {
				t.Errorf("%s: streamed %q", tt.name, text.String())
			}
			if origin, _ := serve(t, says(tt.large), tt.ask); tt.want != tenbit.ModeFull && !tt.whole && origin.Bits != r.Cost.Bits {
				t.Errorf("%s: an origin would take %v bits, charged %v", tt.name, origin.Bits, r.Cost.Bits)
			}
		}
	}
}

func TestAPIBroken(t *testing.T) {
	large := says("Because of the sea, and of the rain, and of the wind, and because.")
	large.err = tenbit.ErrIncomplete
	ask := tenbit.Ask{Request: request(t, "Why?"), Limit: 2000 * tenbit.Bit, Modes: allModes, Sink: func(string) error { return nil }}
	r, err := API{Large: large, Codec: codec.Default()}.Escalate(t.Context(), ask)
	if !errors.Is(err, tenbit.ErrIncomplete) || r.Cost.Bits <= 0 || r.Cost.Bits > ask.Limit {
		t.Errorf("got %v, %v bits", err, r.Cost.Bits)
	}
}
