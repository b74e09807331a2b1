//go:build unix

package cache

import "syscall"

// reserve gets n bytes of zeroes from the system, which provides them as they
// are written.
func reserve(n int) ([]byte, error) {
	return syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
}

func release(mem []byte) { _ = syscall.Munmap(mem) }
