package policy

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// numbers expects a number character by character, as a mixture of a general
// prior on short numbers with the numbers that both ends can read or compute:
// those in the question and the draft, and sums, differences, products and
// quotients of two of the question's, or of one and a candidate. The mixture is
// Bayesian, in integers: the prior's mass shrinks by what it gave to the characters
// so far, the known numbers' mass is that of those which still match.
type numbers struct {
	counts               counts
	asked, reckoned, led []string
	known                map[string]uint64 // without sign, mass of each
	point                uint64            // weight of a decimal point in the prior, of 1024
	minus                uint64            // of a minus sign, of 32
}

// Masses. The kinds of known numbers share what they have.
const (
	massPrior  = 1 << 30
	massAsked  = massPrior / 4 // shared by the numbers of the question
	massDraft  = massPrior / 4 // shared by the numbers of the draft
	massReckon = massPrior / 2 // shared by what two numbers of the question make
	massLed    = massPrior / 4 // shared by what one of them and a candidate make
)

// maxAsked bounds the numbers of a question that take part: the last ones.
const maxAsked = 24

var figure = regexp.MustCompile(`[0-9][0-9,]*(?:\.[0-9]+)?`)

func newNumbers(g *guess, asked, reckoned, led []string) numbers {
	n := numbers{counts: g.learnt.counts, asked: asked, reckoned: reckoned, led: led, known: map[string]uint64{}, point: 16, minus: 1}
	n.share(asked, massAsked)
	n.share(figures(g.draft, 2*maxAsked), massDraft)
	n.share(reckoned, massReckon)
	n.share(led, massLed)
	for _, c := range g.candidates {
		if strings.HasPrefix(c.Answer, "-") {
			n.minus = 8
		}
		if kindOf(c.Answer) == KindNumber && strings.Contains(c.Answer, ".") {
			n.point = 128
		}
	}
	for _, a := range g.none {
		delete(n.known, strings.TrimPrefix(a, "-"))
	}
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

// next weighs what comes after so, for [codec.Symbols].
func (n numbers) next(so []byte) []uint64 {
	body := strings.TrimPrefix(string(so), "-")
	left := uint64(massPrior)
	var w [termSymbols]uint64
	for i := 0; ; i++ {
		sum := n.guess(body[:i], &w)
		if i == len(body) {
			for sym := range w {
				w[sym] = left / sum * w[sym]
			}
			break
		}
		left = max(left/sum*w[body[i]], 1)
	}
	for v, mass := range n.known {
		if strings.HasPrefix(v, body) {
			w[after(v, len(body))] += mass
		}
	}
	if len(so) == 0 {
		var sum uint64
		for _, v := range w {
			sum += v
		}
		w['-'] = sum / (32 - n.minus) * n.minus
	}
	return w[:]
}

// after is the symbol of v at i.
func after(v string, i int) int {
	if i < len(v) {
		return int(v[i])
	}
	return termEnd
}

// guess are the prior's weights after so, of about 1024, and their sum: as short
// answers go, in normal form.
func (n numbers) guess(so string, w *[termSymbols]uint64) (sum uint64) {
	p := n.counts.odds([]byte("\n"+so), figuresPrior())
	clear(w[:])
	_, part, dot := strings.Cut(so, ".")
	for d := '0'; d <= '9'; d++ {
		if so != "0" {
			w[d] = p[d] >> (termBits - 10)
		}
		w[d] = max(w[d], 1)
	}
	w['.'], w[termEnd] = 1, 1
	if so != "" && !dot {
		w['.'] = max(p['.']>>(termBits-10), n.point)
	}
	if so != "" && (!dot || part != "") {
		w[termEnd] = max(p[termEnd]>>(termBits-10), 1)
	}
	for _, v := range w {
		sum += v
	}
	return sum
}

// oneOf expects one of these numbers, without sign, each alike.
type oneOf []string

// next weighs what comes after so, for [codec.Symbols].
func (vs oneOf) next(so []byte) []uint64 {
	body := strings.TrimPrefix(string(so), "-")
	var n uint64
	p := make([]uint64, termSymbols)
	for _, v := range vs {
		if strings.HasPrefix(v, body) {
			p[after(v, len(body))] += 1 << 20
			n++
		}
	}
	if n == 0 {
		return level
	}
	for i := range p {
		p[i] = p[i]/16*15 + n<<16/termSymbols
	}
	return p
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
