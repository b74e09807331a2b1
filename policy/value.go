package policy

import (
	"math/big"
	"regexp"
	"strings"
)

var (
	number = regexp.MustCompile(`^([-+−]?)(?:US|USD|EUR|A)?[ ]?[$€£¥₹]?[ ]?([-−]?)([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)[ ]?(%|\\%|°)?(?: ([A-Za-z][A-Za-z/²³. -]{1,31}|[gmshLlVWK])|(kg|cm|mm|km|ml|mL|lbs?|oz|mph|hrs?|°C|°F|g))?$`)
	comma  = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
	ratio  = regexp.MustCompile(`^(-?)([0-9]{1,30})/([0-9]{1,30})$`)
	united = regexp.MustCompile(`^(.*[0-9]) ([A-Za-z][A-Za-z/. -]{1,31})$`)
	mixed  = regexp.MustCompile(`^(-?)([0-9]{1,9}) ([0-9]{1,9})/([0-9]{1,9})$`)
	// foreign are numbers with separators that say different things in different
	// places, or that only part of the world writes.
	foreign = regexp.MustCompile(`^[-−]?[$€£]?[ ]?(?:[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3}){2,}|[0-9]{1,3}(?:[ '’][0-9]{3})+(?:[.,][0-9]+)?|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})(?:[ ]?[€$%A-Za-z].*)?$`)

	figureIn = regexp.MustCompile(`[-−]?[$€£]?[-−]?[0-9][0-9,]*(?:\.[0-9]+)?%?`)
	vague    = regexp.MustCompile(`(?i)\b(?:not?|none|never|cannot|can't|unable|impossible|undefined|either|or|nor|between|depends?|unless|if|at (?:least|most)|(?:less|more|fewer|greater) than [$€£]?[0-9]|up to|n/a)\b|n't\b|[0-9]:[0-9]|[0-9]/[0-9]|\^|…|\.\.\.`)
	scaled   = regexp.MustCompile(`^ ?(?:hundred|thousand|million|billion|trillion|dozen|[ap]\.?m\b|st\b|nd\b|rd\b|th\b|[A-Za-z]*\d|[*/+^=-])`)
	single   = regexp.MustCompile(`(?:^|[^A-Za-z'])[B-HJ-Zb-hj-z](?:[^A-Za-z']|$)`)
)

// notUnits are words after a number that change what it says.
var notUnits = map[string]bool{
	"am": true, "pm": true, "a.m.": true, "p.m.": true, "a.m": true, "p.m": true, "and": true, "or": true, "to": true,
	"hundred": true, "thousand": true, "million": true, "billion": true, "trillion": true, "dozen": true,
	"pi": true, "sqrt": true, "mod": true, "times": true, "plus": true, "minus": true, "bc": true, "ad": true, "bce": true, "ce": true,
	"january": true, "february": true, "march": true, "april": true, "may": true, "june": true, "july": true, "august": true,
	"september": true, "october": true, "november": true, "december": true, "jan": true, "feb": true, "apr": true, "aug": true, "sep": true, "oct": true, "nov": true, "dec": true,
}

