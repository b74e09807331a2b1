//go:build !unix

package cache

// reserve gets n bytes of zeroes. They count towards the Go heap here.
func reserve(n int) ([]byte, error) { return make([]byte, n), nil }

func release([]byte) {}
