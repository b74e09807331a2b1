package codec

// router chooses an adapter by a prompt: naive Bayes over hashed words.
type router struct {
	prior  [adapters]int16
	weight [routerBuckets][adapters]int16 // log2 of a word's odds, 1/64
}

const routerBuckets = 8192

// pick returns the adapter of the likeliest domain, 0 for an empty prompt.
func (r *router) pick(prompt []byte) int {
	if len(prompt) == 0 || r == nil {
		return 0
	}
	var score [adapters]int32
	for a, p := range r.prior {
		score[a] = int32(p)
	}
	for _, w := range features(prompt) {
		for a := range score {
			score[a] += int32(r.weight[w][a])
		}
	}
	best := 1
	for a := 2; a < adapters; a++ {
		if score[a] > score[best] {
			best = a
		}
	}
	return best
}

// features lists the hashes of a prompt's distinct words and signs, at most 2048.
func features(prompt []byte) []int {
	const most = 2048
	var seen [routerBuckets / 64]uint64
	var list []int
	add := func(h uint32) {
		i := h * 0x9e3779b1 >> 19
		if seen[i/64]>>(i%64)&1 == 0 && len(list) < most {
			seen[i/64] |= 1 << (i % 64)
			list = append(list, int(i))
		}
	}
	h := uint32(wordStart)
	for _, b := range prompt {
		if wordByte[b] {
			h = (h + uint32(lower(b)) + 1) * 0x2c9277b5
			h ^= h >> 15
			continue
		}
		if h != wordStart {
			add(h)
			h = wordStart
		}
		add(uint32(b))
	}
	if h != wordStart {
		add(h)
	}
	return list
}
