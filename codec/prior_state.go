package codec

import "slices"

// priorState is the prior's predictor for one text.
type priorState struct {
	table string // trained, shared
	pages uint64
	par   *params // trained, shared

	first  []weights // what the message makes of par.first
	second [secondSets][256][secondWidth]int32

	hist  past
	buf   []byte // prompt, draft and text
	size  int    // bytes of the text
	local localTable
	match matches
	draft draft

	node   uint32 // 1 followed by the bits of the byte so far
	pos    int32  // how many they are
	sub    uint32 // 1 followed by those of the half byte
	places [staticContexts]place
	ownAt  [localContexts]uint32 // where the message's own lines begin
	ctx    [staticContexts]uint64
	own    [localContexts]uint64

	near byte // keeps the loads that bring lines near

	// About the next bit.
	fresh  bool
	x      inputs
	states [staticContexts]uint8
	owns   [localContexts]uint32
	mctx   [matchers]uint32 // index into par.match, 0: nothing expected
	rows   [mixRows]int32
	logits [mixRows]int32 // of the rows
	picks  [secondSets]int32
	mixed  int32 // logit of the second layer
	apms   [apmSets]int32
	p      uint32
}

// draft follows the near end's draft while the text equals it.
type draft struct {
	at, end int  // in the buffer
	on      bool // the text equals the draft so far
}

// mixers are the weights of both layers.
type mixers struct {
	first  []weights
	second [secondSets][256][secondWidth]int32
}

// newPriorState starts a text after contexts, and after a history if it isn't nil.
func newPriorState(m *prior, par *params, h *recollection, mixed *mixers, context [][]byte) *priorState {
	s := &priorState{table: m.table, pages: m.pages, par: par}
	if mixed == nil {
		s.first, s.second = slices.Clone(par.first[:]), par.second
	} else {
		s.first, s.second = slices.Clone(mixed.first), mixed.second
	}
	n := 0
	for _, c := range context {
		n += len(c)
	}
	s.empty(n)
	if h != nil {
		s.buf, s.match = slices.Grow(slices.Clone(h.buf), n+1024), h.match.clone()
	}
	s.start(context)
	return s
}

// empty makes room for what a message learns, with contexts of n bytes.
func (s *priorState) empty(n int) {
	s.local = newLocalTable(n)
	s.buf = make([]byte, 1, n+1024) // so that 0 is no place
	s.match = matches{newMatcher(7), newMatcher(4)}
}

func (s *priorState) start(context [][]byte) {
	kind := byte(promptText)
	for i, c := range context {
		s.draft = draft{at: len(s.buf), end: len(s.buf) + len(c), on: i > 0}
		s.read(kind, c)
		kind = answerText
	}
	s.hist.reset(kind)
	s.begin()
}

// read learns a whole text.
func (s *priorState) read(kind byte, text []byte) {
	s.hist.reset(kind)
	for _, b := range text {
		s.learn(b)
	}
}

// code is read, and the mixers learn, too.
func (s *priorState) code(kind byte, text []byte) {
	s.hist.reset(kind)
	s.draft.on = false
	s.begin()
	for _, b := range text {
		for i := 7; i >= 0; i-- {
			s.Update(int(b >> i & 1))
		}
	}
}

// learn takes in a byte that nobody has to predict.
func (s *priorState) learn(b byte) {
	s.hist.contexts(&s.ctx)
	s.own = s.hist.local(&s.ctx)
	for _, c := range s.own {
		node := uint32(b>>4) | 16
		s.note(s.local.find(nibble(c, 0)), node)
		s.note(s.local.find(nibble(c, node)), uint32(b&15)|16)
	}
	s.push(b)
}

// note tells a line the four bits of half a byte.
func (s *priorState) note(at, half uint32) {
	for shift := 3; shift >= 0; shift-- {
		cell := &s.local.cells[at+half>>(shift+1)]
		*cell = localUpdate(*cell, int(half>>shift&1))
	}
}

// push ends a byte.
func (s *priorState) push(b byte) {
	s.hist.push(b)
	s.buf = append(s.buf, b)
	s.local.grow()
	for i := range s.match {
		s.match[i].push(s.buf)
	}
}

// begin prepares for the first bit of a byte.
func (s *priorState) begin() {
	s.node, s.pos = 1, 0
	s.hist.contexts(&s.ctx)
	s.own = s.hist.local(&s.ctx)
	s.half(0)
}

// half prepares for the next four bits; known is 0 or 16 and the four before.
func (s *priorState) half(known uint32) {
	for i, c := range s.ctx {
		p := placeOf(nibble(c, known), s.pages)
		s.places[i] = p
		s.near += s.table[p.line] // the loads wait for memory together
	}
	for i, c := range s.own {
		s.ownAt[i] = s.local.find(nibble(c, known))
	}
	s.sub, s.fresh = 1, false
}

// P implements [Predictor].
func (s *priorState) P() uint32 {
	if !s.fresh {
		s.look()
		s.predict()
		s.fresh = true
	}
	return s.p
}

