package codec

import "golang.org/x/sys/cpu"

//go:noescape
func dotsAVX2(x *inputs, first *weights, rows, sums *[mixRows]int32)

//go:noescape
func trainAVX2(x *inputs, first *weights, rows, errs *[mixRows]int32)

// Both compute what their plain Go twins do, to the bit.

func dots(x *inputs, first []weights, rows, logits *[mixRows]int32) {
	if !cpu.X86.HasAVX2 {
		dotsGo(x, first, rows, logits)
		return
	}
	_ = first[firstRows-1]
	dotsAVX2(x, &first[0], rows, logits)
	for k, sum := range logits {
		logits[k] = clampLogit(sum >> 8)
	}
}

func train(x *inputs, first []weights, rows, errs *[mixRows]int32) {
	if !cpu.X86.HasAVX2 {
		trainGo(x, first, rows, errs)
		return
	}
	_ = first[firstRows-1]
	trainAVX2(x, &first[0], rows, errs)
}
