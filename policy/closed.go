package policy

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"tenbit"
)

// opens are requests for a text of which no short answer is the whole point.
var opens = regexp.MustCompile(`(?i)^\W*(?:please |can you |could you )*(?:write|compose|draft|rewrite|explain|describe|summari[sz]e|translate|list|discuss|tell me (?:about|a)|create|generate|brainstorm|proofread|paraphrase|implement|outline)\b`)

// wants are phrases that ask for one final answer all the same.
var wants = regexp.MustCompile(`(?i)\banswer\b|how (?:many|much)|\\boxed|\bassert\b|which of the following`)

// Closed decides from the request and the first draft whether a question has a
// short final answer on which samples can vote: the draft has one, as [AnswerOf]
// says. Requests with stop strings or for several completions are open: their
// form is part of the answer.
func Closed(req tenbit.Request, draft tenbit.Message) bool {
	a, ok := AnswerOf(req, draft)
	if q := frame(req); plain(req) && opens.MatchString(q) && !wants.MatchString(q) {
		// Only a draft that ends in a choice, marked as the answer, tells otherwise.
		return ok && kindOf(a) == KindLetter && stressed.MatchString(tail(draft.Content))
	}
	return ok
}

// plain reports a request for one text of no special form.
func plain(req tenbit.Request) bool {
	return !special(req) && !req.Stop && req.N <= 1
}

// empty reports a draft that says nothing, not even what kind of question it was.
func empty(m tenbit.Message) bool {
	return strings.TrimSpace(m.Content) == "" && len(m.ToolCalls) == 0 && m.Refusal == ""
}

// unfinished reports a draft that doesn't tell what kind of question it was: it
// says nothing, stops in the middle of a sentence, or speaks of an answer that it
// does not give.
func unfinished(c tenbit.Completion) bool {
	if empty(c.Message) || c.Finish == tenbit.FinishLength || marksAnswer.MatchString(tail(c.Message.Content)) {
		return true
	}
	last, _ := utf8.DecodeLastRuneInString(strings.TrimSpace(c.Message.Content))
	return unicode.IsLetter(last) || unicode.IsDigit(last) || last == ',' || last == '-' || last == '('
}

var marksAnswer = regexp.MustCompile(`(?i)\banswer[*_]*(?:[:：]| is\b)|\\boxed\{`)

// stressed are the marks that no prose holds by accident, at a text's end.
var stressed = regexp.MustCompile(`(?i)(?:\\boxed\{|(?:^|\n)#### |(?:^|\n)\W*(?:final )?answer\W*:|\banswer is(?: option)? \W*\().{1,40}\s*$`)

// seeks reports a request that may have a short final answer though a draft
// stated none: it asks for one, lists choices, or has figures in it.
func seeks(req tenbit.Request) bool {
	if !plain(req) {
		return false
	}
	q := tail(frame(req))
	return wants.MatchString(q) || !opens.MatchString(q) && (offered(q) != 0 || strings.ContainsAny(q, "0123456789\\"))
}
