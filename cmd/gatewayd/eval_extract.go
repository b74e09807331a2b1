package main

import (
	"regexp"
	"strings"

	"tenbit/policy"
)

// stated is the normal form of a recorded answer, and a text that states it.
func stated(question, answer string) (final, text string) {
	if answer == "" {
		return "", ""
	}
	text = "Answer: " + answer
	if final, _, _ = policy.Extract(question, text); final != "" {
		return final, text
	}
	// What we would not take for an answer: keep it apart from all others.
	a := strings.Join(strings.Fields(strings.NewReplacer("\n", `\n`, ".", "").Replace(answer)), "_")
	text = "Answer: " + a[:min(len(a), 300)]
	final, _, _ = policy.Extract(question, text)
	return final, text
}

// extraction compares the answers that our code finds in the recorded texts
// with the recorded ones.
type extraction struct {
	texts, same      int // texts with a recorded answer, and those of them where ours is the same
	verdicts, agreed int // samples, and those where both say alike whether it has the large model's answer
}

func (e *extraction) add(row *evalRow) {
	for i := range row.Small.Samples {
		s := &row.Small.Samples[i]
		e.text(row.Question, s)
		if s.Answer != "" && row.Large.Answer != "" {
			e.verdicts++
			if (s.final == row.Large.final) == (s.Answer == row.Large.Answer) {
				e.agreed++
			}
		}
	}
	e.text(row.Question, &row.Large)
}

// text counts one text. Case and space are set aside, as the recorded answers'
// own normal form drops them. A recorded letter that stands nowhere in its text
// was the recorder's guess and isn't counted.
func (e *extraction) text(question string, r *recorded) {
	if r.Answer == "" || letterOnly.MatchString(r.Answer) && !regexp.MustCompile(`\b`+r.Answer+`\b`).MatchString(r.Text) {
		return
	}
	want, _ := stated(question, r.Answer)
	e.texts++
	if folded(r.final) == folded(want) {
		e.same++
	}
}

var letterOnly = regexp.MustCompile(`^[A-Z]$`)

func folded(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

// extracted are the two shares of agreement, from 0 to 1.
func extracted(rows []*evalRow) (texts, verdicts float64) {
	var e extraction
	for _, row := range rows {
		e.add(row)
	}
	return float64(e.same) / float64(max(e.texts, 1)), float64(e.agreed) / float64(max(e.verdicts, 1))
}
