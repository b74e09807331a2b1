package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"tenbit"
)

// Questions are asked as in "Haiku to Opus in Just 10 Bits" (arXiv 2604.02343),
// but the small model writes them about its own draft, the answers are coded
// with what it expects, and it sees the draft again when it revises.
const (
	maxQuestions = 10
	maxQuestion  = 200 // bytes
	// A question whose answer is as good as known says nothing: of 256.
	surelyNo, surelyYes = 26, 230
)

// Questions has the local model write yes-or-no questions about its draft. Code
// decides what is kept: [FilterQuestions]; none that was asked before. Nil:
// none, or an error.
func (d Drafter) Questions(ctx context.Context, ask tenbit.Ask, before ...tenbit.Question) []tenbit.Question {
	if ask.Draft == nil {
		return nil
	}
	req, err := withNote(ask.Request, "questions", note{Draft: jsonOf(ask.Draft.Content), Most: maxQuestions}, map[string]any{"max_tokens": 512, "max_completion_tokens": nil})
	if err != nil {
		return nil
	}
	c, err := d.Local.Complete(ctx, req, tenbit.Sampling{})
	if err != nil {
		return nil
	}
	return FilterQuestions(c.Message.Content, before...)
}

// FilterQuestions reads one question a line with the asker's P(yes) in percent
// behind a bar. What is no yes-or-no question, says what another one said, or
// has a near-certain answer is left out, and what was asked before.
func FilterQuestions(text string, before ...tenbit.Question) (out []tenbit.Question) {
	seen := map[string]bool{}
	for _, q := range before {
		seen[essence(q.Text)] = true
	}
	for line := range strings.Lines(text[:min(len(text), maxScan)]) {
		q, ok := question(line)
		if !ok || seen[essence(q.Text)] {
			continue
		}
		seen[essence(q.Text)] = true
		if out = append(out, q); len(out) == maxQuestions {
			break
		}
	}
	return out
}

var (
	listMark = regexp.MustCompile(`^\s*(?:[-*•]|\(?\d{1,2}[.):])\s*`)
	yesOrNo  = regexp.MustCompile(`(?i)^(?:is|are|was|were|do|does|did|has|have|had|can|could|should|would|will|must|may|might)\b`)
	percent  = regexp.MustCompile(`^\s*(\d{1,3})\s*%?\s*$`)
)

func question(line string) (q tenbit.Question, ok bool) {
	line = listMark.ReplaceAllString(line, "")
	text, likely, bar := strings.Cut(line, "|")
	q = tenbit.Question{Text: strings.TrimSpace(text), Yes: 128}
	if m := percent.FindStringSubmatch(likely); bar && m != nil {
		p, _ := strconv.Atoi(m[1])
		q.Yes = uint8(min(p, 100) * 255 / 100)
	}
	return q, goodQuestion(q)
}

// goodQuestion is what both ends demand of a question.
func goodQuestion(q tenbit.Question) bool {
	return len(q.Text) <= maxQuestion && strings.HasSuffix(q.Text, "?") && strings.Count(q.Text, "?") == 1 &&
		yesOrNo.MatchString(q.Text) && !strings.ContainsAny(q.Text, "\r\n") && q.Yes > surelyNo && q.Yes < surelyYes
}

