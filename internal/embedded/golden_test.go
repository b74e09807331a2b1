package embedded

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata")

// bitsOf is a digest of all logits of a few prompts and of sampled answers.
func bitsOf(t *testing.T, m *Model) string {
	t.Helper()
	h := sha256.New()
	for i, q := range []string{"", "the inn in the land", "A 17-day trip costs $1,234.50: \u00e9\U0001f600", strings.Repeat("17 ", 30)} {
		ids := m.tok.prompt(q, m.context/2)
		st := m.net.start()
		for _, id := range ids {
			if err := st.eval(t.Context(), []int32{id}, 1); err != nil {
				t.Fatal(err)
			}
			if err := binary.Write(h, binary.LittleEndian, st.logits()); err != nil {
				t.Fatal(err)
			}
		}
		for _, temperature := range []float64{0, 0.3, 1.1} {
			c := answer(t, m, ask(q, `,"top_p":0.95`), sampled(temperature, int64(i)))
			fmt.Fprintf(h, "%d %q %d\n", i, c.Message.Content, c.Usage.Completion)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestGoldenBits: testdata/tiny.gguf, a ternary model of random weights, gives
// the recorded bits with each kernel. It also runs under qemu, see below.
func TestGoldenBits(t *testing.T) {
	const file, record = "testdata/tiny.gguf", "testdata/tiny.sha256"
	if *update {
		if err := os.WriteFile(file, randomSmall(size{dim: 48, layers: 2, ff: 52, heads: 2, kv: 1, context: 128, vocab: 264}, 11), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, data, Options{})
	got := bitsOf(t, m)
	want := recorded(t, record, got)
	rows, dot, mad := dotRows, dotWide, madWide
	defer func() { dotRows, dotWide, madWide = rows, dot, mad }()
	dotRows, dotWide, madWide = dotRowsGo, dotWideGo, madWideGo
	if got := bitsOf(t, open(t, data, Options{Threads: 1})); got+"\n" != want {
		t.Errorf("plain Go: got %s, want %s", got, want)
	}
}

// TestShippedBits: the shipped small model gives the recorded bits, also as a
// 64-bit ARM program.
func TestShippedBits(t *testing.T) {
	recorded(t, "testdata/small.sha256", bitsOf(t, open(t, smallData, Options{})))
}

// recorded compares bits with a record, or makes the record anew, and returns it.
func recorded(t *testing.T, record, got string) string {
	t.Helper()
	if *update {
		if err := os.WriteFile(record, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	return string(want)
}

// TestGoldenBitsARM runs the golden test as a 64-bit ARM program.
func TestGoldenBitsARM(t *testing.T) {
	qemu, err := exec.LookPath("qemu-aarch64")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("TENBIT_REQUIRE"), ","), "qemu") {
			t.Fatalf("qemu is required: %v", err)
		}
		t.Skip("qemu-aarch64 is not installed")
	}
	if testing.Short() {
		t.Skip("builds and emulates: not with -short")
	}
	bin := filepath.Join(t.TempDir(), "embedded.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for arm64: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), qemu, bin, "-test.run", "^(TestGoldenBits|TestShippedBits|TestKernelsEqualPlainGo)$", "-test.v")
	if out, err := run.CombinedOutput(); err != nil || strings.Count(string(out), "--- PASS") != 3 {
		t.Errorf("on arm64: %v\n%s", err, out)
	}
}
