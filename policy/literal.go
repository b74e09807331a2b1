package policy

import (
	"fmt"
	"regexp"

	"tenbit"
	"tenbit/codec"
)

// maxDigits bounds the digits of a number, the point included; longer ones are text.
const maxDigits = 40

// literal codes a short final answer that both ends can partly foresee.
type literal struct {
	kinds   []uint32
	letters []uint32
	guess   *guess
}

// newLiteral knows what ask says and how the tenant's answers went. primed gives
// the codec's model after the prompt, nil where there is none.
func newLiteral(ask tenbit.Ask, habits *Habits, primed func() codec.Predictor) *literal {
	q := tail(ask.Request.Question())
	l := &literal{kinds: []uint32{64, 16, 64}, guess: newGuess(ask, shortAnswers().fields[fieldOf(q)], primed)}
	offer := offered(q)
	if len(ask.Candidates) > 0 {
		// The leading candidate tells what kind of answer the question wants.
		k := kindOf(ask.Candidates[0].Answer)
		l.kinds = []uint32{8, 1, 8}
		l.kinds[k] += 120
		if habits != nil {
			for i, n := range habits.kinds[k] {
				l.kinds[i] += 30 * uint32(n)
			}
		}
	} else if offer != 0 {
		l.kinds[KindLetter] = 256
	}
	l.letters = letterOdds(offer, ask.Candidates)
	return l
}

// code walks over the answer a. A reader's result is canonical: of the kind it
// was coded as, and in the normal form that [Extract] yields.
func (l *literal) code(c coder, a string) (string, error) {
	i, err := c.symbol(int(kindOf(a)), l.kinds)
	if err != nil {
		return "", err
	}
	switch Kind(i) {
	case KindNumber:
		a, err = textOf(c, l.guess.numbers(), a, maxDigits)
	case KindLetter:
		var letter int
		letter, err = c.symbol(int((a + "A")[0]-'A'), l.letters)
		a = string(rune('A' + letter))
	default:
		a, err = textOf(c, l.guess.terms(), a, maxAnswer)
	}
	if err == nil && (kindOf(a) != Kind(i) || !oneLine(a)) {
		err = fmt.Errorf("answer coded as kind %d is of another", i)
	}
	return a, err
}

func textOf(c coder, p codec.Predictor, a string, most int) (string, error) {
	b, err := c.text(p, []byte(a), most)
	return string(b), err
}

var canonical = regexp.MustCompile(`^(?:0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9])$`)

// kindOf is the kind of an answer in normal form.
func kindOf(a string) Kind {
	switch {
	case len(a) <= maxDigits && canonical.MatchString(a):
		return KindNumber
	case len(a) == 1 && a[0] >= 'A' && a[0] <= 'Z':
		return KindLetter
	}
	return KindText
}

// letterOdds are uniform over the choices that the question offers, A to J
// where it lists none, less those among the candidates: they would be selected.
func letterOdds(offer uint32, candidates []tenbit.Candidate) []uint32 {
	if offer == 0 {
		offer = 1<<10 - 1
	}
	freqs := make([]uint32, 26)
	for i := range freqs {
		freqs[i] = 1
		if offer>>i&1 != 0 {
			freqs[i] = 128
		}
	}
	for _, c := range candidates {
		if kindOf(c.Answer) == KindLetter {
			freqs[c.Answer[0]-'A'] = 1
		}
	}
	return freqs
}
