package link

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

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

// packAsk turns an ask into its frame, without the stream. The texts are coded
// with model, or through zstd where that is shorter or model is nil; learns says
// that the model is one that learns.
func packAsk(t tenbit.Ask, model codec.Model, learns bool) (ask, error) {
	a := ask{tenant: string(t.Tenant), limit: t.Limit, modes: t.Modes}
	if n, err := hex.Decode(a.id[:], []byte(t.ID)); err != nil || n != len(a.id) || len(t.ID) != 2*len(a.id) {
		return ask{}, fmt.Errorf("ask: id of %d characters is not 32 hex digits", len(t.ID))
	}
	if len(a.tenant) > maxTenant || len(t.Candidates) > maxCands || t.Limit < 0 || t.Limit > tenbit.MaxBits {
		return ask{}, fmt.Errorf("ask: tenant, candidates or limit: %w", errRange)
	}
	for _, c := range t.Candidates {
		if c.Votes < 0 || c.Votes > maxVotes {
			return ask{}, fmt.Errorf("ask: %d votes: %w", c.Votes, errRange)
		}
		a.votes = append(a.votes, uint64(c.Votes))
	}
	texts := a.texts(t)
	for _, p := range texts {
		a.size += len(p)
	}
	if a.size > MaxTexts {
		return ask{}, fmt.Errorf("ask: %d bytes of text: %w", a.size, errTooLong)
	}
	if learns {
		a.shape, a.state = a.shape|shapeHistory, stateOf(model)
	}
	a.digest = codec.Digest(texts...)
	a.payload = codec.ZstdCompress(joinTexts(texts))
	if model != nil && a.size <= maxCoded {
		if p := codeTexts(model, texts, a.shape, t.Request); len(p) < len(a.payload) {
			a.payload, a.shape = p, a.shape|shapeCoded
		}
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
		texts = append(texts, []byte(c.Answer))
	}
	return texts
}

// count is the number of texts in the frame.
func (a *ask) count() int {
	n := 1 + len(a.votes)
	for _, bit := range []shape{shapeDraft, shapeTools, shapeRefusal} {
		if a.shape&bit != 0 {
			n++
		}
	}
	return n
}

// unpack reads the texts and the request in them. An error that wraps
// errDigest asks for the texts without the model.
func (a ask) unpack(model codec.Model) (tenbit.Ask, error) {
	t := tenbit.Ask{ID: hex.EncodeToString(a.id[:]), Tenant: tenbit.TenantID(a.tenant), Limit: a.limit, Modes: a.modes}
	if a.shape&shapeHistory != 0 && model == nil {
		return t, fmt.Errorf("ask: %w: unknown history", errDigest)
	}
	texts, err := a.readTexts(model)
	if err != nil {
		return t, fmt.Errorf("ask: %w", err)
	}
	if codec.Digest(texts...) != a.digest {
		return t, fmt.Errorf("ask: %w", errDigest)
	}
	if t.Request, err = parseBody(texts[0]); err != nil {
		return t, err
	}
	next := func() []byte { texts = texts[1:]; return texts[0] }
	if a.shape&shapeDraft != 0 {
		t.Draft = &tenbit.Message{Content: string(next())}
		if a.shape&shapeTools != 0 {
			t.Draft.ToolCalls = next()
		}
		if a.shape&shapeRefusal != 0 {
			t.Draft.Refusal = string(next())
		}
	}
	for _, v := range a.votes {
		t.Candidates = append(t.Candidates, tenbit.Candidate{Answer: string(next()), Votes: int(v)})
	}
	return t, nil
}

func (a ask) readTexts(model codec.Model) ([][]byte, error) {
	if a.shape&shapeCoded == 0 {
		// The floor leaves room for zstd's window; splitTexts holds the size.
		p, err := codec.ZstdDecompress(a.payload, max(a.size+binary.MaxVarintLen64*a.count(), 1<<20))
		if err != nil {
			return nil, err
		}
		return splitTexts(p, a.count(), a.size)
	}
	if model == nil {
		return nil, fmt.Errorf("%w: no model was agreed", errDigest)
	}
	return a.decodeTexts(model)
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

// codeTexts writes one codeword: the body, the draft's parts given the prompt,
// the candidates given prompt and draft.
func codeTexts(m codec.Model, texts [][]byte, s shape, req tenbit.Request) []byte {
	e := codec.NewEncoder()
	c := contexts{model: m, shape: s, prompt: req.Prompt}
	for i, t := range texts {
		p := c.predictor(i, texts)
		e.Write(p, t)
		e.EndText(p)
	}
	return append(e.Take(), e.Finish()...)
}

// decodeTexts is the inverse of codeTexts. It stops at the size that the frame
// named, and at maxCoded.
func (a ask) decodeTexts(m codec.Model) ([][]byte, error) {
	left := a.size
	if left > maxCoded {
		return nil, errTooLong
	}
	d := codec.NewDecoder()
	d.Feed(a.payload)
	d.End()
	texts := make([][]byte, 0, a.count())
	c := contexts{model: m, shape: a.shape, prompt: func() string {
		req, _ := tenbit.ParseRequest(texts[0]) // unpack tells what is wrong with it
		return req.Prompt()
	}}
	for i := range a.count() {
		t, _, err := d.Text(c.predictor(i, texts), nil, left)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDigest, err)
		}
		left -= len(t)
		texts = append(texts, t)
	}
	if err := d.Finish(); err != nil || left != 0 {
		return nil, errors.Join(errDigest, err)
	}
	return texts, nil
}

// usualBody primes the request's body: what most canonical bodies are written
// in, so that only the words of the question cost bytes. It is part of the format.
const usualBody = `{"messages":[{"content":"You are a helpful assistant.","role":"system"},{"content":"Hello!","role":"user"}],"model":"tenbit","stream":true}
{"max_tokens":256,"messages":[{"content":"What is it?","role":"user"},{"content":"It is.","role":"assistant"},{"content":"Why?","role":"user"}],"model":"tenbit","temperature":0}
{"messages":[{"content":"How many are there?","role":"user"}],"model":"tenbit"}
`

// contexts primes the predictor of each text with those before it.
type contexts struct {
	model  codec.Model
	shape  shape
	prompt func() string // called once, after the first text

	primed   bool
	tail     []byte          // the end of the prompt
	answered codec.Predictor // primed for the candidates
}

func (c *contexts) predictor(i int, texts [][]byte) codec.Predictor {
	if i == 0 {
		return c.model.Predictor([]byte(usualBody))
	}
	if !c.primed {
		c.primed = true
		c.tail = []byte(c.prompt())
		c.tail = c.tail[max(0, len(c.tail)-maxPrime):]
	}
	parts := 0 // of the draft
	for _, bit := range []shape{shapeDraft, shapeTools, shapeRefusal} {
		if c.shape&bit != 0 {
			parts++
		}
	}
	if i <= parts {
		return c.model.Predictor(c.tail)
	}
	if c.answered == nil {
		context := [][]byte{c.tail}
		if parts > 0 {
			context = append(context, texts[1][max(0, len(texts[1])-maxPrime):])
		}
		c.answered = c.model.Predictor(context...)
	}
	return codec.Fork(c.answered)
}
