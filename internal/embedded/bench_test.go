package embedded

import (
	"syscall"
	"testing"
	"time"
)

// Sizes near the largest that half a MiB of ternary weights and 8 MiB of half
// precision allow.
var (
	benchSmall = size{dim: 192, layers: 5, ff: 512, heads: 6, kv: 3, context: 512, vocab: 512}
	benchLarge = size{dim: 256, layers: 5, ff: 704, heads: 8, kv: 4, context: 512, vocab: 512}
)

// BenchmarkDecode reports tokens per second of processor time at 200 positions.
func BenchmarkDecode(b *testing.B) {
	eachModel(b, func(b *testing.B, m *Model) {
		prompt := m.tok.prompt("How many inns are there in the land of the seven inns?", 256)
		for len(prompt) < 200 {
			prompt = append(prompt, prompt[1:10]...)
		}
		read, err := m.evaluate(b.Context(), prompt[:200], m.net.start())
		if err != nil {
			b.Fatal(err)
		}
		pick := sampler{frac: m.frac, exp2: m.exp2, milli: 700, topP: 1 << 16}
		st := read.fork(200)
		b.ReportAllocs()
		start()
		for b.Loop() {
			if st.len() > 300 {
				st = read.fork(200)
			}
			if err := st.eval(b.Context(), []int32{pick.pick(st.logits())}, 1); err != nil {
				b.Fatal(err)
			}
		}
		report(b, float64(b.N))
	})
}

// BenchmarkPrompt reports tokens per second of processor time over a prompt of 200.
func BenchmarkPrompt(b *testing.B) {
	eachModel(b, func(b *testing.B, m *Model) {
		ids := make([]int32, 200)
		for i := range ids {
			ids[i] = int32(3 + i)
		}
		m.threads = 1
		start()
		for b.Loop() {
			if _, err := m.evaluate(b.Context(), ids, m.net.start()); err != nil {
				b.Fatal(err)
			}
		}
		report(b, 200*float64(b.N))
	})
}

// cpuTime is the processor time that this process has used: what the machine
// does besides must not count.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var started time.Duration

func start() { started = cpuTime() }

func report(b *testing.B, tokens float64) {
	b.ReportMetric(tokens/(cpuTime()-started).Seconds(), "tokens/cpu-s")
}

func eachModel(b *testing.B, f func(b *testing.B, m *Model)) {
	b.Run("small", func(b *testing.B) { f(b, open(b, randomSmall(benchSmall, 1), Options{})) })
	b.Run("large", func(b *testing.B) { f(b, open(b, randomLarge(benchLarge, 1), Options{})) })
}
