package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/internal/lines"
	"tenbit/policy"
)

// liveModels are those of a configuration: the local one, and the large one of
// remote.api.
type liveModels struct {
	cfg          config.Edge
	local, large policy.Model
	close        func() error
}

// openLive reads the models, and what the policy says of drafts, of an edge's
// configuration. The rest of the file may be missing.
func openLive(ctx context.Context, path string, say func(msg string, args ...any)) (*liveModels, error) {
	c := config.DefaultEdge()
	if err := config.Load(path, &c, os.Environ()); err != nil {
		return nil, err
	}
	if err := c.ValidateModels(); err != nil {
		return nil, err
	}
	local, _, closeLocal, err := openModel(settle(ctx, c.Local, say))
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	large, _, closeLarge, err := openModel(c.Remote.API)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("remote.api: %w", err), closeLocal())
	}
	return &liveModels{c, local, large, func() error { return errors.Join(closeLocal(), closeLarge()) }}, nil
}

// ask puts a file's questions to both models, so that all ways of answering are
// judged by the same words. Each line has a question and, where it is known, its
// gold answer; where it isn't, the large model's answer counts as right.
func (m *liveModels) ask(ctx context.Context, file string, o evalOptions, tick func()) (*evalSet, error) {
	local, large := &memo{model: m.local}, &memo{model: m.large}
	set := &evalSet{file: file, local: local, large: large, temperature: m.cfg.Policy.Temperature}
	d := policy.Drafter{
		Local: local, Samples: m.cfg.Policy.Samples, Temperature: m.cfg.Policy.Temperature, Seed: 1, Parallel: m.cfg.Policy.Parallel,
	}
	if o.samples > 0 {
		d.Samples = o.samples
	}
	err := lines.Each(file, func(row *evalRow) (bool, error) {
		if row.Question == "" {
			return false, errors.New("no question")
		}
		if err := row.record(ctx, d, local, large); err != nil {
			return false, err
		}
		set.rows = append(set.rows, row)
		tick()
		return o.most == 0 || len(set.rows) < o.most, nil
	})
	if err == nil && len(set.rows) == 0 {
		err = fmt.Errorf("%s: no questions", file)
	}
	return set, err
}

// brevity asks for a short answer.
const brevity = "\n\nReply with the final answer alone, as short as it can be."

// record asks both models what they say to a row's question.
func (row *evalRow) record(ctx context.Context, d policy.Drafter, local, large *memo) error {
	req, err := row.request()
	if err != nil {
		return err
	}
	local.forget()
	if _, err := d.Draft(ctx, req); err != nil {
		return fmt.Errorf("local model: %w", err)
	}
	whole, err := large.Complete(ctx, req, tenbit.Sampling{})
	if err != nil {
		return fmt.Errorf("large model: %w", err)
	}
	short, err := chatRequest(row.Question + brevity)
	if err != nil {
		return err
	}
	brief, err := large.Complete(ctx, short, tenbit.Sampling{})
	if err != nil {
		return fmt.Errorf("large model, briefly: %w", err)
	}
	row.Small.Samples = nil
	for _, c := range local.drawn() {
		row.Small.Samples = append(row.Small.Samples, row.heard(c))
	}
	row.Large, row.brief = row.heard(whole), row.heard(brief)
	if row.Large.Answer == "" { // nothing to vote on: texts are right or not as they are
		row.open = true
		row.Large, row.brief = row.heard(whole), row.heard(brief)
		for i, c := range local.drawn() {
			row.Small.Samples[i] = row.heard(c)
		}
	}
	row.judge()
	return nil
}

// heard is a completion as it counts.
func (row *evalRow) heard(c tenbit.Completion) recorded {
	final := row.final(c.Message.Content)
	return recorded{Text: c.Message.Content, Answer: final, LogProb: c.LogProb, final: final, said: c.Message.Content}
}

// judge says what is right: the gold answer, or else the large model's.
func (row *evalRow) judge() {
	right := row.Large.final
	if row.Gold != "" && !row.open {
		right, _, _ = policy.Extract(row.Question, "Answer: "+row.Gold)
	}
	row.Large.Correct = row.Large.final == right && right != ""
	row.brief.Correct = row.brief.final == right && right != ""
	for i, s := range row.Small.Samples {
		row.Small.Samples[i].Correct = s.final == right && right != ""
	}
}

// memo asks a model each thing once.
type memo struct {
	model policy.Model

	mu    sync.Mutex // guards all below
	said  map[string]tenbit.Completion
	order map[int]tenbit.Completion // since forget, by seed
}

// Complete answers as before where it was asked before.
func (m *memo) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	key, seed := string(req.Body), 0
	if s.Seed != nil {
		seed = int(*s.Seed)
		key += "\x00" + strconv.Itoa(seed) + "\x00" + strconv.FormatFloat(*s.Temperature, 'g', -1, 64)
	}
	m.mu.Lock()
	c, ok := m.said[key]
	m.mu.Unlock()
	if !ok {
		var err error
		if c, err = m.model.Complete(ctx, req, s); err != nil {
			return c, err
		}
	} else if s.Sink != nil && c.Message.Content != "" {
		if err := s.Sink(c.Message.Content); err != nil {
			return tenbit.Completion{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.said == nil {
		m.said, m.order = map[string]tenbit.Completion{}, map[int]tenbit.Completion{}
	}
	m.said[key], m.order[seed] = c, c
	return c, nil
}

func (m *memo) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.order)
}

// drawn are the completions since forget, in the order of their seeds.
func (m *memo) drawn() (out []tenbit.Completion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var seeds []int
	for s := range m.order {
		seeds = append(seeds, s)
	}
	slices.Sort(seeds)
	for _, s := range seeds {
		out = append(out, m.order[s])
	}
	return out
}

// writeRows writes what was said as a file for -replay.
func writeRows(path string, sets []*evalSet) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	for _, set := range sets {
		for _, row := range set.rows {
			kept := *row
			if row.open { // no final answers
				kept.Large.Answer = ""
				kept.Small.Samples = slices.Clone(row.Small.Samples)
				for i := range kept.Small.Samples {
					kept.Small.Samples[i].Answer = ""
				}
			}
			if err := enc.Encode(kept); err != nil {
				return errors.Join(err, f.Close())
			}
		}
	}
	return f.Close()
}
