package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenbit"
)

func TestEntries(t *testing.T) {
	for _, e := range []Entry{
		{Op: OpReserve, At: 1764066000123, ID: "4f", Accounts: []string{"t:ship", "g%3Afleet", "all"}, Amount: tenbit.Amount{5000, 1, 800, 7}, Slots: []Place{{0, 0, 86400000, 20417}, {2, 1, 1, 5}}, Until: 1764066900123},
		{Op: OpReserve, At: 1, ID: "x", Accounts: []string{"t:"}, Amount: tenbit.Amount{1}, Until: 2},
		{Op: OpSettle, At: 1, ID: "x", Accounts: []string{"t:a"}, Amount: tenbit.Amount{1, 2, 3, 4}},
		{Op: OpLost, At: 1, ID: "-", Until: 7},
	} {
		got, err := ParseEntry(e.String())
		if diff := cmp.Diff(e, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", e, err, diff)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add("reserve 1764066000123 4f t:ship,all 5000,1,800,0 0.0.86400000.20417,1.0.60000.1 1764066900123")
	f.Add("settle 1764066001200 4f t:ship,all 4213,1,700,0")
	f.Add("reset 1764066001200 - t:ship 0,0,0,0")
	f.Add("lost 1 - - 0,0,0,0 - 2")
	f.Fuzz(func(t *testing.T, line string) {
		e, err := ParseEntry(line)
		if err == nil && e.String() != line {
			t.Errorf("%q: read, it says %q", line, e)
		}
	})
}
