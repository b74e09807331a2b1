//go:build !amd64

package codec

func dots(x *inputs, first []weights, rows, logits *[mixRows]int32) { dotsGo(x, first, rows, logits) }

func train(x *inputs, w *weights, err int32) { trainGo(x, w, err) }
