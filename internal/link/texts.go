package link

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tenbit"
	"tenbit/codec"
)

const (
	// maxCoded is the most bytes of text that go through the model: about a
	// second of one core. Longer asks go through zstd.
	maxCoded = 256 << 10
	// maxPrime is how much of the prompt's end primes the draft.
	maxPrime = 32 << 10
)

// errDigest says that the texts are not what the edge coded.
var errDigest = errors.New("texts don't match their digest")

// kit is what the texts of an ask are coded with. Without a model they go
// through zstd; without a history, or where the origin has no twin, in full.
type kit struct {
	model      codec.Model // nil: none in common
	history    *history    // the model's, nil: none
	learns     bool        // the exchange changes the history
	candidates Candidates  // nil: candidates are texts
	twin       bool        // the origin makes draft and candidates itself
	key        key         // of the connection
}

// Candidates codes the final answers of an ask's candidates.
type Candidates interface {
	// Write appends the candidates of a to e, given its request; primed is the
	// model after that request. An error says that they have no code.
	Write(e *codec.Encoder, a tenbit.Ask, primed func() codec.Predictor) error
	// Read is the inverse of Write; a has the request only.
	Read(d *codec.Decoder, a tenbit.Ask, primed func() codec.Predictor) ([]tenbit.Candidate, error)
}

// packAsk turns an ask into its frame, without the stream: coded, or through
// zstd where that is shorter or there is no model.
func packAsk(t tenbit.Ask, k kit) (ask, error) {
	a := ask{terms: terms{string(t.Tenant), t.Limit, t.Modes}}
	if n, err := hex.Decode(a.id[:], []byte(t.ID)); err != nil || n != len(a.id) || len(t.ID) != 2*len(a.id) {
		return ask{}, fmt.Errorf("ask: id of %d characters is not 32 hex digits", len(t.ID))
	}
	if len(a.tenant) > maxTenant || len(t.Candidates) > maxCands || t.Limit < 0 || t.Limit > tenbit.MaxBits {
		return ask{}, fmt.Errorf("ask: tenant, candidates or limit: %w", errRange)
	}
	for _, q := range t.Questions {
		if len(q.Text) > maxQuestion || len(t.Questions) > maxQuestions {
			return ask{}, fmt.Errorf("ask: questions: %w", errTooLong)
		}
	}
	for _, c := range t.Candidates {
		if c.Votes < 0 || c.Votes > maxVotes {
			return ask{}, fmt.Errorf("ask: %d votes: %w", c.Votes, errRange)
		}
	}
	if k.history != nil {
		a.shape, a.state = a.shape|shapeHistory, k.history.name()
		if k.learns {
			a.shape |= shapeLearns
		}
	}
	a.digest = prove(t, k.history, k.key)
	if k.twin {
		a.shape |= shapeTwin
		t.Draft, t.Candidates, t.Questions = nil, nil, nil
	}
	if t.Sink != nil {
		a.shape |= shapeStream
	}
	texts := a.texts(t)
	for _, p := range texts {
		a.size += len(p)
	}
	if a.size > MaxTexts {
		return ask{}, fmt.Errorf("ask: %d bytes of text: %w", a.size, errTooLong)
	}
	a.payload = codec.ZstdCompress(joinTexts(texts))
	at := find(k.refs(), texts[0])
	p, ok := codeTexts(texts, at, a.shape, t, k)
	if ok && at.at >= 0 && at.shared < worthTrying { // a model that has learnt the ref may do without it
		if q, ok := codeTexts(texts, nowhere, a.shape, t, k); ok && len(q)+shapeCoded.proves() <= len(p)+shapeRef.proves() {
			p, at = q, nowhere
		}
	}
	if ok && len(p) < len(a.payload)+len(a.votes) {
		if a.shape |= shapeCoded; at.at >= 0 {
			a.shape |= shapeRef
		}
		a.payload, a.votes, a.likely, a.size = p, nil, nil, 0
	}
	if len(a.payload) > MaxAsk-512 {
		return ask{}, fmt.Errorf("ask: %d bytes coded: %w", len(a.payload), errTooLong)
	}
	return a, nil
}

// texts lists the texts of an ask in their order on the wire and notes the shape.
func (a *ask) texts(t tenbit.Ask) [][]byte {
	texts := [][]byte{t.Request.Body}
	if d := t.Draft; d != nil {
		a.shape |= shapeDraft
		texts = append(texts, []byte(d.Content))
		if d.ToolCalls != nil {
			a.shape |= shapeTools
			texts = append(texts, d.ToolCalls)
		}
		if d.Refusal != "" {
			a.shape |= shapeRefusal
			texts = append(texts, []byte(d.Refusal))
		}
	}
	for _, c := range t.Candidates {
		a.shape |= shapeCandidates
		a.votes = append(a.votes, uint64(c.Votes))
		texts = append(texts, candidateText(c))
	}
	for _, q := range t.Questions {
		a.shape |= shapeQuestions
		a.likely = append(a.likely, q.Yes)
		texts = append(texts, []byte(q.Text))
	}
	return texts
}

