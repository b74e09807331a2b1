// Package tasks generates the questions that the embedded models are trained
// and measured on: small word problems in varied plain English, their working
// and their answer. The same split, seed and index give the same question on
// every machine. docs/models.md describes the family.
package tasks

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Split is one of three sets of questions that share no template.
type Split uint8

// The splits: of ten templates eight are for training and one each for
// development and test.
const (
	Train Split = iota
	Dev
	Test
)

// Question is one question with its model answer.
type Question struct {
	Kind    string // what it asks for, one of [Kinds]
	Text    string // what the user says
	Working string // the steps and the line "Answer: X", without a final newline
	Answer  string // X in the normal form of policy.Extract
}

// kind makes one sort of question.
type kind struct {
	name string
	make func(*draft)
}

var kinds = []kind{
	{"change", change},
	{"total", total},
	{"stock", stock},
	{"rate", rate},
	{"percent", percent},
	{"compare", compare},
	{"time", endTime},
	{"weekday", weekday},
	{"date", date},
	{"units", units},
	{"speed", speed},
	{"average", average},
	{"share", share},
	{"choice", choice},
	{"json", extraction},
}

// Kinds are the names of all kinds of questions.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// Generate makes question i of a split. Different seeds give independent
// questions; no template of one split occurs in another.
func Generate(split Split, seed, i uint64) Question {
	r := rand.New(rand.NewPCG(seed, i<<2|uint64(split)))
	k := kinds[r.IntN(len(kinds))]
	d := &draft{r: r, split: split, kind: k.name, vals: map[string]string{}}
	k.make(d)
	return Question{
		Kind:    k.name,
		Text:    d.text,
		Working: strings.Join(append(d.lines, "Answer: "+d.shown), "\n"),
		Answer:  d.answer,
	}
}

// draft is a question in the making.
type draft struct {
	r      *rand.Rand
	split  Split
	kind   string
	vals   map[string]string // what stands for {key} in templates
	text   string
	lines  []string // the working
	shown  string   // the answer as it is written
	answer string   // the answer in normal form
}

// between draws from lo to hi, both included.
func (d *draft) between(lo, hi int) int { return lo + d.r.IntN(hi-lo+1) }

// pick draws one of words.
func (d *draft) pick(words []string) string { return words[d.r.IntN(len(words))] }

// set names a value for the templates.
func (d *draft) set(key string, v any) { d.vals[key] = fmt.Sprint(v) }

// money writes cents as an amount: 1250 is $12.50.
func money(cents int) string { return fmt.Sprintf("$%d.%02d", cents/100, cents%100) }

// number answers with a number.
func (d *draft) number(v int) {
	d.shown = fmt.Sprint(v)
	d.answer = d.shown
}

// amount answers with an amount of money, in cents.
func (d *draft) amount(cents int) {
	d.shown = money(cents)
	d.answer = strings.TrimSuffix(strings.TrimRight(d.shown[1:], "0"), ".")
}

// word answers with a text that is its own normal form.
func (d *draft) word(s string) { d.shown, d.answer = s, s }
