package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"tenbit"
)

// Model is one loaded model. It implements policy.Model and is safe for
// concurrent use; answers do not depend on what else runs, on the number of
// threads or on what was asked before.
type Model struct {
	name    string
	digest  uint64
	context int
	frac    int // fraction bits of the logits
	exp2    []int32
	tok     *tokenizer
	net     network
	threads int
	slots   chan struct{} // one for each request in work; bounds the memory of caches

	mu     sync.Mutex // guards recent
	recent []*prompt  // most recently used first
}

// Options bound what a model uses. The zero value is useful.
type Options struct {
	// Threads evaluate a prompt together; 0: one per processor, at most four.
	Threads int
	// Parallel requests are worked on at once, the others wait; 0: eight.
	Parallel int
}

const (
	keptPrompts = 16 // prompts whose cache is kept for the next request
	chunk       = 16 // positions evaluated together
)

// Open loads a GGUF file of architecture tenbit or llama. It keeps no reference
// to data. Errors wrap [ErrFormat].
func Open(data []byte, o Options) (*Model, error) {
	g, err := parseGGUF(data)
	if err != nil {
		return nil, err
	}
	arch, _ := g.meta["general.architecture"].(string)
	if arch != "tenbit" && arch != "llama" {
		return nil, fmt.Errorf("%w: architecture %.64q: want tenbit or llama", ErrFormat, arch)
	}
	sum := sha256.Sum256(data)
	m := &Model{name: arch, digest: binary.BigEndian.Uint64(sum[:]), threads: o.Threads}
	if m.threads == 0 {
		m.threads = min(runtime.GOMAXPROCS(0), 4)
	}
	if o.Parallel == 0 {
		o.Parallel = 8
	}
	m.slots = make(chan struct{}, o.Parallel)
	if m.tok, err = newTokenizer(g); err != nil {
		return nil, err
	}
	s, err := readShape(g, arch, len(m.tok.pieces))
	if err != nil {
		return nil, err
	}
	m.context = s.context
	if arch == "llama" {
		m.frac, m.exp2 = 32, standardExp2
		m.net, err = newLlama(g, s)
		return m, err
	}
	t, err := newTernary(g, s)
	if err != nil {
		return nil, err
	}
	m.frac, m.exp2, m.net = 16, t.exp2, t
	return m, nil
}

// Digest names the weights: models with equal digests give equal answers to
// equal requests, on every machine.
func (m *Model) Digest() uint64 { return m.digest }

// Context is the number of tokens of a prompt and its answer together.
func (m *Model) Context() int { return m.context }

// Complete answers the last user message of req; earlier turns and system
// messages are not read (docs/models.md). Without a temperature the answer is
// greedy, without a seed it is drawn with seed 0. A question that leaves no room
// for an answer is cut at its front. Errors wrap [tenbit.ErrIncomplete]: ctx
// ended, or the sink failed.
func (m *Model) Complete(ctx context.Context, req tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	p, err := readParams(req, s)
	if err != nil {
		return tenbit.Completion{}, err
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return tenbit.Completion{}, fmt.Errorf("wait for the embedded model: %w: %w", tenbit.ErrIncomplete, ctx.Err())
	}
	answer := m.context / 2
	if p.max > 0 {
		answer = min(answer, p.max)
	}
	ids := m.tok.prompt(req.Question(), m.context-answer)
	st, err := m.read(ctx, ids)
	if err != nil {
		return tenbit.Completion{}, fmt.Errorf("read the prompt: %w: %w", tenbit.ErrIncomplete, err)
	}
	d := decoding{m: m, st: st, params: p, out: output{stops: p.stops, sink: s.Sink}, logProbs: s.LogProbs}
	c, err := d.run(ctx)
	c.Usage.Prompt = len(ids)
	if err != nil {
		return c, fmt.Errorf("answer: %w: %w", tenbit.ErrIncomplete, err)
	}
	return c, nil
}

// prompt is a prompt that was read. Its state is never evaluated again.
type prompt struct {
	ids  []int32
	done chan struct{} // closed when st is set, or err
	st   state
	err  error
}

// read returns the state after ids. It starts from the longest beginning that a
// recent prompt shares; requests for the same prompt wait for one evaluation.
func (m *Model) read(ctx context.Context, ids []int32) (state, error) {
	for {
		p, from := m.find(ids)
		if from != nil {
			p.st, p.err = m.evaluate(ctx, ids, from)
			close(p.done)
			if p.err != nil {
				m.forget(p)
				return nil, p.err
			}
			return p.st.fork(len(ids)), nil
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if p.err == nil {
			return p.st.fork(len(ids)), nil
		}
		// The request that was evaluating it left: try again.
	}
}

// find returns the entry for ids. Where there was none it makes one and returns
// the state to start from: the caller evaluates.
func (m *Model) find(ids []int32) (*prompt, state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var best *prompt
	shared := 0
	for i, p := range m.recent {
		n := common(p.ids, ids)
		if n == len(ids) && n == len(p.ids) {
			copy(m.recent[1:i+1], m.recent[:i])
			m.recent[0] = p
			return p, nil
		}
		select {
		case <-p.done:
		default:
			continue
		}
		if p.err == nil && n > shared {
			best, shared = p, n
		}
	}
	from := m.net.start()
	if best != nil {
		from = best.st.fork(min(shared, len(ids)-1))
	}
	p := &prompt{ids: ids, done: make(chan struct{})}
	m.recent = append([]*prompt{p}, m.recent[:min(len(m.recent), keptPrompts-1)]...)
	return p, from
}

func (m *Model) forget(p *prompt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recent = slices.DeleteFunc(m.recent, func(q *prompt) bool { return p == q })
}

func (m *Model) evaluate(ctx context.Context, ids []int32, st state) (state, error) {
	for st.len() < len(ids) {
		next := ids[st.len():]
		if err := st.eval(ctx, next[:min(chunk, len(next))], m.threads); err != nil {
			return nil, err
		}
	}
	return st, nil
}

func common(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