// A candidate's text begins with how it goes on: 0 and its answer, or 1 and the
// four bytes of its hash.
const (
	asText = 0
	asHash = 1
)

func candidateText(c tenbit.Candidate) []byte {
	if c.Hash != 0 {
		return binary.BigEndian.AppendUint32([]byte{asHash}, c.Hash)
	}
	return append([]byte{asText}, c.Answer...)
}

func parseCandidate(text []byte) (c tenbit.Candidate, err error) {
	switch {
	case len(text) > 0 && text[0] == asText:
		c.Answer = string(text[1:])
	case len(text) == 5 && text[0] == asHash && binary.BigEndian.Uint32(text[1:]) != 0:
		c.Hash = binary.BigEndian.Uint32(text[1:])
	default:
		err = errors.New("candidate is neither an answer nor a hash")
	}
	return c, err
}

// drafts is the number of texts that are parts of the draft.
func (s shape) drafts() (n int) {
	for _, bit := range []shape{shapeDraft, shapeTools, shapeRefusal} {
		if s&bit != 0 {
			n++
		}
	}
	return n
}

// count is the number of texts in the frame, unless they are coded.
func (a *ask) count() int { return 1 + a.shape.drafts() + len(a.votes) + len(a.likely) }

// room bounds the memory that the texts take.
func (a *ask) room() int64 {
	if a.shape&shapeCoded != 0 {
		a.size = 2 * maxCoded // JSON escapes what was coded without
		if a.shape&shapeHistory != 0 {
			a.size += maxRefBytes
		}
	}
	return int64(a.size) + int64(len(a.payload))
}

// unpack reads the texts and the request in them. An error that wraps errDigest
// asks for the texts without the model. Of an ask for a twin the digest is left
// to be checked when the draft is made.
func (a ask) unpack(k kit) (tenbit.Ask, error) {
	t := tenbit.Ask{ID: hex.EncodeToString(a.id[:]), Tenant: tenbit.TenantID(a.tenant), Limit: a.limit, Modes: a.modes, Stream: a.shape&shapeStream != 0}
	if a.shape&shapeHistory != 0 && k.history == nil {
		return t, fmt.Errorf("ask: %w: unknown history", errDigest)
	}
	var err error
	if a.shape&shapeCoded != 0 {
		err = a.decodeTexts(&t, k)
	} else {
		err = a.splitTexts(&t)
	}
	if err != nil {
		return t, fmt.Errorf("ask: %w", err)
	}
	if a.shape&shapeTwin == 0 && !a.proves(t, k) {
		return t, fmt.Errorf("ask: %w", errDigest)
	}
	return t, nil
}

// splitTexts reads texts that went through zstd.
func (a ask) splitTexts(t *tenbit.Ask) error {
	p, err := codec.ZstdDecompress(a.payload, a.size+binary.MaxVarintLen64*a.count())
	if err != nil {
		return err
	}
	texts, err := splitTexts(p, a.count(), a.size)
	if err != nil {
		return err
	}
	if t.Request, err = parseBody(texts[0]); err != nil {
		return err
	}
	n := 1 + a.shape.drafts()
	t.Draft = a.draft(texts[1:n])
	for i, v := range a.votes {
		c, err := parseCandidate(texts[n+i])
		if err != nil {
			return err
		}
		c.Votes = int(v)
		t.Candidates = append(t.Candidates, c)
	}
	n += len(a.votes)
	for i, yes := range a.likely {
		t.Questions = append(t.Questions, tenbit.Question{Text: string(texts[n+i]), Yes: yes})
	}
	return nil
}

// draft is the draft of these texts.
func (a ask) draft(texts [][]byte) *tenbit.Message {
	if a.shape&shapeDraft == 0 {
		return nil
	}
	d := &tenbit.Message{Content: string(texts[0])}
	texts = texts[1:]
	if a.shape&shapeTools != 0 {
		d.ToolCalls, texts = texts[0], texts[1:]
	}
	if a.shape&shapeRefusal != 0 {
		d.Refusal = string(texts[0])
	}
	return d
}

// parseBody parses a request body. Both ends must see the same bytes, so it has
// to be canonical already.
func parseBody(body []byte) (tenbit.Request, error) {
	req, err := tenbit.ParseRequest(body)
	if err != nil {
		return req, err
	}
	if !bytes.Equal(req.Body, body) {
		return req, &tenbit.RequestError{Msg: "The body is not in canonical form."}
	}
	return req, nil
}

func joinTexts(texts [][]byte) []byte {
	var b []byte
	for _, t := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(t))), t...)
	}
	return b
}

func splitTexts(p []byte, count, size int) ([][]byte, error) {
	f := &fields{p: p}
	texts := make([][]byte, count)
	for i := range texts {
		n := int(f.uint(uint64(size)))
		texts[i] = f.bytes(n)
		size -= n
	}
	if err := f.end(); err != nil {
		return nil, err
	}
	if size != 0 {
		return nil, errRange
	}
	return texts, nil
}

