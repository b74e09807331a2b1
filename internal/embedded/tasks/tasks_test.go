package tasks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tenbit"
	"tenbit/policy"
)

var splits = map[string]Split{"train": Train, "dev": Dev, "test": Test}

// TestAnswersAreExtracted: the gateway finds in every working the answer that
// the question states, and takes every question for a closed one.
func TestAnswersAreExtracted(t *testing.T) {
	for name, split := range splits {
		for i := range uint64(1000) {
			q := Generate(split, 7, i)
			got, _, ok := policy.Extract(q.Text, q.Working)
			if !ok || got != q.Answer {
				t.Fatalf("%s %d: got %q, %v, want %q\n%s\n%s", name, i, got, ok, q.Answer, q.Text, q.Working)
			}
			text, err := json.Marshal(q.Text)
			if err != nil {
				t.Fatal(err)
			}
			req, err := tenbit.ParseRequest(fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":%s}]}`, text))
			if err != nil {
				t.Fatal(err)
			}
			if !policy.Closed(req, tenbit.Message{Content: q.Working}) {
				t.Fatalf("%s %d is not closed: %s", name, i, q.Text)
			}
		}
	}
}

var equation = regexp.MustCompile(`(\d{4})([-+*/])(\d+)=(\d+)>(\d{4})(?: r(\d))?`)

// TestWorkingAddsUp computes every step again.
func TestWorkingAddsUp(t *testing.T) {
	n := func(s string) int {
		v, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i := range uint64(3000) {
		q := Generate(Train, 8, i)
		for _, m := range equation.FindAllStringSubmatch(q.Working, -1) {
			a, b, got := n(m[1]), n(m[3]), n(m[5])
			var want int
			switch m[2] {
			case "+":
				want = a + b
			case "-":
				want = a - b
			case "*":
				want = a * b
			case "/":
				want = a / b
			}
			if got != want || m[2] == "/" && n(m[6]) != a%b {
				t.Errorf("question %d: %s: want %d", i, m[0], want)
			}
		}
	}
}

func TestSameSeedSameQuestion(t *testing.T) {
	for i := range uint64(200) {
		if a, b := Generate(Test, 3, i), Generate(Test, 3, i); a != b {
			t.Fatalf("question %d differs: %v, %v", i, a, b)
		}
		if a, b := Generate(Test, 3, i), Generate(Test, 4, i); a.Text == b.Text {
			t.Errorf("question %d is the same with another seed: %s", i, a.Text)
		}
	}
}

// blanks are what fills a template, and distractors.
var blanks = regexp.MustCompile(`[$]?\d[\d.:]*%?`)

// template is the question without its numbers, names and things.
func (q Question) template() string {
	s := blanks.ReplaceAllString(q.Text, "#")
	for _, x := range distractors {
		s = strings.ReplaceAll(s, strings.ReplaceAll(x, "{x}", "#"), "")
	}
	for _, list := range [][]string{people, items, places} {
		for _, w := range list {
			s = regexp.MustCompile(`\b`+w+`\b`).ReplaceAllString(s, "@")
		}
	}
	return q.Kind + strings.Join(strings.Fields(s), " ")
}

// TestSplitsShareNoTemplate: all questions of a kind with the template of a test
// question are test questions.
func TestSplitsShareNoTemplate(t *testing.T) {
	seen := map[string]Split{}
	for _, split := range splits {
		for i := range uint64(4000) {
			d := Generate(split, 9, i)
			key := d.template()
			if s, ok := seen[key]; ok && s != split {
				t.Fatalf("a template is in splits %d and %d: %s", s, split, d.Text)
			}
			seen[key] = split
		}
	}
	if len(seen) < 500 {
		t.Errorf("%d templates: want at least 500", len(seen))
	}
}

func TestEveryKindOccurs(t *testing.T) {
	for name, split := range splits {
		n := map[string]int{}
		for i := range uint64(3000) {
			n[Generate(split, 10, i).Kind]++
		}
		for _, k := range Kinds() {
			if n[k] < 100 {
				t.Errorf("%s: %d questions of kind %s of 3,000, want at least 100", name, n[k], k)
			}
		}
	}
}
