package policy

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz"
)

// replayed is one recorded question. gold and correct are for scorers only and
// are not read here.
type replayed struct {
	Question string `json:"question"`
	Small    struct {
		Samples []recorded `json:"samples"`
	} `json:"small"`
	Large recorded `json:"large"`
}

type recorded struct {
	Text   string `json:"text"`
	Answer string `json:"answer"`
}

// replays calls f for each recorded set; it skips the test where there are none.
func replays(t *testing.T, f func(t *testing.T, name string, rows []replayed)) {
	files, _ := filepath.Glob("../../shared/data/replay/*.dev.jsonl.xz")
	if len(files) == 0 {
		t.Skip("no recorded answers beside the repository")
	}
	if testing.Short() {
		t.Skip("reads every recorded answer")
	}
	for _, file := range files {
		name := filepath.Base(file)
		name = name[:len(name)-len(".dev.jsonl.xz")]
		t.Run(name, func(t *testing.T) { f(t, name, readReplay(t, file)) })
	}
}

func readReplay(t *testing.T, file string) []replayed {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := xz.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	var rows []replayed
	for dec := json.NewDecoder(r); dec.More(); {
		var row replayed
		if err := dec.Decode(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// extractFloor is the least agreement of our extraction with the recorded
// answers, in percent, each a little below what was measured when it was set.
var extractFloor = map[string]float64{}

// TestReplayExtract compares our extraction with the recorded final answers:
// whether both find one, whether the strings are the same, and whether they
// agree on which samples have the large model's answer.
func TestReplayExtract(t *testing.T) {
	replays(t, func(t *testing.T, name string, rows []replayed) {
		var n, both, same, missed, extra, eq, eqOK int
		for _, r := range rows {
			large, _, _ := Extract(r.Question, r.Large.Text)
			for _, s := range append(r.Small.Samples, r.Large) {
				n++
				a, _, ok := Extract(r.Question, s.Text)
				switch {
				case ok && s.Answer != "":
					both++
					if a == s.Answer {
						same++
					} else if os.Getenv("TENBIT_SHOW") != "" && (n%7 == 0) {
						t.Logf("DIFF %q want %q : %q", a, s.Answer, s.Text[max(0, len(s.Text)-100):])
					}
				case ok:
					extra++
					if os.Getenv("TENBIT_SHOW") != "" && (n%7 == 0) {
						t.Logf("EXTRA %q : %q", a, s.Text[max(0, len(s.Text)-100):])
					}
				case s.Answer != "":
					missed++
					if os.Getenv("TENBIT_SHOW") != "" && (n%7 == 0) {
						t.Logf("MISS want %q : %q", s.Answer, s.Text[max(0, len(s.Text)-100):])
					}
				}
				if s.Answer != "" && r.Large.Answer != "" {
					eq++
					if (a == large && ok) == (s.Answer == r.Large.Answer) {
						eqOK++
					}
				}
			}
		}
		pct := func(a, b int) float64 { return 100 * float64(a) / float64(max(b, 1)) }
		t.Logf("%d texts: found %.1f%% of recorded answers, %d beyond them; same string %.1f%%; same verdict on equality with the large model %.1f%%",
			n, pct(both, both+missed), extra, pct(same, both), pct(eqOK, eq))
		if got, want := pct(eqOK, eq), extractFloor[name]; got < want {
			t.Errorf("same verdict on %.1f%%, want at least %.1f%%", got, want)
		}
	})
}
