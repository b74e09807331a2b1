package policy

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"tenbit"
	"tenbit/codec"
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

// replays calls f for each recorded set, every fifth question of it or with
// TENBIT_REPLAY=full all; it skips the test where there are none.
func replays(t *testing.T, f func(t *testing.T, name string, rows []replayed)) {
	files, _ := filepath.Glob("../../shared/data/replay/*.dev.jsonl.xz")
	if len(files) == 0 {
		t.Skip("no recorded answers beside the repository")
	}
	if testing.Short() || raced {
		t.Skip("reads recorded answers at length: run without -short and -race")
	}
	for _, file := range files {
		name := filepath.Base(file)
		name = name[:len(name)-len(".dev.jsonl.xz")]
		t.Run(name, func(t *testing.T) {
			rows := readReplay(t, file)
			if os.Getenv("TENBIT_REPLAY") != "full" {
				for i := range len(rows) / 5 {
					rows[i] = rows[5*i]
				}
				rows = rows[:len(rows)/5]
			}
			f(t, name, rows)
		})
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
var extractFloor = map[string]float64{
	"cruxeval-o-codellama7b": 99, "game24-gpt4": 99, "gsm8k-6b-175b": 99.5, "mmlu-pro-panel": 91, "zeroeval-crux-haiku-opus": 99,
	"zeroeval-crux-panel": 96, "zeroeval-gsm-haiku-opus": 99, "zeroeval-gsm-panel": 98.5, "zeroeval-math-l5-haiku-opus": 99, "zeroeval-math-l5-panel": 99,
}

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
					}
				case ok:
					extra++
				case s.Answer != "":
					missed++
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

// simulated are the mean bits a question of the simulation that the design was
// argued with: the final answer under the votes, an escape, and 3.5 bits a
// character behind it.
var simulated = map[string]string{
	"zeroeval-gsm-panel": "1.2", "zeroeval-gsm-haiku-opus": "2.4", "mmlu-pro-panel": "3.5", "gsm8k-6b-175b": "8.0",
	"zeroeval-math-l5-panel": "11", "zeroeval-math-l5-haiku-opus": "15", "zeroeval-crux-panel": "20", "zeroeval-crux-haiku-opus": "30",
}

// TestReplayBits escalates every recorded question whose large model answered
// and has the reply decoded: the mean price, the modes, and whether the edge
// ends up with the large model's answer.
func TestReplayBits(t *testing.T) {
	replays(t, func(t *testing.T, name string, rows []replayed) {
		for _, limit := range []tenbit.Bits{2000 * tenbit.Bit, 10 * tenbit.Bit} {
			var sum tenbit.Bits
			n, agree := 0, 0
			modes := map[tenbit.Mode]int{}
			price := map[tenbit.Mode]tenbit.Bits{}
			for _, row := range rows {
				if row.Large.Answer == "" {
					continue
				}
				ask, want := replayAsk(t, row, limit)
				large := tenbit.Completion{Message: tenbit.Message{Content: "Answer: " + want}, Finish: tenbit.FinishStop}
				c, _, err := newScene(codec.Default(), ask).choose(large)
				if err != nil {
					t.Fatal(err)
				}
				n++
				sum += c.bits
				modes[c.reply.Mode]++
				price[c.reply.Mode] += c.bits
				if settled(ask, c.reply) == want {
					agree++
				}
				if c.bits > limit {
					t.Errorf("%v bits with a limit of %v", c.bits, limit)
				}
			}
			each := map[string]string{}
			for m, b := range price {
				each[m.String()] = (b / tenbit.Bits(modes[m])).String()
			}
			t.Logf("limit %v: mean %v bits over %d questions (simulation %s), agreement %.1f%%, modes %v, mean bits %v",
				limit, sum/tenbit.Bits(n), n, simulated[name], 100*float64(agree)/float64(n), modes, each)
			if limit > 1000*tenbit.Bit && agree != n {
				t.Errorf("the edge has the large model's answer on %d of %d", agree, n)
			}
		}
	})
}

// replayAsk is the Ask of a recorded question, with the recorded answers in our
// normal form, and the large model's answer.
func replayAsk(t *testing.T, row replayed, limit tenbit.Bits) (tenbit.Ask, string) {
	t.Helper()
	form := func(a string) string {
		n, _, _ := Extract(row.Question, "Answer: "+a)
		if n == "" && a != "" { // what we would not take for an answer: keep it apart from all others
			n = strings.Join(strings.Fields(strings.NewReplacer("\n", `\n`, ".", "").Replace(a)), "_")
			n, _, _ = Extract(row.Question, "Answer: "+n[:min(len(n), 300)])
		}
		return n
	}
	ask := tenbit.Ask{Request: request(t, row.Question), Limit: limit, Modes: allModes}
	for _, s := range row.Small.Samples {
		a := form(s.Answer)
		if a == "" {
			continue
		}
		i := slices.IndexFunc(ask.Candidates, func(c tenbit.Candidate) bool { return c.Answer == a })
		if i < 0 {
			i = len(ask.Candidates)
			ask.Candidates = append(ask.Candidates, tenbit.Candidate{Answer: a})
		}
		ask.Candidates[i].Votes++
	}
	slices.SortStableFunc(ask.Candidates, func(a, b tenbit.Candidate) int { return b.Votes - a.Votes })
	ask.Draft = &tenbit.Message{Content: row.Small.Samples[0].Text}
	for _, s := range row.Small.Samples {
		if len(ask.Candidates) > 0 && form(s.Answer) == ask.Candidates[0].Answer {
			ask.Draft = &tenbit.Message{Content: s.Text}
			break
		}
	}
	return ask, form(row.Large.Answer)
}

// settled is the final answer that the edge has after a reply.
func settled(ask tenbit.Ask, r tenbit.Reply) string {
	switch r.Mode {
	case tenbit.ModeSelect:
		return ask.Candidates[r.Index].Answer
	case tenbit.ModeAnswer:
		return r.Answer
	case tenbit.ModeFull, tenbit.ModePlain:
		a, _, _ := Extract(ask.Request.Question(), r.Message.Content)
		return a
	}
	if len(ask.Candidates) > 0 {
		return ask.Candidates[0].Answer
	}
	a, _, _ := Extract(ask.Request.Question(), ask.Draft.Content)
	return a
}
