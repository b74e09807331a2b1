//go:build !amd64

package codec

func dots(x *inputs, first []weights, rows, logits *[mixRows]int32) { dotsGo(x, first, rows, logits) }

func train(x *inputs, first []weights, rows, errs *[mixRows]int32) { trainGo(x, first, rows, errs) }
