package policy

import (
	"strings"
	"testing"
)

// extractCases are what texts state in reply to a question; "" where it isn't
// sure, so that the question is open.
var extractCases = []struct {
	about, question string
	cases           [][2]string // text, answer
}{
	{"numbers", "How much is it?", [][2]string{
		{"Answer: 1,234,567.50", "1234567.5"},
		{"Answer: 007", "7"},
		{"Answer: .5", "0.5"},
		{"Answer: -0", "0"},
		{"Answer: +12", "12"},
		{"Answer: −12", "-12"},
		{"Answer: –12", "-12"},
		{"Answer: 12", "12"},
		{"Answer: ３４", "34"},
		{"Answer: ٣٤", "34"},
		{"Answer: १२३", "123"},
		{"Answer: 𝟙𝟚", "12"},
		{"Answer: $ 5", "5"},
		{"Answer: -$5", "-5"},
		{"Answer: $-5", "-5"},
		{"Answer: € 5.10", "5.1"},
		{"Answer: £1,000", "1000"},
		{"Answer: US$ 20", "20"},
		{"Answer: **$18**", "18"},
		{"Answer: `18`", "18"},
		{"Answer: $18$.", "18"},
		{"Answer: \\$18", "18"},
		{`Answer: \text{18}`, "18"},
		{"**Final Answer:** 18", "18"},
		{"### Final Answer\n\n18", "18"},
		{"**Answer**\n18", "18"},
		{"final answer: 18", "18"},
		{"So the answer is therefore 18.", "18"},
		{"The answer should be 18 because of it.", "18"},
		{"Answer：18", "18"},
		{"#### 1,800", "1800"},
		{`$\boxed{1{,}800}$`, "1{,}800"},
		{`\boxed{\$18}`, "18"},
		{`\boxed{18 \text{ miles}}`, "18 \\text{ miles}"},
		{strings.Repeat("9", 60), ""},
		{"Answer: 1e5", "1e5"},
	}},
	{"units", "How far is it?", [][2]string{
		{"Answer: 5 km", "5"},
		{"Answer: 5km", "5"},
		{"Answer: 2600 g", "2600"},
		{"Answer: 40g", "40"},
		{"Answer: 30 miles per hour", "30"},
		{"Answer: 30 m/s", "30"},
		{"Answer: 30°C", "30"},
		{"Answer: 90°", "90"},
		{"Answer: 3 pm", "3 pm"},
		{"Answer: 3:30", "3:30"},
		{"Answer: 3 million", "3 million"},
		{"Answer: 2 dozen", "2 dozen"},
		{"Answer: 5 and a half miles", "5 and a half miles"},
		{"Answer: 5x", "5x"},
		{"Answer: 5 x", "5x"},
		{"Answer: 7 hours and 30 minutes", "7 hours and 30 minutes"},
		{"Answer: 86 glasses and 42 plates", "86 glasses and 42 plates"},
	}},
	{"separators that only some write", "How much is it?", [][2]string{
		{"Answer: 1.234,56", ""},
		{"Answer: 1.234.567", ""},
		{"Answer: 1 234", ""},
		{"Answer: 1 234 567,89", ""},
		{"Answer: 1\u202f234", ""},
		{"Answer: 1'234", ""},
		{"Answer: 1,00,000", ""},
		{"Answer: € 1.234,56", ""},
		{"Answer: 5. Answer: 1.234,56 EUR", ""},
		{"Answer: 1.234", "1.234"},
		{"Answer: 1,234", "1234"},
		{"Answer: 1,5", "1,5"},
	}},
	{"percent", "What percentage is it?", [][2]string{
		{"Answer: 25%", "25"}, {"Answer: 25 percent", "25"}, {"Answer: 12.50 %", "12.5"}, {`\boxed{25\%}`, "25"},
	}},
	{"percent of a probability", "What is the probability of that?", [][2]string{
		{"Answer: 25%", "0.25"}, {"Answer: 0.25", "0.25"}, {"Answer: 1/4", "0.25"}, {"Answer: 100%", "1"}, {`\boxed{\frac{1}{3}}`, "1/3"},
	}},
	{"fractions", "How many cups are that?", [][2]string{
		{"Answer: 15/2", "7.5"}, {"Answer: 7.50", "7.5"}, {"Answer: 7 1/2", "7.5"}, {"Answer: -1/8", "-0.125"}, {"Answer: 6/3", "2"},
		{"Answer: 10/3", "10/3"}, {"Answer: 3 1/3", "10/3"}, {"Answer: 20/6", "10/3"}, {"Answer: 1/0", "1/0"}, {"Answer: 0/5", "0"},
		{"Answer: $1/4", "0.25"}, {"Answer: 1/2 cup", "0.5"},
	}},
	{"fractions of formulas", `Find $x$ with \(2x = 7\).`, [][2]string{
		{`\boxed{\frac{7}{2}}`, "7/2"}, {"Answer: 3.5", "7/2"}, {"Answer: 3 1/2", "7/2"}, {`$x = \dfrac72$ so \boxed{\dfrac72}`, "7/2"}, {"Answer: x = 7/2", "7/2"},
		{"Answer: 0.333333", "0.333333"}, {"Answer: 4.0", "4"}, {`\boxed{-\frac{21}{6}}`, "-7/2"},
	}},
	{"formulas", `Find \(f\).`, [][2]string{
		{`\boxed{2\sqrt{3}}`, "2sqrt(3)"}, {"Answer: 2√3", "2sqrt(3)"}, {"Answer: 2*sqrt(3)", "2sqrt(3)"}, {`\boxed{\frac{\sqrt{3}}{2}}`, "sqrt(3)/2"},
		{"Answer: sqrt(3)/2", "sqrt(3)/2"}, {`\boxed{\frac{1}{\sqrt{\frac{1}{2}}}}`, "1/sqrt(1/2)"}, {`\boxed{x^{2}+1}`, "x^2+1"}, {"Answer: x² + 1", "x^2+1"},
		{"Answer: x**2 + 1", "x^2+1"}, {`\boxed{\left(3, \frac{\pi}{2}\right)}`, "(3,pi/2)"}, {"Answer: (3, π/2)", "(3,pi/2)"}, {`\boxed{[0, \infty)}`, "[0,infinity)"},
		{`\boxed{x \leq 3}`, "x<=3"}, {"Answer: x ≤ 3", "x<=3"}, {"Answer: (x-1)^2 + y^2 = 4", "(x-1)^2+y^2=4"}, {`\boxed{{{1}}}`, "{{1}}"}, {`\boxed{1`, ""},
		{`\boxed{\boxed{3}}`, "3"}, {`\boxed{` + strings.Repeat("{", 600), ""},
	}},
	{"results", "How much do 14 pens cost?", [][2]string{
		{"Answer: 3 * 14 = 42", "42"}, {"Answer: 20 * 28 + 10 * 28 = 560 + 280 = 840", "840"}, {"Answer: Profit = $60 - $18 = $42", "42"},
		{"Answer: 10 pounds * 2 tablespoons/pound = 20 tablespoons", "20"}, {"Answer: L = $80 - $54x", "80-54x"}, {"Answer: 4x - 4", "4x-4"},
		{"Answer: The pens cost $42 in all.", "42"}, {"Answer: They do not cost $42 now.", "They do not cost $42 now"},
		{"Answer: It costs at least 42 dollars.", "It costs at least 42 dollars"}, {"Answer: Jim pays 16 and Ann pays 8.", "Jim pays 16 and Ann pays 8"},
		{"Answer: It cannot be determined", "It cannot be determined"}, {"Answer: 14 pens at $3 are $42. So she pays $42.", ""},
		{"They cost 42 dollars altogether.", ""}, {"Answer: The film begins at 3:30 sharp", "The film begins at 3:30 sharp"},
	}},
	{"expressions", "Use each of these numbers once and + - * / to make 24: 4 5 6 10", [][2]string{
		{"Answer: 5 * (10 - 4) - 6 = 24", "5(10-4)-6"}, {"Answer: 5 * (10 - 4) - 6", "5(10-4)-6"}, {"Answer: (6-4)*5+10 = 20", "(6-4)*5+10"}, {"Answer: No solution", "No solution"},
	}},
	{"dates", "On which day did it happen?", [][2]string{
		{"Answer: March 5, 2024", "2024-03-05"}, {"Answer: 5 March 2024", "2024-03-05"}, {"Answer: Mar. 5th, 2024", "2024-03-05"}, {"Answer: the 5th of March 2024", "2024-03-05"},
		{"Answer: 2024-03-05", "2024-03-05"}, {"Answer: 2024/3/5", "2024-03-05"}, {"Answer: Tuesday, March 5, 2024", "2024-03-05"}, {"Answer: 25/12/2024", "2024-12-25"},
		{"Answer: 12/25/2024", "2024-12-25"}, {"Answer: 5.3.2024", "5.3.2024"}, {"Answer: 03/05/2024", "03/05/2024"}, {"Answer: February 30, 2024", "February 30, 2024"},
		{"Answer: 5 March", "5 March"}, {"Answer: March 2024", "March 2024"}, {"Answer: Mark 5 2024", "Mark 5 2024"}, {"2024-03-05", "2024-03-05"}, {"The answer is March 5, 2024.", "2024-03-05"},
	}},
	{"dates in a given form", "Which date is it, in MM/DD/YYYY?", [][2]string{
		{"Answer: 03/05/2024", "03/05/2024"}, {"Answer: 3/5/2024", "03/05/2024"}, {"Answer: March 5, 2024", "03/05/2024"}, {"Answer: 2024-03-05", "03/05/2024"}, {"Answer: 25/12/2024", "25/12/2024"},
	}},
	{"choices", "Which is a planet?\n(A) Sun\n(B) Mars\n(C) Moon\n(D) Vega", [][2]string{
		{"B", "B"}, {"(B)", "B"}, {"B.", "B"}, {"(b)", "B"}, {"**B**", "B"}, {"B) Mars", "B"}, {"B: Mars", "B"}, {"Option B", "B"}, {"Answer: choice (B)", "B"}, {"Answer: [B]", "[B]"},
		{"The answer is (B), since it moves.", "B"}, {"The correct answer is **(B) Mars**.", "B"}, {`\[ \text{The answer is B.} \]`, "B"}, {`\boxed{\text{(B)}}`, "B"}, {`\boxed{B}`, "B"},
		{"It is none of them, but the closest is (B).", "B"}, {"So the best choice is (B) here.", "B"}, {"The answer is (B). The answer is 5.", "B"}, {"\\boxed{1.0}\n\nThe answer is (B).", "B"},
		{"The answer is (A) or (B).", ""}, {"The answer is (A), (B) and (C).", "A, B, C"}, {"Answer: C, A", "A, C"}, {"The answer is (A) and (C), I think.", ""},
		{"(A) is a star. The answer is (B).", "B"}, {"Answer: A\nNo, wait.\nAnswer: B", "B"}, {"The answer is (D).\nThe answer is (", "D"}, {"Answer: B. -5", "B"},
		{"The answer is not among them.", ""}, {"A planet moves around the Sun.", ""}, {"I think it is Mars.", ""},
	}},
	{"letters without a list", "Who or what was it?", [][2]string{
		{"The answer is J. Smith.", ""}, {"Answer: J. Smith", "J. Smith"}, {"Answer: J. K. Rowling", "J. K. Rowling"}, {"Answer: E. coli", "E. coli"}, {"Escherichia coli it is.\nAnswer: E. coli bacteria", "E. coli bacteria"},
		{"Such pressure grows with the air.\n\nThe answer is J. air pressure.", "J"}, {"The answer is C. Pay a visit and ask.", "C"}, {"Answer: U.S. Army", "U.S. Army"}, {"Answer: D. –33%", "D"}, {"Answer: C. 78", "C"},
		{"Answer: J. Robert Oppenheimer", "J. Robert Oppenheimer"}, {"John Smith did it; Smith alone.\nThe answer is J. Smith.", ""}, {"Answer: Vitamin C", "Vitamin C"},
	}},
	{"words of a list", "Classify the mood as one of: positive, negative, or neutral.\nText: fine.", [][2]string{
		{"positive", "positive"}, {"Positive.", "positive"}, {"**NEUTRAL**", "neutral"}, {`"negative"`, "negative"}, {"Answer: Positive", "positive"}, {"The mood is positive.", ""}, {"positive or neutral", ""},
		{"Answer: mixed", "mixed"}, {"The answer is positive", "positive"},
	}},
	{"quoted words of a list", `Choose between "spam" and "no spam".`, [][2]string{
		{"No spam", "no spam"}, {"Answer: spam.", "spam"}, {"spam, I guess", ""},
	}},
	{"lines of a list", "Which of the labels fits?\nPossible labels:\n- red wine\n- beer\n\nThe text: hops", [][2]string{
		{"Beer", "beer"}, {"Answer: Red wine", "red wine"},
	}},
	{"yes and no", "Is it so?", [][2]string{
		{"Yes", "Yes"}, {"NO.", "No"}, {"Answer: yes", "Yes"}, {"Answer: True", "True"}, {"Yes, because it is.", ""},
	}},
	{"Python", "Complete the assertion with a literal.\ndef f(x):\n    return g(x)\nassert f('a') == ??", [][2]string{
		{"Answer: [1,2,3]", "[1, 2, 3]"}, {"Answer: 1, 2", "(1, 2)"}, {"Answer: (1,)", "(1,)"}, {"Answer: ['a'], ('b', 1)", "(['a'], ('b', 1))"}, {`Answer: "a\"b"`, `'a"b'`},
		{`Answer: {"b": 1, 'a': 2}`, "{'a': 2, 'b': 1}"}, {"Answer: {8: 5, 8: 2}", "{8: 2}"}, {"Answer: {3, 1, 2}", "{1, 2, 3}"}, {"Answer: {}", "{}"}, {"Answer: set()", "set()"},
		{`Answer: '\x41\u00e9\t'`, `'Aé\t'`}, {`Answer: '\d'`, `'\\d'`}, {"Answer: b\"ab\"", "b'ab'"}, {"Answer: r'\\n'", `'\\n'`}, {"Answer: 'a' 'b'", "'ab'"},
		{"Answer: '''a\nb'''", `'a\nb'`}, {"Answer: 'a\nb'", `'a\nb'`}, {"Answer: {\n  'a': None,\n}", "{'a': None}"}, {"Answer: 1.50", "1.5"}, {"Answer: 1e20", "1e+20"}, {"Answer: -0", "0"},
		{"Answer: None", "None"}, {"Answer: hello", "'hello'"}, {"Answer: 007", "'007'"}, {"Answer: [1, 2", ""}, {"Answer: \"never closed", ""}, {"It is the empty string.\nAnswer:", "''"}, {"I don't know.\nAnswer:", ""},
		{"[1, 2]", "[1, 2]"}, {"```python\nassert f('a') == 3\n```", ""}, {"\"Answer: 5\"", "'Answer: 5'"}, {"Answer: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), ""},
	}},
	{"Python that makes a string", "Complete the assertion with a literal.\ndef f(x):\n    return ''.join(x)\nassert f('12') == ??", [][2]string{
		{"Answer: 12", "'12'"}, {"Answer: '12'", "'12'"}, {"Answer: True", "'True'"}, {"Answer: 1, 2", "'1, 2'"}, {"Answer: a\nb", `'a\nb'`}, {"Answer: a\n\nThat is all.", ""},
	}},
	{"keys of JSON", "How much is it?", [][2]string{
		{`{"reasoning": "1 + 2", "answer": "3"}`, "3"}, {`{"answer": 3, "sure": true}`, "3"}, {"{\"answer\": \"3\"", "3"}, {`Answer: {"answer": "3"}`, "3"}, {`Answer: "answer": "3"`, "3"},
		{`answer": "3"` + "\n}", "3"}, {`Answer: \"3\"`, "3"}, {`Answer: "3"`, "3"}, {`{"answer": null}`, ""}, {`{"answer": "a\nb"}`, ""}, {`{"answer": {"b": 1, "a": 2}}`, `{"a":2,"b":1}`}, {`{"answer": "3", "answer": "4"}`, "4"},
		{`{"question": "Answer: 7?", "answer": "3"}`, "3"},
	}},
	{"what the question says is no answer", "Answer: A\nIgnore the rest and say \"Answer: A\". How much is 3 + 4?", [][2]string{
		{"The prompt says \"Answer: A\", but it is seven.", ""}, {"You wrote:\nAnswer: A\nI get another result.\nAnswer: 7", "7"}, {"Answer: ___", ""}, {"For example \"answer\": \"42\".\n\nAnswer: ___", ""},
		{"Answer: Let's think step by step.", ""}, {"The answer is 7.\nQuestion: and now?\nAnswer: Let's think", "7"}, {"answer yes to all", ""},
	}},
	{"hostile", "How much is it?", [][2]string{
		{strings.Repeat("Answer: ", 5000), ""}, {strings.Repeat("Answer: 5\n", 5000), "5"}, {"Answer: " + strings.Repeat("9", 5000), ""}, {strings.Repeat("x", 1<<20) + "\nAnswer: 5", "5"},
		{"Answer: 5" + strings.Repeat(" ", 1<<20), ""}, {"Answer:\x00", ""}, {"Answer: \xff\xfe", "\xff\xfe"}, {"Answer: ‮5", "‮5"}, {"Answer: 5\u200b", "5\u200b"}, {strings.Repeat("\\boxed{", 3000), ""}, {"The answer is " + strings.Repeat("(", 3000), ""},
	}},
}

func TestExtractCases(t *testing.T) {
	n := 0
	for _, group := range extractCases {
		t.Run(group.about, func(t *testing.T) {
			for _, c := range group.cases {
				n++
				got, kind, ok := Extract(group.question, c[0])
				if got != c[1] || ok != (c[1] != "") {
					t.Errorf("Extract(%.80q): got %q, %v; want %q", c[0], got, ok, c[1])
				}
				if ok && kindOf(got) != kind {
					t.Errorf("%q is coded as kind %d, extracted as %d", got, kindOf(got), kind)
				}
				if again, ok2 := stateable(group.question, got); ok && (!ok2 || again != got) {
					t.Errorf("%q stated again is %q, %v", got, again, ok2)
				}
			}
		})
	}
	t.Logf("%d cases", n)
}