// codeTexts writes one codeword: the body but for what a ref holds, the draft's
// parts given the prompt, the candidates given the request. False: there is no
// model, a text is too long for it, or the candidates have no code.
func codeTexts(texts [][]byte, at place, s shape, t tenbit.Ask, k kit) ([]byte, bool) {
	if k.model == nil || s&shapeCandidates != 0 && k.candidates == nil {
		return nil, false
	}
	e := codec.NewEncoder()
	left := maxCoded
	write := func(p codec.Predictor, b []byte) {
		if left -= len(b); left >= 0 {
			e.Write(p, b)
			e.EndText(p)
		}
	}
	if at.at >= 0 {
		at.write(e, k.refs())
	}
	k.body(at).write(write, at.fresh(texts[0], k.refs()))
	for _, p := range texts[1 : 1+s.drafts()] {
		write(k.draft(t.Request), p)
	}
	if left < 0 {
		return nil, false
	}
	if s&shapeCandidates != 0 && k.candidates.Write(e, t, k.primed(t.Request)) != nil {
		return nil, false
	}
	if s&shapeQuestions != 0 {
		e.Symbol(len(t.Questions)-1, uniform)
		p := k.draft(t.Request)
		for _, q := range t.Questions {
			e.Byte(q.Yes)
			p := codec.Fork(p)
			e.Write(p, []byte(q.Text))
			e.EndText(p)
		}
	}
	return append(e.Take(), e.Finish()...), true
}

// decodeTexts is the inverse of codeTexts. It stops at maxCoded.
func (a ask) decodeTexts(t *tenbit.Ask, k kit) (err error) {
	if k.model == nil || a.shape&shapeCandidates != 0 && k.candidates == nil {
		return fmt.Errorf("%w: no model was agreed", errDigest)
	}
	d := codec.NewDecoder()
	d.Feed(a.payload)
	d.End()
	left := maxCoded
	read := func(p codec.Predictor) (b []byte) {
		if err == nil {
			b, _, err = d.Text(p, nil, left)
			left -= len(b)
		}
		return b
	}
	at := nowhere
	if a.shape&shapeRef != 0 {
		at, err = readPlace(d, k.refs())
	}
	if err == nil {
		var fresh []byte
		if fresh, err = k.body(at).read(func(p codec.Predictor) ([]byte, error) { return read(p), err }); err == nil {
			t.Request, err = parseBody(at.whole(fresh, k.refs()))
		}
	}
	if err != nil { // a body that makes no sense was coded with something else
		return fmt.Errorf("%w: %w", errDigest, err)
	}
	var parts [][]byte
	for range a.shape.drafts() {
		parts = append(parts, read(k.draft(t.Request)))
	}
	if err == nil {
		t.Draft = a.draft(parts)
		if a.shape&shapeCandidates != 0 {
			t.Candidates, err = k.candidates.Read(d, *t, k.primed(t.Request))
		}
	}
	if err == nil && a.shape&shapeQuestions != 0 {
		t.Questions, err = readQuestions(d, k.draft(t.Request))
	}
	if err == nil {
		err = d.Finish()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errDigest, err)
	}
	return nil
}

func readQuestions(d *codec.Decoder, primed codec.Predictor) (qs []tenbit.Question, err error) {
	last, err := d.Symbol(uniform)
	for i := 0; i <= last && err == nil; i++ {
		var q tenbit.Question
		var text []byte
		if q.Yes, err = d.Byte(); err == nil {
			text, _, err = d.Text(codec.Fork(primed), nil, maxQuestion)
		}
		q.Text = string(text)
		qs = append(qs, q)
	}
	return qs, err
}

// uniform are the odds of how many questions there are.
var uniform = slices.Repeat([]uint32{1}, maxQuestions)

func (k kit) refs() []ref {
	if k.history == nil {
		return nil
	}
	return k.history.refs
}

// body primes what codes the new part of a body.
func (k kit) body(at place) bodyCoder {
	if at.at < 0 {
		return bodyCoder{skeleton: k.model.Predictor([]byte(usualSkeleton)), texts: k.model.Predictor(nil)}
	}
	c := bodyCoder{}
	r := k.refs()[at.at]
	prime := r[max(0, at.from-refTail):at.from]
	if inside(r[:at.from]) {
		c.before = quotes
		prime = slices.Concat(prime, quotes)
	}
	if inside(r[:at.to]) {
		c.after = quotes
	}
	skeleton, texts := split(prime)
	c.skeleton, c.texts = k.model.Predictor(skeleton), k.model.Predictor(bytes.Join(texts, []byte{'\n'}))
	return c
}

var quotes = []byte{'"'}

// primed is the model after a prompt, made once and forked.
func (k kit) primed(req tenbit.Request) func() codec.Predictor {
	first := sync.OnceValue(func() codec.Predictor { return k.draft(req) })
	return func() codec.Predictor { return codec.Fork(first()) }
}

// draft primes the predictor of a part of the draft.
func (k kit) draft(req tenbit.Request) codec.Predictor {
	prompt := req.Prompt()
	return k.model.Predictor([]byte(prompt[max(0, len(prompt)-maxPrime):]))
}
