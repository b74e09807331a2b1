package policy

import (
	"bytes"
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
		{"a date", "The ship left on October 27 and came back 9 days later. On which date?", "October 31", "November 5", 17 * tenbit.Bit},
		{"an object", `Give {"goods": number, "total": number} for 3 lamps at $40 each.`, `{"goods":3,"total":43}`, `{"goods":3,"total":120}`, 30 * tenbit.Bit},
		{"a sum of two numbers", "Anna has 230 boats and buys 57 more. How many has she got?", "173", "287", 10 * tenbit.Bit},
		{"a fraction", "What is the chance that two of 7 balls are red?", "2/7", "1/21", 22 * tenbit.Bit},
		{"words run together", "Find the number of solutions of $x = x$.", "0", "thereareinfinitelymanysolutions", 70 * tenbit.Bit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask := tenbit.Ask{
				Request: request(t, tt.question), Limit: 1000 * tenbit.Bit, Modes: allModes,
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

// TestWeights: whatever came, all that may come next has weights within what
// the codec takes.
func TestWeights(t *testing.T) {
	ask := tenbit.Ask{
		Request:    request(t, "Is it Monday, May 4 at 12:30 or Tuesday? Or {\"a\": 1}? Take 3.25 from 99999999."),
		Candidates: []tenbit.Candidate{{Answer: "-12.5", Votes: 1 << 16}, {Answer: "12:40", Votes: 1}, {Answer: "Monday", Votes: 1}},
	}
	g := newGuess(ask, shortAnswers().fields[0], nil)
	known, lead := g.known(), shape(g.candidates[0].Answer)
	words := newVocabulary(g)
	for name, next := range map[string]func(so []byte) []uint64{
		"known": known.next, "asked": oneOf(known.asked).next, "length": g.length,
		"words": words.next, "shape": lead.next,
		"counts": func(so []byte) []uint64 {
			so = append([]byte{'\n'}, so...)
			return odds4(so, g.said(), g.learnt.counts.odds(so, termPrior(so)))
		},
	} {
		for _, so := range []string{"", "-", "-1", "-12.", "-12.5", "1/2", "Mon", "Monday", "12:405", `{"a": 1}`, "zzz", "Monday and Tue", "0", "00", "1.", "\n", "\xff\x00"} {
			w := next([]byte(so))
			var sum uint64
			for _, v := range w {
				sum += v
			}
			if len(w) != termSymbols || sum >= 1<<48 {
				t.Errorf("%s after %q: %d weights that sum to %d", name, so, len(w), sum)
			}
		}
	}
}

func TestTrainAnswers(t *testing.T) {
	if raced || testing.Short() {
		t.Skip("codes hundreds of answers: run without -short and -race")
	}
	recorded := []Recorded{
		{"What is 3 times 4?", []string{"12", "7", "12", "34"}, Terms},
		{"What is 3 times 4?", []string{"So three times four is twelve", "12"}, Sentences},
		{"Which day comes after Monday?", []string{"Tuesday", "Monday"}, Names},
		{"What is half of 9?", []string{"9/2", "9/2", "4.5", "3"}, Terms},
		{"What is the output of f('ab')?", []string{"'ba'", "'ab'", "['a', 'b']"}, Terms},
		{"Which of (A) and (B)?", []string{"A", "B"}, Terms},
	}
	last := 0
	a, err := TrainAnswers(recorded, func(done, all int) { last = done * 100 / all })
	if err != nil || last != 100 {
		t.Fatalf("%v after %d %%", err, last)
	}
	b, err := TrainAnswers(recorded, func(int, int) {})
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("trained twice: files of %d and %d bytes that differ, %v", len(a), len(b), err)
	}
	got, err := readTrained(a)
	if err != nil || !bytes.Equal(got.append(nil), a) {
		t.Errorf("read and written: another file, %v", err)
	}
	for n := range len(a) {
		if _, err := readTrained(a[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are a file", n, len(a))
		}
	}
	if _, err := readTrained(append(a, 0)); err == nil {
		t.Error("a file with a byte more is one")
	}
	if _, err := TrainAnswers(recorded[5:], func(int, int) {}); err == nil {
		t.Error("letters alone teach nothing, want an error")
	}
}
