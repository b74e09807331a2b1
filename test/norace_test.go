//go:build !race

package test

// raceEnabled has the program built with the race detector as the tests are.
const raceEnabled = false
