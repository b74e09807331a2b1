package test

import (
	"regexp"
	"strconv"
	"testing"
)

// TestTheDemo runs the demo twice with one seed: what it measures is the same.
// The wire's bytes may differ: frames that meet travel together.
func TestTheDemo(t *testing.T) {
	row := regexp.MustCompile(`(?m)^ *(local model alone|majority of 5|large model alone|tenbit) +([0-9.]+ %) +(0|whole text|[0-9.]+) +([0-9]+) +([0-9]+) *$`)
	var first [][]string
	for i := range 2 {
		out, errs, code := once(t, "", "demo", "-once", "-seed", "5", "-n", "6", "-listen", "127.0.0.1:0")
		rows := row.FindAllStringSubmatch(out, -1)
		if code != 0 || len(rows) != 4 {
			t.Fatalf("got %d, want a table of four rows:\n%s\n%s", code, out, errs)
		}
		if rows[2][4] == "0" || rows[3][4] == "0" {
			t.Errorf("no bytes crossed the wire:\n%s", out)
		}
		for _, r := range rows[2:] { // six questions take the link less without TLS
			if down, _ := strconv.Atoi(r[5]); down < 1000 {
				t.Errorf("%s: %d bytes down, want the handshake of TLS among them", r[1], down)
			}
		}
		for j, r := range rows {
			if i == 1 && (r[2] != first[j][2] || r[3] != first[j][3]) {
				t.Errorf("the second time %v, the first time %v", r, first[j])
			}
		}
		first = rows
	}
}

func TestTheDemosUsage(t *testing.T) {
	for _, args := range [][]string{{"-n", "0"}, {"-n", "x"}, {"-samples", "65"}, {"more"}} {
		if _, errs, code := once(t, "", append([]string{"demo"}, args...)...); code != 2 || errs == "" {
			t.Errorf("demo %v: got %d, %q; want 2 and a reason", args, code, errs)
		}
	}
}
