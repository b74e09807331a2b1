package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestZstdLimit: what is packed comes back where exactly so much is allowed, and
// is too long where it is a byte less.
func TestZstdLimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 100, 255, 256, 1024, 1025, 65791, 65792, 1 << 20, 1<<20 + 1, 3 << 20} {
		noise := make([]byte, n)
		for i := range noise {
			noise[i] = byte(rng.Uint32())
		}
		for name, p := range map[string][]byte{"one byte": make([]byte, n), "words": bytes.Repeat([]byte("no yes "), n/7+1)[:n], "noise": noise} {
			z := ZstdCompress(p)
			if got, err := ZstdDecompress(z, n); err != nil || !bytes.Equal(got, p) {
				t.Errorf("%s, %d bytes: got %d bytes, %v", name, n, len(got), err)
			}
			if n == 0 {
				continue
			}
			if z[0] == plainZstd { // as docs/codec.md has it
				var h zstd.Header
				if err := h.Decode(z[1:]); err != nil || h.HasFCS != (n > unsized) || h.HasCheckSum {
					t.Errorf("%s, %d bytes: size %v, checksum %v, %v", name, n, h.HasFCS, h.HasCheckSum, err)
				}
			}
			if got, err := ZstdDecompress(z, n-1); !errors.Is(err, ErrTooLong) {
				t.Errorf("%s, %d bytes of %d: got %d bytes, %v", name, n-1, n, len(got), err)
			}
		}
	}
}

// bomb is 8 MiB in less than a kilobyte, its size named or not.
func bomb(t *testing.T, sized bool) []byte {
	t.Helper()
	big := make([]byte, 8<<20)
	if sized {
		return ZstdCompress(big)
	}
	b := bytes.NewBuffer([]byte{plainZstd})
	w, err := zstd.NewWriter(b, zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(big); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestZstdBomb: a frame that unpacks to more than the limit, or than it names,
// takes no more memory than a decoder does.
func TestZstdBomb(t *testing.T) {
	for want, sized := range map[error]bool{ErrTooLong: true, ErrCorrupt: false} {
		for _, limit := range []int{100, 100_000} {
			t.Run(fmt.Sprintf("sized %v limit %d", sized, limit), func(t *testing.T) {
				z := bomb(t, sized)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := ZstdDecompress(z, limit)
				runtime.ReadMemStats(&after)
				if !errors.Is(err, want) {
					t.Errorf("%d bytes: got %v, want %v", len(z), err, want)
				}
				if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
					t.Errorf("%d bytes: %d bytes allocated", len(z), got)
				}
			})
		}
	}
}