// look sets the inputs.
func (s *priorState) look() {
	sub := s.sub
	known := lookup(s.table, &s.places, sub, &s.states)
	for i, st := range s.states {
		s.x[i] = int32(s.par.static[i][st])
	}
	owned := int32(0)
	for i, at := range s.ownAt {
		st := localState(s.local.cells[at+sub])
		s.owns[i] = st
		s.x[staticContexts+i] = int32(s.par.local[i][st])
		if st != 0 {
			owned++
		}
	}
	x := s.x[staticContexts+localContexts:]
	for i := range s.match {
		s.mctx[i], x[i] = s.expect(i)
	}
	x[matchers] = 256
	last := s.hist.last
	s.rows = [mixRows]int32{
		rowNode + int32(s.node),
		rowLong + int32(s.mctx[0]>>2)<<3 + s.pos,
		rowByte + int32(byte(last)),
		rowHits + known*(localContexts+1) + owned,
		rowClass + int32(classOf[byte(last)])<<6 + int32(classOf[byte(last>>8)])<<3 + int32(classOf[byte(last>>16)]),
		rowShort + int32(s.mctx[1]>>2)<<3 + s.pos,
	}
	s.picks = [secondSets]int32{int32(s.node), int32(s.mctx[0]>>2)<<3 + s.pos}
}

// expect is what a matcher says of the next bit: its index in the calibration,
// 0 for nothing, and the logit.
func (s *priorState) expect(i int) (uint32, int32) {
	m := &s.match[i]
	if m.at == 0 {
		return 0, 0
	}
	b := uint32(s.buf[m.at]) | 256
	pos := s.pos
	if b>>(8-pos) != s.node {
		return 0, 0
	}
	c := uint32(m.bucket()<<2 | m.missed)
	l := int32(s.par.match[i][c])
	if b>>(7-pos)&1 == 0 {
		l = -l
	}
	return c, l
}

// predict mixes the inputs.
func (s *priorState) predict() {
	dots(&s.x, s.first, &s.rows, &s.logits)
	sum := int32(0)
	for k, pick := range s.picks {
		w := &s.second[k][pick]
		d := int64(0)
		for i, l := range s.logits {
			d += int64(l) * int64(w[i])
		}
		sum += clampLogit(int32(d >> 16))
	}
	s.mixed = sum >> 1
	s.p = s.refine(s.mixed)
	if s.draft.on {
		s.p = s.follow()
	}
}

// refine corrects a logit by what such logits turned out to be.
func (s *priorState) refine(logit int32) uint32 {
	last := s.hist.last
	s.apms = [apmSets]int32{
		int32(classOf[byte(last)])<<8 + int32(s.node),
		int32(s.mctx[0]>>2)<<7&0x7ff + int32(classOf[byte(last>>8)])<<4&0x70 + s.pos,
	}
	p := squash(logit)
	at, w := apmAt(logit)
	q := uint32(0)
	for k, c := range s.apms {
		e := &s.par.apm[k][c]
		q += (uint32(e[at])*uint32(apmStep-w) + uint32(e[at+1])*uint32(w)) / apmStep
	}
	return min(max((2*p+q)>>2, 1), 65535)
}

// follow leans towards the draft, the more the longer the text has equalled it.
func (s *priorState) follow() uint32 {
	d := &s.draft
	if d.at >= d.end {
		return s.p
	}
	b := uint32(s.buf[d.at]) | 256
	pos := s.pos
	if b>>(8-pos) != s.node {
		return s.p
	}
	lean := min(512+int32(s.size)*384, 2*maxLogit)
	if b>>(7-pos)&1 == 0 {
		lean = -lean
	}
	return squash(clampLogit(s.mixed + lean))
}

// Update implements [Predictor].
func (s *priorState) Update(bit int) {
	s.P()
	s.learnMixer(bit)
	sub := s.sub
	for _, at := range s.ownAt {
		cell := &s.local.cells[at+sub]
		*cell = localUpdate(*cell, bit)
	}
	s.next(bit)
}

// sureError is an error, in 1/65536, too small to learn from.
const sureError = 128

// learnMixer moves the weights towards what would have been right.
func (s *priorState) learnMixer(bit int) {
	target := int32(bit << 16)
	var errs [mixRows]int32
	for i, l := range s.logits {
		if e := target - int32(squash(l)); e > sureError || e < -sureError {
			errs[i] = e * s.par.rate[0] >> 8
		}
	}
	train(&s.x, s.first, &s.rows, &errs)
	miss := target - int32(squash(s.mixed))
	err := miss * s.par.rate[1] >> 8
	if miss <= sureError && miss >= -sureError {
		return
	}
	for k, pick := range s.picks {
		w := &s.second[k][pick]
		for i, l := range s.logits {
			w[i] = min(max(w[i]+int32((int64(l)*int64(err)+1<<15)>>16), -maxWeight-1), maxWeight)
		}
	}
}

// next moves on by a bit.
func (s *priorState) next(bit int) {
	s.node = s.node<<1 | uint32(bit)
	s.sub = s.sub<<1 | uint32(bit)
	s.fresh = false
	s.pos++
	switch s.pos {
	case 8:
		b := byte(s.node)
		if d := &s.draft; d.on {
			d.on = d.at < d.end && s.buf[d.at] == b
			d.at++
		}
		s.size++
		s.push(b)
		s.begin()
	case 4:
		s.half(s.node)
	}
}

func (s *priorState) end() uint32 {
	if d := &s.draft; d.on {
		if d.at == d.end {
			return 63000
		}
		if s.size > 0 {
			return 1
		}
	}
	return uint32(s.par.ends[endState(s.hist.last, s.size)])
}

func (s *priorState) ended(bool) {}

func (s *priorState) fork() Predictor {
	c := *s
	c.first, c.buf, c.match = slices.Clone(s.first), slices.Clone(s.buf), s.match.clone()
	c.local.cells = slices.Clone(s.local.cells)
	return &c
}
