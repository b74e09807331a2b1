package policy

import (
	"strings"
	"testing"
)

func TestExtract(t *testing.T) {
	const (
		mc    = "Which is a planet?\n(A) Sun\n(B) Mars\n(C) Moon"
		crux  = "Complete the assertion with a literal.\nassert f('a') == ??"
		essay = "Write an essay about rivers."
	)
	for _, tt := range []struct {
		name, question, text, want string
		kind                       Kind
	}{
		{"bare number", "", "42", "42", KindNumber},
		{"dollars", "", "Answer: $1,234.00 dollars", "1234", KindNumber},
		{"plain", "", "So it is\nAnswer: 1234", "1234", KindNumber},
		{"negative", "", "Answer: -$3.50", "-3.5", KindNumber},
		{"unit", "", "The answer is 54 miles.", "54", KindNumber},
		{"percent", "", `\boxed{25\%}`, "25", KindNumber},
		{"time of day is no unit", "", "Answer: 3 pm", "3 pm", KindText},
		{"million is no unit", "", "Answer: 3 million", "3 million", KindText},
		{"not grouped", "", "Answer: 1,2", "1,2", KindText},
		{"gsm8k", "", "She sells 9 * 2 = 18\n#### 18", "18", KindNumber},
		{"A:", "", "in all\nA: 90,000", "90000", KindNumber},
		{"sentence follows", "", "The answer is 18. She sells the rest.", "18", KindNumber},
		{"assigned", "", "Answer: x = 5", "5", KindNumber},
		{"fraction", "", `\boxed{\frac{945}{186}}`, "315/62", KindText},
		{"whole fraction", "", `\boxed{\dfrac{6}{3}}`, "2", KindNumber},
		{"root", "", `so $\boxed{2\sqrt{3}}$.`, "2sqrt(3)", KindText},
		{"last one counts", "", "Answer: 3\nWait.\nAnswer: 4", "4", KindNumber},
		{"json", "", "{\"reasoning\": \"..\",\n\"answer\": \"24\"}", "24", KindNumber},
		{"letter", mc, "The answer is (B).", "B", KindLetter},
		{"lower letter", mc, "Answer: (b)", "B", KindLetter},
		{"bold letter", mc, "**Answer: B**", "B", KindLetter},
		{"letter and text", mc, "Answer: B. Mars", "B", KindLetter},
		{"letter, paren and text", "", "Answer: (B) Mars", "B", KindLetter},
		{"bare letter and text", mc, "B) Mars", "B", KindLetter},
		{"final answer on the next line", "", "Final Answer:\nThe answer is (J).", "J", KindLetter},
		{"a species is no choice", "What causes it?", "Answer: E. coli", "E. coli", KindText},
		{"cut off at the end", "", "The answer is (F).\nThe answer is (", "F", KindLetter},
		{"yes", "Is it?", "yes.", "Yes", KindText},
		{"python", crux, `Answer: ["a","b"]`, "['a', 'b']", KindText},
		{"python, quotes", crux, `Answer: 'it\'s'`, `"it's"`, KindText},
		{"python, no quotes", crux, "Answer: hello", "'hello'", KindText},
		{"python, whole text", crux, `{"a": 1}`, "{'a': 1}", KindText},
		{"python, with the assertion", crux, "Answer: assert f('a') == [1,2]", "[1, 2]", KindText},
		{"python, number", crux, "-1", "-1", KindNumber},

		{"prose", essay, "Rivers carry 3 things. They are old, and 42 of them are long.", "", 0},
		{"answer in prose", essay, "The answer is clear to anyone who reads.", "", 0},
		{"long statement", essay, "Answer: " + strings.Repeat("and so it goes on ", 9), "", 0},
		{"more follows a text answer", essay, "Answer: Rivers\n\nThey are long and winding, as we shall see.", "", 0},
		{"json document", "Give me JSON.", `{"name": "x"}`, "", 0},
		{"word", "Capital of France?", "Paris", "", 0},
		{"empty", "", "", "", 0},
		{"nothing stated", "", "Answer: ", "", 0},
		{"carriage return in a literal", "", "A:[\r]", "[]", KindText},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, kind, ok := Extract(tt.question, tt.text)
			if got != tt.want || ok != (tt.want != "") || ok && kind != tt.kind {
				t.Errorf("Extract(%q): got %q, kind %d, %v; want %q, kind %d", tt.text, got, kind, ok, tt.want, tt.kind)
			}
			if ok && kindOf(got) != kind {
				t.Errorf("%q is coded as kind %d, extracted as %d", got, kindOf(got), kind)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	const sum = "How much is 3 + 4?"
	for _, tt := range []struct {
		name, question, draft string
		fields                map[string]any
		want                  bool
	}{
		{"number", sum, "Answer: 7", nil, true},
		{"no final answer", sum, "It is rather large.", nil, false},
		{"essay", "Write an essay.", "Question: how?\nAnswer: 7", nil, false},
		{"explain and answer", "Explain how, and give the final answer: 3 + 4.", "Answer: 7", nil, true},
		{"tools, text", sum, "Answer: 7", map[string]any{"tools": []any{map[string]any{"type": "function", "function": map[string]any{"name": "f"}}}}, false},
		{"json, no object", sum, "7", map[string]any{"response_format": map[string]any{"type": "json_object"}}, false},
		{"stop", sum, "Answer: 7", map[string]any{"stop": "\n"}, false},
		{"two completions", sum, "Answer: 7", map[string]any{"n": 2}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, tt.question, tt.fields)
			if got := Closed(req, message(tt.draft)); got != tt.want {
				t.Errorf("Closed(%q, %q): got %v, want %v", tt.question, tt.draft, got, tt.want)
			}
		})
	}
}

// FuzzExtract: whatever is found can be stated again and is found again, and
// the coder's idea of its kind is the same.
func FuzzExtract(f *testing.F) {
	f.Add("", "The answer is (B).")
	f.Add("assert f(1) == ??", `Answer: ["a", 'it\'s']`)
	f.Add("", `\boxed{\frac{1}{\sqrt{2}}}`)
	f.Add("(A) x (B) y", "#### $1,000.50 USD")
	f.Fuzz(func(t *testing.T, question, text string) {
		a, kind, ok := Extract(question, text)
		if !ok {
			return
		}
		if b, ok := stateable(question, a); !ok || b != a {
			t.Errorf("%q of %q states %q, %v", a, text, b, ok)
		}
		if kindOf(a) != kind {
			t.Errorf("%q: kind %d, coded as %d", a, kind, kindOf(a))
		}
	})
}
