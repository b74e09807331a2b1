package codec

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors.json")

// vector is a container and what it holds; bytes are base64.
type vector struct {
	Name    string   `json:"name"`
	Context [][]byte `json:"context,omitempty"` // prompt, draft
	Text    []byte   `json:"text"`
	Packed  []byte   `json:"packed"`
}

func vectors() []vector {
	prompt := []byte("A train leaves at 9:40 and takes 135 minutes. When does it arrive? Answer with the time only.")
	essay := []byte("## Why bread rises\n\n1. **Yeast** eats sugar and gives off carbon dioxide.\n2. **Gluten** holds the gas.\n\nTo bake it, heat the oven to 220\u00b0C.")
	code := []byte("```python\ndef add(a, b):\n    return a + b\n\n\nprint(add(2, 40))  # 42\n```\n")
	many := prose(6000, 10)
	noise := make([]byte, 64)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	return []vector{
		{Name: "empty"},
		{Name: "one byte", Text: []byte("7")},
		{Name: "time", Context: [][]byte{prompt}, Text: []byte("11:55")},
		{Name: "draft is right", Context: [][]byte{prompt, []byte("The train arrives at 11:55.")}, Text: []byte("The train arrives at 11:55.")},
		{Name: "draft is wrong", Context: [][]byte{prompt, []byte("The train arrives at 11:45.")}, Text: []byte("The train arrives at 11:55.")},
		{Name: "empty draft", Context: [][]byte{prompt, {}}, Text: []byte("11:55")},
		{Name: "essay", Context: [][]byte{[]byte("Why does bread rise?")}, Text: essay},
		{Name: "code", Context: [][]byte{[]byte("Write a Python function that adds.")}, Text: code},
		{Name: "no prompt", Text: essay},
		{Name: "emoji", Text: []byte("\U0001f600 na\u00efve \u4f60\u597d")},
		{Name: "not UTF-8", Text: []byte("\xff\x00\xfe\xc3(\x80 and \xe2\x82 then text that goes on a little")},
		{Name: "long", Context: [][]byte{prompt}, Text: many},
		{Name: "zstd without a size", Text: bytes.Repeat([]byte("-"), 200)},
		{Name: "zstd with a size", Text: bytes.Repeat(noise, 8)},
	}
}

// TestVectors: testdata/vectors.json is what we pack and what we unpack.
func TestVectors(t *testing.T) {
	const file = "testdata/vectors.json"
	got := vectors()
	for i, v := range got {
		got[i].Packed = Pack(Default(), v.Text, v.Context...)
	}
	if *update {
		b, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Fatalf("%d vectors, want %d", len(got), len(want))
	}
	for i, v := range want {
		if diff := cmp.Diff(v.Packed, got[i].Packed); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", v.Name, diff)
		}
		text, err := Unpack(Default(), v.Packed, len(v.Text), v.Context...)
		if err != nil || string(text) != string(v.Text) {
			t.Errorf("%s: %q, %v", v.Name, text, err)
		}
	}
}

// TestVectorsARM runs the vectors as a 64-bit ARM program.
func TestVectorsARM(t *testing.T) {
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
	bin := filepath.Join(t.TempDir(), "codec.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build for arm64: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), qemu, bin, "-test.run", "^(TestVectors|TestMixerKernels|TestDraftHelps)$", "-test.v")
	if out, err := run.CombinedOutput(); err != nil || strings.Count(string(out), "--- PASS") != 3 {
		t.Errorf("on arm64: %v\n%s", err, out)
	}
}