// essence is a question's words without order: two with the same say the same.
func essence(q string) string {
	words := strings.FieldsFunc(strings.ToLower(q), func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r > 127) })
	kept := words[:0]
	for _, w := range words {
		switch w {
		case "the", "a", "an", "of", "in", "really", "actually", "correct", "right":
		default:
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// codeAnswers walks over the answers to all questions that the limit has room
// for; those behind are erasures, for nothing.
func codeAnswers(c coder, asked []tenbit.Question, answers []tenbit.YesNo, limit tenbit.Bits) ([]tenbit.YesNo, error) {
	out := make([]tenbit.YesNo, len(asked))
	for i := range out {
		out[i] = tenbit.CannotSay
	}
	for i, q := range asked {
		odds := answerOdds(q, limit-c.spent())
		if odds == nil {
			break
		}
		if i < len(answers) {
			out[i] = answers[i]
		}
		a, err := c.symbol(int(out[i]), odds)
		if err != nil {
			return nil, err
		}
		out[i] = tenbit.YesNo(a)
	}
	return out, nil
}

// The dearest answer by the asker's odds, an erasure, and one of three that are
// alike, each rounded up.
const (
	dearAnswer  = 4*tenbit.Bit + 1
	plainAnswer = 1586
)

// answerOdds are those of no, yes and cannot say: what the asker expects, the
// last one in sixteen. Near the limit all three are alike, so that any still
// fits; nil: none does.
func answerOdds(q tenbit.Question, room tenbit.Bits) []uint32 {
	switch {
	case room < plainAnswer:
		return nil
	case room < dearAnswer:
		return []uint32{1, 1, 1}
	}
	yes := uint32(min(max(q.Yes, surelyNo+1), surelyYes-1))
	return []uint32{(256 - yes) * 15, yes * 15, 256}
}

// answersRequest asks for all answers in one call, as JSON.
func answersRequest(ask tenbit.Ask, n note) (tenbit.Request, error) {
	texts := make([]string, len(ask.Questions))
	for i, q := range ask.Questions {
		texts[i] = q.Text
	}
	n.Questions, n.Count = jsonOf(texts), len(texts)
	item := map[string]any{"type": "string", "enum": []string{"yes", "no", "unsure"}}
	return withNote(ask.Request, "answers", n, map[string]any{
		"max_tokens": nil, "max_completion_tokens": mostTokens,
		"response_format": inForm("answers", map[string]any{
			"solution": map[string]any{"type": "string"}, "draft_ok": map[string]any{"type": "boolean"},
			"answers": map[string]any{"type": "array", "items": item, "minItems": len(texts), "maxItems": len(texts)},
		}),
	})
}

// parseAnswers reads the large model's answers strictly: one object, as many
// answers as questions, each one of three words.
func parseAnswers(text string, count int) (right bool, answers []tenbit.YesNo, err error) {
	var got struct {
		Solution *string  `json:"solution"`
		Right    *bool    `json:"draft_ok"`
		Answers  []string `json:"answers"`
	}
	if err := parseStrictly(text, &got); err != nil {
		return false, nil, fmt.Errorf("answers: %w", err)
	}
	if got.Right == nil || len(got.Answers) != count {
		return false, nil, fmt.Errorf("%d answers to %d questions", len(got.Answers), count)
	}
	for _, a := range got.Answers {
		switch a {
		case "yes":
			answers = append(answers, tenbit.Yes)
		case "no":
			answers = append(answers, tenbit.No)
		case "unsure":
			answers = append(answers, tenbit.CannotSay)
		default:
			return false, nil, fmt.Errorf("an answer is neither yes, no nor unsure")
		}
	}
	return *got.Right, answers, nil
}

// checkRequest asks whether the draft is right, as JSON.
func checkRequest(ask tenbit.Ask, n note) (tenbit.Request, error) {
	return withNote(ask.Request, "check", n, map[string]any{
		"max_tokens": nil, "max_completion_tokens": mostTokens,
		"response_format": inForm("verdict", map[string]any{
			"solution": map[string]any{"type": "string"}, "draft_ok": map[string]any{"type": "boolean"},
		}),
	})
}

// parseVerdict reads what the large model says of a draft, strictly.
func parseVerdict(text string) (right bool, err error) {
	var got struct {
		Solution *string `json:"solution"`
		Right    *bool   `json:"draft_ok"`
	}
	if err := parseStrictly(text, &got); err != nil {
		return false, fmt.Errorf("verdict: %w", err)
	}
	if got.Right == nil {
		return false, errors.New("verdict: draft_ok is missing")
	}
	return *got.Right, nil
}

// parseStrictly reads one JSON object without fields that weren't asked for.
func parseStrictly(text string, v any) error {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```json"); ok { // some servers ignore response_format
		text = strings.TrimSuffix(strings.TrimSpace(inner), "```")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New("not the JSON asked for") // the error may quote what came
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}
