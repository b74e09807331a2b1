package policy

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"tenbit"
)

// numbers codes a number character by character under a mixture of a general
// prior on short numbers with the numbers that both ends can read or compute:
// those in the question and the draft, and sums, differences, products and
// quotients of two of the question's. The mixture is Bayesian, in integers: the
// prior's mass shrinks by what it gave to the characters so far, the known
// numbers' mass is that of those which still match.
type numbers struct {
	known map[string]uint64 // without sign, mass of each
	prior uint64            // mass of the prior
	point uint64            // weight of a decimal point in the prior, of 1024
	brief bool              // no more than two digits fit
	minus []uint32          // odds of no sign and a minus
}

// Masses. The three kinds of known numbers share half of what the prior has.
const (
	massPrior  = 1 << 30
	massAsked  = massPrior / 4 // shared by the numbers of the question
	massDraft  = massPrior / 4 // shared by the numbers of the draft
	massReckon = massPrior / 2 // shared by what two numbers of the question make
)

const (
	symPoint = 10
	symEnd   = 11
)

var figure = regexp.MustCompile(`[0-9][0-9,]*(?:\.[0-9]+)?`)

func newNumbers(ask tenbit.Ask) numbers {
	n := numbers{known: map[string]uint64{}, prior: massPrior, point: 16, minus: []uint32{31, 1}}
	q := figures(tail(ask.Request.Question()), 24)
	var draft []string
	if ask.Draft != nil {
		draft = figures(tail(ask.Draft.Content), 48)
	}
	n.share(q, massAsked)
	n.share(draft, massDraft)
	n.share(reckon(q), massReckon)
	for _, c := range ask.Candidates[:min(len(ask.Candidates), maxCandidates)] {
		if strings.HasPrefix(c.Answer, "-") {
			n.minus = []uint32{3, 1}
		}
		if kindOf(c.Answer) != KindNumber {
			continue
		}
		if strings.Contains(c.Answer, ".") {
			n.point = 128
		}
		delete(n.known, strings.TrimPrefix(c.Answer, "-")) // it would be selected
	}
	if ask.Limit <= tight {
		n.prior *= 8 // what fits must fit whatever it is
	}
	n.brief = ask.Limit <= tenBits
	return n
}

// share gives each of vs, once, an equal part of mass.
func (n *numbers) share(vs []string, mass uint64) {
	for _, v := range vs {
		n.known[v] += mass / uint64(len(vs))
	}
}

// figures are the distinct numbers of a text in normal form, the last at most max.
func figures(text string, max int) []string {
	var vs []string
	seen := map[string]bool{}
	for _, f := range figure.FindAllString(text, -1) {
		v, ok := normalNumber(strings.TrimRight(f, ","))
		if ok && !seen[v] {
			seen[v] = true
			vs = append(vs, v)
		}
	}
	if len(vs) > max {
		vs = vs[len(vs)-max:]
	}
	return vs
}

// reckon is what two numbers make, where it has at most two decimals. Values
// are in hundredths and small enough that products stay in 64 bits.
func reckon(vs []string) []string {
	var hs []int64
	for _, v := range vs {
		whole, part, _ := strings.Cut(v, ".")
		h, err := strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
		if err == nil && len(part) <= 2 && h > 0 && h < 1e9 {
			hs = append(hs, h)
		}
	}
	if len(hs) > 12 {
		hs = hs[len(hs)-12:]
	}
	var out []string
	seen := map[int64]bool{}
	add := func(h int64) {
		if h > 0 && !seen[h] {
			seen[h] = true
			s, _ := normalNumber(strconv.FormatInt(h/100, 10) + "." + strconv.FormatInt(100+h%100, 10)[1:])
			out = append(out, s)
		}
	}
	for i, a := range hs {
		for _, b := range hs[:i] {
			lo, hi := min(a, b), max(a, b)
			add(a + b)
			add(hi - lo)
			if a*b%100 == 0 {
				add(a * b / 100)
			}
			if a*b%10000 == 0 {
				add(a * b / 10000) // a percent of b
			}
			if hi*100%lo == 0 {
				add(hi * 100 / lo)
			}
		}
	}
	return out
}

// code walks over the number a.
func (n numbers) code(c coder, a string) (string, error) {
	sign := 0
	if strings.HasPrefix(a, "-") {
		sign = 1
	}
	sign, err := c.symbol(sign, n.minus)
	if err != nil {
		return "", err
	}
	a = strings.TrimPrefix(a, "-")
	var out []byte
	left := n.prior
	for {
		weights := n.guess(string(out))
		sum := uint64(0)
		for _, w := range weights {
			sum += w
		}
		odds := make([]uint64, len(weights))
		for i, w := range weights {
			odds[i] = left / sum * w
		}
		for v, mass := range n.known {
			if strings.HasPrefix(v, string(out)) {
				odds[symbolAt(v, len(out))] += mass
			}
		}
		i, err := c.symbol(symbolAt(a, len(out)), spread(odds))
		if err != nil {
			return "", err
		}
		left = max(left/sum*weights[i], 1)
		switch {
		case i == symEnd:
			return "-"[:sign] + string(out), nil
		case len(out) == maxDigits:
			return "", errors.New("number without an end")
		case i == symPoint:
			out = append(out, '.')
		default:
			out = append(out, byte('0'+i))
		}
	}
}

func symbolAt(v string, i int) int {
	switch {
	case i >= len(v):
		return symEnd
	case v[i] == '.':
		return symPoint
	}
	return int(v[i] - '0')
}

// guess are the prior's weights of the ten digits, the point and the end after
// so, of about 1024: as short answers go, or where only two digits fit, evenly.
func (n numbers) guess(so string) []uint64 {
	w := make([]uint64, 12)
	if n.brief {
		w[symEnd], w[symPoint] = []uint64{1, 160, 960}[min(len(so), 2)], 1
		if so == "0" {
			w[symEnd] = 960
		}
		for i := range 10 {
			w[i] = max((1024-w[symEnd]-w[symPoint])/10, 1)
		}
		return w
	}
	p := shortOdds([]byte("\n"+so), figuresPrior())
	for i := range 10 {
		w[i] = p['0'+i] >> (termBits - 10)
	}
	w[symPoint], w[symEnd] = max(p['.']>>(termBits-10), n.point), p[termEnd]>>(termBits-10)
	_, part, dot := strings.Cut(so, ".")
	switch {
	case so == "":
		w[symPoint], w[symEnd] = 0, 0
	case so == "0":
		clear(w[:10])
	case dot:
		if w[symPoint] = 0; part == "" {
			w[symEnd] = 0
		}
	}
	for i := range w {
		w[i] = max(w[i], 1)
	}
	return w
}

// figuresPrior is what numbers are written in, without a context.
var figuresPrior = sync.OnceValue(func() []uint64 {
	p := make([]uint64, termSymbols)
	for d := '0'; d <= '9'; d++ {
		p[d] = 1 << termBits / 16
	}
	p['.'], p[termEnd] = 1<<termBits/64, 1<<termBits/4
	return p
})
