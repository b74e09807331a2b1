//go:build !race

package codec

// raced says that the race detector is on.
const raced = false
