package policy

import (
	"math"

	"tenbit"
)

// Tally is what the votes on a closed question come to: all that confidence
// rests on, beside what the model says of its own words.
type Tally struct {
	Samples    int // drawn, those without an answer included
	Lead       int // votes of the leading candidate
	Candidates int // distinct answers
	// LogProb is the mean natural log-probability of the tokens of the leading
	// answer's text, 0 where the model gives none.
	LogProb float64
}

// features are what a [Calibration] weighs, in the order of its fields.
func (t Tally) features() [5]float64 {
	f := [5]float64{
		1,
		math.Log((float64(t.Lead) + 0.5) / (float64(max(t.Samples-t.Lead, 0)) + 0.5)),
		math.Log(float64(max(t.Candidates, 1))),
	}
	if t.LogProb < 0 {
		f[3], f[4] = 1, max(t.LogProb, -10)
	}
	return f
}

// Features are the numbers that a [Calibration] weighs, for those who fit one.
func (t Tally) Features() []float64 { f := t.features(); return f[:] }

// Calibration turns a [Tally] into the probability that the leading answer is
// right: a logistic function of the log-odds of its share of the votes, of the
// logarithm of the number of candidates and of its mean log-probability. It
// steers the gate alone and never reaches the coder or the meter, so floats do.
// `gatewayd eval` fits it. The zero value is [DefaultCalibration].
type Calibration struct {
	Bias       float64
	Share      float64 // of log((votes+½)/(samples-votes+½)); not negative
	Candidates float64 // of log(distinct answers); not positive
	Certain    float64 // added where the model gives log-probabilities
	LogProb    float64 // of the mean log-probability; not negative
}

// DefaultCalibration is what `gatewayd eval -fit` made of the small model that
// ships, as docs/gate.md says. Models differ more than votes can tell: fit your own.
var DefaultCalibration = Calibration{Bias: -0.01, Share: 1.17, Candidates: -0.69, Certain: -0.01, LogProb: 1.46}

// Of is the confidence in the leading answer, between 0 and 1.
func (c Calibration) Of(t Tally) float64 {
	if c == (Calibration{}) {
		c = DefaultCalibration
	}
	if t.Lead <= 0 {
		return 0
	}
	z := 0.0
	for i, w := range []float64{c.Bias, c.Share, c.Candidates, c.Certain, c.LogProb} {
		z += w * t.features()[i]
	}
	return 1 / (1 + math.Exp(-z))
}

// certainty is how sure a draft without a final answer is: the geometric mean of
// its tokens' probabilities, 0 where the model gave none or knows closed questions
// alone.
func (d Drafter) certainty(c tenbit.Completion) float64 {
	if d.ClosedOnly || c.LogProb >= 0 {
		return 0
	}
	return math.Exp(c.LogProb)
}
