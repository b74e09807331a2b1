package policy

import (
	"testing"

	"tenbit"
	"tenbit/codec"
)

// TestForeseenAnswers holds what both ends can foresee of an answer to its price.
func TestForeseenAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, question, candidate, answer string
		most                              tenbit.Bits
	}{
		{"a day", "Today is Tuesday. Which day of the week is it in 17 days?", "Monday", "Friday", 11 * tenbit.Bit},
		{"a name of the question", "Anna has 20 boats and Henry has 31. Who has more of them?", "Anna", "Henry", 14 * tenbit.Bit},
		{"a time", "The film begins at 18:50 and lasts 95 minutes. When does it end?", "19:45", "20:25", 19 * tenbit.Bit},
		{"a date", "The ship left on October 27 and came back 9 days later. On which date?", "October 31", "November 5", 28 * tenbit.Bit},
		{"an object", `Give {"goods": number, "total": number} for 3 lamps at $40 each.`, `{"goods":3,"total":43}`, `{"goods":3,"total":120}`, 34 * tenbit.Bit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			draft := message("Answer: " + tt.candidate)
			ask := tenbit.Ask{
				Request: request(t, tt.question), Limit: 1000 * tenbit.Bit, Modes: allModes, Draft: &draft,
				Candidates: []tenbit.Candidate{{Answer: tt.candidate, Votes: 3}},
			}
			large := tenbit.Completion{Message: message("Answer: " + tt.answer), Finish: tenbit.FinishStop}
			c, _, err := newScene(codec.Default(), ask).choose(large)
			if err != nil || c.reply.Mode != tenbit.ModeAnswer || c.reply.Answer != tt.answer {
				t.Fatalf("got %v %q, %v", c.reply.Mode, c.reply.Answer, err)
			}
			t.Logf("%v bits", c.bits)
			if c.bits > tt.most {
				t.Errorf("%v bits, want at most %v", c.bits, tt.most)
			}
		})
	}
}

// TestPanel: whatever experts say, every symbol keeps odds, and they sum to
// about one.
func TestPanel(t *testing.T) {
	for _, so := range []string{"", "Mon", "Monday", "12:", "12:40", "12:405", `{"a": 1}`, "zzz", "Monday and Tue"} {
		ask := tenbit.Ask{
			Request:    request(t, "Is it Monday, May 4 at 12:30 or Tuesday? Or {\"a\": 1}?"),
			Candidates: []tenbit.Candidate{{Answer: "12:40", Votes: 1}, {Answer: "Monday", Votes: 1}},
		}
		terms := newTerms(ask)
		m := newPanel(terms.experts)
		for i := 0; ; i++ {
			odds := m.odds(so[:i], terms.odds([]byte("\n"+so[:i])))
			var sum uint64
			for _, o := range odds {
				sum += o
			}
			if sum > 1<<termBits*17/16 || len(odds) != termSymbols {
				t.Fatalf("%q: the odds sum to %d of %d", so[:i], sum, uint64(1)<<termBits)
			}
			for sym, f := range spread(odds) {
				if f == 0 {
					t.Fatalf("%q: no odds for %d", so[:i], sym)
				}
			}
			if i == len(so) {
				break
			}
			m.learn(int(so[i]))
		}
	}
}
