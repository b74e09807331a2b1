package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tenbit"
	"tenbit/codec"
)

// FuzzCandidates reads any bytes as the candidates of an ask: no panic, and what
// is read is written as the same bytes again.
func FuzzCandidates(f *testing.F) {
	req := request(f, "How many boats are left, if 17 came and 12 left?")
	for _, cs := range [][]tenbit.Candidate{
		{{Answer: "5", Votes: 3}, {Answer: "29", Votes: 1}},
		{{Answer: "five boats", Votes: 2}, {Hash: 77, Votes: 2}},
		{{Answer: "C", Votes: 1 << 16}},
	} {
		e := codec.NewEncoder()
		if err := (CandidateCoder{}).Write(e, tenbit.Ask{Request: req, Candidates: cs}, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(e.Finish())
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d := codec.NewDecoder()
		d.Feed(p)
		d.End()
		cs, err := CandidateCoder{}.Read(d, tenbit.Ask{Request: req}, nil)
		if err != nil || d.Finish() != nil {
			return
		}
		if len(cs) == 0 || len(cs) > maxCandidates {
			t.Fatalf("%d candidates", len(cs))
		}
		e := codec.NewEncoder()
		if err := (CandidateCoder{}).Write(e, tenbit.Ask{Request: req, Candidates: cs}, nil); err != nil {
			t.Fatalf("%+v was read and is not written: %v", cs, err)
		}
		again := codec.NewDecoder()
		again.Feed(append(e.Take(), e.Finish()...))
		again.End()
		got, err := CandidateCoder{}.Read(again, tenbit.Ask{Request: req}, nil)
		if diff := cmp.Diff(cs, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
