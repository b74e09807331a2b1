package codec

import "sort"

// Training, second part: with the table fixed, learn on texts that it has not
// seen what its states mean and how to mix them, each text alone as in use.

// learner is the state of the second part.
type learner struct {
	prior  *prior
	par    *params
	static [staticContexts][256]estimate
	local  [localContexts][localStates]estimate
	match  [matchers][matchStates]estimate
	ends   [endStates][2]uint32
	apm    int32 // rate of the last stage, 1/65536; 0: left alone
}

// estimate is a probability by counting.
type estimate struct {
	p uint32 // 1/2^22
	n uint32
}

func (e *estimate) learn(bit int) {
	if e.n < 1<<12 {
		e.n++
	}
	if bit != 0 {
		e.p += (1<<22 - e.p) / (e.n + 1)
	} else {
		e.p -= e.p / (e.n + 1)
	}
}

// logit is the estimate's, in 1/256, nearer to even while little is known.
func (e *estimate) logit() int16 {
	return int16(logitOf((uint64(e.p)*uint64(e.n)*16 + 1<<25) / (uint64(e.n)*16 + 16) >> 6))
}

// logitOf is the inverse of squash.
func logitOf(p uint64) int {
	i := sort.Search(len(squashTable), func(i int) bool { return uint64(squashTable[i]) > p })
	return max(i-maxLogit-2, -maxLogit)
}

func newLearner(m *prior, adapter int) *learner {
	l := &learner{prior: m, par: m.params[adapter]}
	for i := range l.static {
		for s := range l.static[i] {
			l.static[i][s].p = 1 << 21
			if s != 0 {
				logit := int32(s&31)<<7 - 2048 + 64
				l.static[i][s].p = squash(logit) << 6
				l.par.static[i][s] = int16(logit)
			}
		}
	}
	for i := range l.local {
		for s := range l.local[i] {
			l.local[i][s].p = 1 << 21
			if s != 0 {
				logit := int32(s&31)<<7 - 2048 + 64
				l.local[i][s].p = squash(logit) << 6
				l.par.local[i][s] = int16(logit)
			}
		}
	}
	for i := range l.match {
		for s := range l.match[i] {
			l.match[i][s].p = 3 << 20
			l.par.match[i][s] = 256
		}
	}
	return l
}

// adapt begins an adapter with what has been learnt so far.
func (l *learner) adapt(adapter int) *learner {
	c := *l
	par := *l.par
	c.par, c.apm = &par, 0
	c.prior.params[adapter] = c.par
	// New counts weigh more than old ones.
	for i := range c.static {
		for s := range c.static[i] {
			c.static[i][s].n = min(c.static[i][s].n, adaptCount)
		}
	}
	for i := range c.local {
		for s := range c.local[i] {
			c.local[i][s].n = min(c.local[i][s].n, adaptCount)
		}
	}
	for i := range c.match {
		for s := range c.match[i] {
			c.match[i][s].n = min(c.match[i][s].n, adaptCount)
		}
	}
	return &c
}

const adaptCount = 256

// rates sets the rates of learning; left falls from 256 to 0.
func (l *learner) rates(left int, rate [2]int32) {
	l.par.rate = [2]int32{max(rate[0]*int32(left)>>8, 24), max(rate[1]*int32(left)>>8, 8)}
	if l.par == l.prior.params[0] { // an adapter leaves the last stage alone
		l.apm = max(2048*int32(left)>>8, 64)
	}
}

// sample learns from an answer given its prompt and, if alone, from the prompt
// by itself too.
func (l *learner) sample(s Sample, alone bool) {
	l.text([][]byte{[]byte(s.Prompt)}, []byte(s.Answer))
	if alone && s.Prompt != "" {
		l.text(nil, []byte(s.Prompt))
	}
}

// text learns from one text after its contexts.
func (l *learner) text(context [][]byte, text []byte) {
	// The message's own weights are the learner's.
	s := &priorState{table: l.prior.table, pages: l.prior.pages, par: l.par, first: l.par.first[:], second: l.par.second}
	s.empty(0)
	s.start(context)
	for _, b := range text {
		l.ends[endState(s.hist.last, s.size)][0]++
		for i := 7; i >= 0; i-- {
			bit := int(b>>i) & 1
			s.P()
			l.calibrate(s, bit)
			l.refine(s, bit)
			s.Update(bit)
		}
	}
	e := &l.ends[endState(s.hist.last, s.size)]
	e[0]++
	e[1]++
	l.par.second = s.second
}

// calibrate learns what the states mean.
func (l *learner) calibrate(s *priorState, bit int) {
	for i, st := range s.states {
		if st != 0 {
			e := &l.static[i][st]
			e.learn(bit)
			l.par.static[i][st] = e.logit()
		}
	}
	for i, st := range s.owns {
		if st != 0 {
			e := &l.local[i][st]
			e.learn(bit)
			l.par.local[i][st] = e.logit()
		}
	}
	for i, c := range s.mctx {
		if c == 0 {
			continue
		}
		m := &s.match[i]
		hit := 0
		if int(s.buf[m.at]>>(7-s.pos))&1 == bit {
			hit = 1
		}
		e := &l.match[i][c]
		e.learn(hit)
		l.par.match[i][c] = e.logit()
	}
}

// refine teaches the last stage.
func (l *learner) refine(s *priorState, bit int) {
	at, w := apmAt(s.mixed)
	if w > apmStep/2 {
		at++
	}
	target := int32(bit * 65535)
	for k, c := range s.apms {
		e := &l.par.apm[k][c][at]
		*e = uint16(int32(*e) + (target-int32(*e))*l.apm>>16)
	}
}

// setEnds turns the counts of ends into odds.
func (l *learner) setEnds() {
	for i, e := range l.ends {
		// Where little was seen an end is held to be unlikely.
		p := (uint64(e[1])<<16 + 200) / (uint64(e[0]) + 20)
		l.par.ends[i] = uint16(min(max(p, 1), 65000))
	}
}
