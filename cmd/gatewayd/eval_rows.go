package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"tenbit"
	"tenbit/internal/lines"
	"tenbit/policy"
)

// evalRow is one question with what was said to it. gold and correct are the
// scorer's alone.
type evalRow struct {
	Question string `json:"question"`
	Gold     string `json:"gold,omitempty"`
	Small    struct {
		Samples []recorded `json:"samples"`
	} `json:"small"`
	Large recorded `json:"large"`

	brief recorded // the large model's, when it is asked to be short
	open  bool     // its final answer is the whole text
}

// recorded is what one model said. An empty Answer means that it has none.
type recorded struct {
	Text    string  `json:"text"`
	Answer  string  `json:"answer"`
	Correct bool    `json:"correct"`
	LogProb float64 `json:"logprob,omitempty"` // mean natural log-probability of its tokens; 0: unknown

	final string // the answer in our normal form
	said  string // the text that the protocol sees; Extract of it is final
}

// evalSet is a file's questions with the models that answer them.
type evalSet struct {
	file         string
	rows         []*evalRow
	now          *evalRow // the question under way: one at a time
	local, large policy.Model
	temperature  float64

	facts *evalFacts // what does not depend on how the questions are asked; nil: not known yet
}

// readPrompts reads the prompts of corpora.
func readPrompts(files []string) (map[string]bool, error) {
	prompts := map[string]bool{}
	for _, file := range files {
		err := lines.Each(file, func(l *struct{ Prompt string }) (bool, error) {
			prompts[plainSpaced(l.Prompt)] = true
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return prompts, nil
}

// plainSpaced is s with single spaces.
func plainSpaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// readReplay reads a file of recorded answers. The samples of each question are
// shuffled by the seed; so are the questions from seed 2 on.
func readReplay(file string, o evalOptions) (*evalSet, error) {
	set := &evalSet{file: file}
	err := lines.Each(file, func(row *evalRow) (bool, error) {
		if row.Question == "" || len(row.Small.Samples) == 0 {
			return false, errors.New("no question or no samples")
		}
		if o.without[plainSpaced(row.Question)] {
			return true, nil
		}
		set.rows = append(set.rows, row)
		return o.most == 0 || len(set.rows) < o.most, nil
	})
	if err != nil {
		return nil, err
	}
	if len(set.rows) == 0 {
		return nil, fmt.Errorf("%s: no questions", file)
	}
	rng := rand.New(rand.NewPCG(o.seed, 0))
	for _, row := range set.rows {
		s := row.Small.Samples
		rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		if o.samples > 0 {
			row.Small.Samples = s[:min(len(s), o.samples)]
		}
		for i := range row.Small.Samples {
			s[i].prepare(row.Question, o.extract)
		}
		row.Large.prepare(row.Question, o.extract)
		row.brief = row.Large
		row.brief.Text = row.Large.Answer
	}
	if o.seed > 1 {
		rng.Shuffle(len(set.rows), func(i, j int) { set.rows[i], set.rows[j] = set.rows[j], set.rows[i] })
	}
	set.local = replayed(func(i int) *recorded { return &set.now.Small.Samples[i] })
	set.large = replayed(func(int) *recorded { return &set.now.Large })
	return set, nil
}

// prepare sets what the protocol sees: the recorded text, and with the recorded
// answer, if that is what counts, a last line that states it.
func (r *recorded) prepare(question string, extract bool) {
	if extract {
		r.said = r.Text
		r.final, _, _ = policy.Extract(question, r.Text)
		return
	}
	// Where there is no answer there is no text either: what it might state was
	// not taken for an answer.
	r.final, r.said = stated(question, r.Answer)
}

// replayed is a model that says what was recorded: which sample, its seed says,
// counted from 1; 0 is the first draft.
type replayed func(i int) *recorded

func (f replayed) Complete(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	i := 0
	if s.Seed != nil {
		i = int(*s.Seed)
	}
	r := f(i)
	if s.Sink != nil && r.said != "" {
		if err := s.Sink(r.said); err != nil {
			return tenbit.Completion{}, err
		}
	}
	return tenbit.Completion{Message: tenbit.Message{Content: r.said}, Finish: tenbit.FinishStop, LogProb: r.LogProb}, nil
}

// request is what a client would send.
func (row *evalRow) request() (tenbit.Request, error) {
	return chatRequest(row.Question)
}

func chatRequest(text string) (tenbit.Request, error) {
	body, err := json.Marshal(map[string]any{"model": "replay", "messages": []any{map[string]string{"role": "user", "content": text}}})
	if err != nil {
		return tenbit.Request{}, err
	}
	return tenbit.ParseRequest(body)
}

// final is the final answer of a text that the client got.
func (row *evalRow) final(text string) string {
	if row.open {
		return strings.TrimSpace(text)
	}
	a, _, _ := policy.Extract(row.Question, text)
	return a
}

// scores is whether a final answer is right: as the recorded model's that gave
// it, or else as the gold one.
func (row *evalRow) scores(final string) bool {
	if final == "" {
		return false
	}
	if final == row.Large.final && row.Large.Answer != "" {
		return row.Large.Correct
	}
	for _, s := range row.Small.Samples {
		if s.final == final && s.Answer != "" {
			return s.Correct
		}
	}
	gold, _, _ := policy.Extract(row.Question, "Answer: "+row.Gold)
	return final == gold
}

// ballot is a final answer with its votes.
type ballot struct {
	final string
	votes int
}

// candidates are the final answers, most votes first, first seen on ties.
func (row *evalRow) candidates() (cs []ballot) {
	for _, s := range row.Small.Samples {
		if s.final == "" {
			continue
		}
		i := slices.IndexFunc(cs, func(c ballot) bool { return c.final == s.final })
		if i < 0 {
			i = len(cs)
			cs = append(cs, ballot{final: s.final})
		}
		cs[i].votes++
	}
	slices.SortStableFunc(cs, func(a, b ballot) int { return b.votes - a.votes })
	return cs
}

// leading is the most voted final answer.
func (row *evalRow) leading() string {
	if cs := row.candidates(); len(cs) > 0 {
		return cs[0].final
	}
	return ""
}

// chance is the mean accuracy of a single sample.
func (row *evalRow) chance() float64 {
	n := 0.0
	for _, s := range row.Small.Samples {
		n += number(s.Correct)
	}
	return n / float64(max(len(row.Small.Samples), 1))
}
