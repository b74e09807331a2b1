package codec

import (
	"cmp"
	"errors"
	"slices"
)

// Sample is a recorded prompt and a model's answer, to train on.
type Sample struct {
	Domain string // "chat", "math", "science", "code"; others train the base only
	Prompt string // may be empty
	Answer string
}

// domains name the adapters from 1 on.
var domains = [adapters]string{"", "chat", "math", "science", "code"}

// ErrSamples says that there is too little to train on.
var ErrSamples = errors.New("codec: training needs samples with a hundred prompts or more")

// Train makes the artifact of a prior, at most 20 MiB, from recorded answers.
// The same samples, in any order but that among answers to one prompt, give the
// same bytes. It takes 4 GiB of memory. progress, if not nil, is told how many
// of how many bytes of text have been worked through.
//
// The table counts every text. What its states mean and how they are mixed is
// learnt on texts it has not counted yet, one in fourteen prompts; at last these
// are counted too.
func Train(samples []Sample, progress func(done, total int64)) ([]byte, error) {
	t := &training{samples: slices.Clone(samples), progress: progress, count: newCounter()}
	t.sort()
	held := 0
	for held < len(t.keys) && t.keys[held] < heldFrom {
		held++
	}
	if held < 100 || held == len(t.keys) {
		return nil, ErrSamples
	}
	t.total = t.size(0, len(t.keys)) + t.size(held, len(t.keys))*(basePasses+1)
	t.counted(0, held)
	m := &prior{pages: trainPages, table: string(t.count.build(trainPages)), route: t.router()}
	t.mix(m, t.samples[held:])
	t.counted(held, len(t.keys))
	m.table = string(t.count.build(trainPages))
	return m.append(nil), nil
}

const (
	trainPages = 4681 // about 65536/14, so that hashes spread evenly; 18.3 MiB
	heldFrom   = 0xffffffffffffffff / 14 * 13
	basePasses = 2
)

// training is one run of [Train].
type training struct {
	samples     []Sample
	keys        []uint64 // of the prompts, ascending
	count       *counter
	done, total int64
	progress    func(done, total int64)
}

// sort brings the answers to one prompt together and mixes the domains.
func (t *training) sort() {
	type keyed struct {
		key uint64
		Sample
	}
	list := make([]keyed, len(t.samples))
	for i, s := range t.samples {
		list[i] = keyed{textKey(s.Prompt), s}
		if s.Prompt == "" {
			list[i].key = textKey(s.Answer)
		}
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	t.keys = make([]uint64, len(list))
	for i, k := range list {
		t.samples[i], t.keys[i] = k.Sample, k.key
	}
}

func textKey(s string) uint64 {
	h := uint64(len(s))
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}

func (t *training) size(from, to int) (n int64) {
	for _, s := range t.samples[from:to] {
		n += int64(len(s.Answer))
	}
	return n
}

// counted counts samples in the table.
func (t *training) counted(from, to int) {
	for i := from; i < to; i++ {
		s := t.samples[i]
		if i == 0 || t.keys[i] != t.keys[i-1] {
			t.count.group = t.count.group%255 + 1
			t.count.text(promptText, []byte(s.Prompt))
		}
		t.count.text(answerText, []byte(s.Answer))
		t.report(s)
	}
}

func (t *training) report(s Sample) {
	t.done += int64(len(s.Answer))
	if t.progress != nil {
		t.progress(t.done, t.total)
	}
}

// mix learns the parameters of the base, then of each domain.
func (t *training) mix(m *prior, held []Sample) {
	m.params[0] = newParams()
	base := newLearner(m, 0)
	for pass := range basePasses {
		for i, s := range held {
			left := (basePasses-pass)*len(held) - i
			base.rates(left*256/(basePasses*len(held)), [2]int32{256, 64})
			base.sample(s, i%4 == 0)
			t.report(s)
		}
		base.setEnds()
	}
	for a := 1; a < adapters; a++ {
		l := base.adapt(a)
		var own []Sample
		for _, s := range held {
			if s.Domain == domains[a] {
				own = append(own, s)
			}
		}
		for i, s := range own {
			l.rates((len(own)-i)*256/len(own), [2]int32{128, 32})
			l.sample(s, i%4 == 0)
			t.report(s)
		}
	}
	for _, p := range m.params {
		p.rate = [2]int32{384, 80}
	}
}

// router learns which words a domain's prompts have.
func (t *training) router() *router {
	var words [adapters]int64
	counts := new([routerBuckets][adapters]int64)
	for i, s := range t.samples {
		a := slices.Index(domains[:], s.Domain)
		if a < 1 || s.Prompt == "" || i > 0 && t.keys[i] == t.keys[i-1] {
			continue
		}
		for _, f := range features([]byte(s.Prompt)) {
			counts[f][a]++
			words[a]++
		}
	}
	r := new(router)
	for f := range counts {
		var share [adapters]int32 // log2 of the word's share of a domain's, 1/64
		sum := int32(0)
		for a := 1; a < adapters; a++ {
			share[a] = log2x64(uint32((counts[f][a]*2+1)<<28/(words[a]*2+routerBuckets))) / (adapters - 1)
			sum += share[a]
		}
		for a := 1; a < adapters; a++ {
			r.weight[f][a] = int16(share[a]*(adapters-1) - sum)
		}
	}
	return r
}
