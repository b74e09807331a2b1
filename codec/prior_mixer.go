package codec

// The mixer: inputs are logits in 1/256, weights are 1/65536. Several rows of
// weights, each chosen by another context, see the same inputs; every row learns
// from its own error, and a second layer weighs their logits.

const (
	mixInputs = 24 // inputs of a row, the last ones unused
	mixUsed   = staticContexts + localContexts + matchers + 1
	mixRows   = 6 // rows chosen for each bit
	maxWeight = 1<<19 - 1
)

type (
	inputs  [mixInputs]int32
	weights [mixInputs]int32
)

// dotsGo sets each logit to the sum of the inputs times the weights of a row, in
// 1/256: every product is shifted right by 8, so is their sum.
func dotsGo(x *inputs, first []weights, rows *[mixRows]int32, logits *[mixRows]int32) {
	for k, r := range rows {
		sum := int32(0)
		for i, w := range first[r] {
			sum += x[i] * w >> 8
		}
		logits[k] = clampLogit(sum >> 8)
	}
}

// trainGo moves the weights of each row along the inputs by its error, 1/65536
// times the rate.
func trainGo(x *inputs, first []weights, rows, errs *[mixRows]int32) {
	for k, r := range rows {
		if errs[k] == 0 {
			continue
		}
		w := &first[r]
		for i := range x {
			w[i] = min(max(w[i]+(x[i]*errs[k]+1<<15)>>16, -maxWeight-1), maxWeight)
		}
	}
}

// clampLogit keeps a logit in the range of [squash].
func clampLogit(x int32) int32 { return min(max(x, -maxLogit), maxLogit) }