// normalNumber drops currency, group commas, units, leading and trailing zeros.
func normalNumber(s string) (string, bool) {
	m := number.FindStringSubmatch(s)
	if m == nil || m[1] != "" && m[2] != "" {
		return "", false
	}
	if !isUnit(m[5]) || strings.Contains(m[3], ",") && !comma.MatchString(m[3]) {
		return "", false
	}
	whole, part, dot := strings.Cut(strings.ReplaceAll(m[3], ",", ""), ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if part = strings.TrimRight(part, "0"); dot && part != "" {
		whole += "." + part
	}
	if len(whole) > maxDigits {
		return "", false
	}
	if sign := m[1] + m[2]; sign != "" && sign != "+" && whole != "0" {
		whole = "-" + whole
	}
	return whole, true
}

// isUnit reports up to three words that may follow a number without changing it.
func isUnit(s string) bool {
	ws := strings.Fields(strings.ToLower(s))
	for _, w := range ws {
		if notUnits[w] {
			return false
		}
	}
	return len(ws) <= 3
}

// rational is what "3/4" and "1 1/2" say.
func rational(s string) (*big.Rat, bool) {
	whole, sign := "0", ""
	m := mixed.FindStringSubmatch(s)
	if m != nil {
		whole, sign, m = m[2], m[1], m[1:]
	} else if m = ratio.FindStringSubmatch(s); m != nil {
		sign = m[1]
	}
	if m == nil {
		return nil, false
	}
	a, okA := new(big.Int).SetString(m[2], 10)
	b, okB := new(big.Int).SetString(m[3], 10)
	w, okW := new(big.Int).SetString(whole, 10)
	if !okA || !okB || !okW || b.Sign() == 0 {
		return nil, false
	}
	r := new(big.Rat).SetFrac(a, b)
	r.Add(r, new(big.Rat).SetInt(w))
	if sign == "-" {
		r.Neg(r)
	}
	return r, true
}

// maxDenominator is the largest one that fractions are written with where
// decimals would say the same.
const maxDenominator = 10000

// written is a value in its one form: whole, as a decimal where that ends, else
// as a fraction in lowest terms. Where the question is written in formulas it is
// a fraction rather than a decimal, unless its denominator is large.
func (q inquiry) written(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	places, ends := r.FloatPrec()
	if ends && !(q.fraction && r.Denom().Cmp(big.NewInt(maxDenominator)) <= 0) {
		if s := r.FloatString(places); len(s) <= maxDigits {
			return s
		}
	}
	return r.String()
}

// number is a stated number in its one form.
func (q inquiry) number(s string) (string, bool) {
	n, ok := normalNumber(s)
	r := new(big.Rat)
	if !ok {
		if m := united.FindStringSubmatch(s); m != nil && isUnit(m[2]) {
			s = m[1]
		}
		if r, ok = rational(strings.TrimPrefix(strings.ReplaceAll(s, "−", "-"), "$")); !ok {
			return "", false
		}
		return q.written(r), true
	}
	if _, ok := r.SetString(n); !ok {
		return n, true
	}
	if q.share && strings.HasSuffix(s, "%") {
		r.Quo(r, big.NewRat(100, 1))
	} else if !q.fraction || r.IsInt() {
		return n, true
	}
	return q.written(r), true
}

// result is the number at the end of "6 * 7 = 42", or the expression before it
// where the question asks for one that makes a number.
func (q inquiry) result(s string) (string, bool) {
	i := strings.LastIndex(s, "=")
	if i <= 0 || strings.ContainsAny(s[i-1:i], "<>!=") || vague.MatchString(s[:i]) && strings.ContainsAny(s[:i], "^:") {
		return "", false
	}
	left, right := strings.TrimSpace(s[:i]), strip(s[i+1:])
	n, ok := q.number(right)
	if !ok || !strings.ContainsAny(left, "0123456789") {
		return "", false
	}
	if q.expression && isFormula(left) && !strings.Contains(left, "=") {
		return q.normalFormula(left), true
	}
	if single.MatchString(left) || strings.Contains(left, "^") { // an equation of unknowns
		return "", false
	}
	return n, true
}

// minSentence is how many words a sentence has at least: "Route 66" is none.
const minSentence = 4

// amountIn is the one number of a statement that is a sentence, in reply to a
// question for a number.
func (q inquiry) amountIn(s string) (string, bool) {
	if !q.amount || len(strings.Fields(s)) < minSentence || vague.MatchString(s) {
		return "", false
	}
	at := figureIn.FindAllStringIndex(s, 2)
	if len(at) != 1 || scaled.MatchString(s[at[0][1]:]) || at[0][0] > 0 && word(s[at[0][0]-1]) {
		return "", false
	}
	return q.number(strings.TrimRight(s[at[0][0]:at[0][1]], ","))
}
