//go:build !linux

package codec

func makeTallies(n int) []tally { return make([]tally, n) }
