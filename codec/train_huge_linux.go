package codec

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// makeTallies asks for huge pages: counting jumps about in gigabytes.
func makeTallies(n int) []tally {
	t := make([]tally, n)
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&t[0])), n*int(unsafe.Sizeof(t[0]))), unix.MADV_HUGEPAGE)
	return t
}
