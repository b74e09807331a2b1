//go:build race

package policy

// raced says that the race detector is on: what is long and has one goroutine
// runs without it.
const raced = true
