package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"tenbit/policy"
)

// replayRow is one recorded question. gold and correct are the scorer's alone.
type replayRow struct {
	Question string `json:"question"`
	Gold     string `json:"gold"`
	Small    struct {
		Samples []recorded `json:"samples"`
	} `json:"small"`
	Large recorded `json:"large"`
}

// recorded is what one model said. An empty Answer means that it has none.
type recorded struct {
	Text    string `json:"text"`
	Answer  string `json:"answer"`
	Correct bool   `json:"correct"`

	final string // the answer in our normal form
	said  string // the text that the protocol sees; Extract of it is final
}

// maxReplayLine bounds a line of a replay file in bytes.
const maxReplayLine = 16 << 20

// readReplay reads a file of recorded answers. The samples of each question are
// shuffled by the seed; so are the questions from seed 2 on.
func readReplay(file string, o evalOptions) ([]*replayRow, error) {
	r, done, err := openLines(file)
	if err != nil {
		return nil, err
	}
	defer done()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxReplayLine)
	var rows []*replayRow
	for n := 1; lines.Scan() && (o.most == 0 || len(rows) < o.most); n++ {
		row := new(replayRow)
		err := json.Unmarshal(lines.Bytes(), row)
		if err == nil && (row.Question == "" || len(row.Small.Samples) == 0) {
			err = errors.New("no question or no samples")
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no questions", file)
	}
	rng := rand.New(rand.NewPCG(o.seed, 0))
	for _, row := range rows {
		s := row.Small.Samples
		rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		for i := range s {
			s[i].prepare(row.Question, o.extract)
		}
		row.Large.prepare(row.Question, o.extract)
	}
	if o.seed > 1 {
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return rows, nil
}

// prepare sets what the protocol sees: the recorded text, and with the recorded
// answer, if that is what counts, a last line that states it.
func (r *recorded) prepare(question string, extract bool) {
	if extract {
		r.said = r.Text
		r.final, _, _ = policy.Extract(question, r.Text)
		return
	}
	if r.Answer == "" {
		return // no text either: what it might state was not taken for an answer
	}
	r.said = "Answer: " + r.Answer
	if r.final, _, _ = policy.Extract(question, r.said); r.final != "" {
		return
	}
	// What we would not take for an answer: keep it apart from all others.
	a := strings.Join(strings.Fields(strings.NewReplacer("\n", `\n`, ".", "").Replace(r.Answer)), "_")
	r.said = "Answer: " + a[:min(len(a), 300)]
	r.final, _, _ = policy.Extract(question, r.said)
}
