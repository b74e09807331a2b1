//go:build !race

package gateway_test

// raceEnabled says that tests run several times slower.
const raceEnabled = false
