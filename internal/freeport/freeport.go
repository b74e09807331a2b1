// Package freeport finds loopback addresses for the servers of tests.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Addr is a loopback address where nobody listens, for a server that has to
// be told its port or that comes back at the same one. What can listen on port 0
// should: that can't collide. The port lies below those that systems hand out,
// from 32768 (Linux) or 49152 (others), so that neither a listener on port 0 nor
// a connection takes it in the meantime.
func Addr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.N(20_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port found")
	return ""
}
