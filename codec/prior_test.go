package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// prose is n bytes of words in an order that only a seed knows.
func prose(n int, seed uint64) []byte {
	words := strings.Fields("the answer is that each train takes 12 more minutes than a bus so we add 3.50 and get total cost = 42, then (B) \\frac{1}{2} return x\n def f(n): To find how many\n")
	rng := rand.New(rand.NewPCG(seed, 0))
	var b []byte
	for len(b) < n {
		b = append(append(b, words[rng.IntN(len(words))]...), " \n"[min(rng.IntN(12), 1)^1])
	}
	return b[:n]
}

// TestDraftEqual: a text that is its draft costs under 16 bits, end included.
func TestDraftEqual(t *testing.T) {
	random := make([]byte, 5000)
	for i, rng := 0, rand.New(rand.NewPCG(1, 1)); i < len(random); i++ {
		random[i] = byte(rng.Uint32())
	}
	for name, draft := range map[string][]byte{
		"empty": {}, "short": []byte("42"), "sample": []byte(sample), "noise": random,
		"1 kB": prose(1<<10, 1), "64 kB": prose(1<<16, 2), "repeats": bytes.Repeat([]byte("no "), 999),
	} {
		t.Run(name, func(t *testing.T) {
			if raced && len(draft) > 1<<10 {
				t.Skip("too long under the race detector")
			}
			e, p := NewEncoder(), Default().Predictor([]byte("How much is it?"), draft)
			e.Write(p, draft)
			e.EndText(p)
			if e.Millibits() >= 16000 {
				t.Errorf("%d bytes cost %d millibits", len(draft), e.Millibits())
			}
		})
	}
}

// TestDraftHelps: a text that leaves its draft, or ends before it, is coded all
// the same, and cheaper than without.
func TestDraftHelps(t *testing.T) {
	draft := prose(2000, 4)
	changed := append(append(bytes.Clone(draft[:700]), "entirely otherwise "...), draft[720:]...)
	for name, text := range map[string][]byte{"changed": changed, "cut": draft[:1000], "longer": append(bytes.Clone(draft), draft...)} {
		with, without := Pack(Default(), text, []byte("q"), draft), Pack(Default(), text, []byte("q"))
		if len(with)*4 > len(without) {
			t.Errorf("%s: %d bytes with the draft, %d without", name, len(with), len(without))
		}
		if got, err := Unpack(Default(), with, len(text), []byte("q"), draft); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPromptHelps: what occurs in the prompt is cheap.
func TestPromptHelps(t *testing.T) {
	m := Default()
	price := func(prompt, text string) int64 {
		e, p := NewEncoder(), m.Predictor([]byte(prompt))
		e.Write(p, []byte(text))
		e.EndText(p)
		return e.Millibits()
	}
	for _, text := range []string{"81647", "Yevgraf Zubkin", "2031-11-24", "['x9', 'kq']"} {
		if with, without := price("It is "+text+", not 3. What is it?", text), price("It is 3. What is it?", text); with*4 > without*3 {
			t.Errorf("%q costs %d millibits where the prompt names it, else %d", text, with, without)
		}
	}
}

// TestRoute: prompts that nobody trained on find their adapter.
func TestRoute(t *testing.T) {
	for _, tt := range []struct{ prompt, want string }{
		{"", ""},
		{"Find the number of integers n for which n^2 + 3n is a perfect square. Let $x$ be their sum.", "math"},
		{"You are given an array of integers nums. Return the maximum sum of a subarray.\n\nInput: nums = [1, 2]\nOutput: 3", "code"},
		{"Write a short story about a fox who opens a bakery, please make it fun for my kids", "chat"},
		{"Which enzyme unwinds the DNA double helix during replication?\n(A) ligase\n(B) helicase\n(C) polymerase\n(D) primase", "science"},
	} {
		if got := domains[embedded().adapter(nil, [][]byte{[]byte(tt.prompt)})]; got != tt.want {
			t.Errorf("%.30q goes to %q, want %q", tt.prompt, got, tt.want)
		}
	}
}

// TestAdapterInHeader: a container that names another adapter is refused.
func TestAdapterInHeader(t *testing.T) {
	prompt := []byte("Write a short story about a fox.")
	packed := Pack(Default(), prose(300, 5), prompt)
	if packed[0]&modelMask != modelPrior || packed[0]>>adapterShift == 0 {
		t.Fatalf("header %#02x", packed[0])
	}
	for a := range byte(32) {
		bad := append([]byte{modelPrior | a<<adapterShift}, packed[1:]...)
		_, err := Unpack(Default(), bad, 1000, prompt)
		switch {
		case bad[0] == packed[0] && err != nil:
			t.Errorf("own header: %v", err)
		case bad[0] != packed[0] && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrModel) && !errors.Is(err, ErrTooLong):
			t.Errorf("header %#02x: got %v", bad[0], err)
		}
	}
}

// TestOpenPrior: an artifact that is cut or longer is refused; any other change
// shows in the fingerprint.
func TestOpenPrior(t *testing.T) {
	whole := embedded().Fingerprint()
	for _, n := range []int{0, 1, 15, 16, 19, 20, 100_000, len(priorData) - 1} {
		if _, err := openPrior(priorData[:n]); !errors.Is(err, errPrior) {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
	if _, err := openPrior(priorData + "\x00"); !errors.Is(err, errPrior) {
		t.Errorf("a byte too many: got %v", err)
	}
	for _, at := range []int{len(priorMagic) + 10, len(priorData) / 2, len(priorData) - 1} {
		other := []byte(priorData)
		other[at] ^= 1
		m, err := openPrior(string(other))
		if err != nil {
			t.Fatalf("byte %d changed: %v", at, err)
		}
		if m.Fingerprint() == whole {
			t.Errorf("byte %d changed: same fingerprint", at)
		}
	}
	if len(priorData) > 20<<20 {
		t.Errorf("the artifact has %d bytes, more than 20 MiB", len(priorData))
	}
}

// TestMixerKernels: the kernels compute what plain Go does.
func TestMixerKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	first := make([]weights, firstRows)
	for range 2000 {
		var x inputs
		var rows, got, want [mixRows]int32
		for i := range x {
			x[i] = rng.Int32N(2*maxLogit+1) - maxLogit
		}
		for k := range rows {
			rows[k] = rng.Int32N(firstRows)
			for i := range x {
				first[rows[k]][i] = rng.Int32N(2*maxWeight) - maxWeight
			}
		}
		dots(&x, first, &rows, &got)
		dotsGo(&x, first, &rows, &want)
		if got != want {
			t.Fatalf("dots: got %v, want %v", got, want)
		}
		var errs [mixRows]int32
		for k := range errs {
			if rng.IntN(4) > 0 {
				errs[k] = rng.Int32N(1<<18) - 1<<17
			}
		}
		plain := slices.Clone(first)
		train(&x, first, &rows, &errs)
		trainGo(&x, plain, &rows, &errs)
		if !slices.Equal(first, plain) {
			t.Fatalf("train by %v: rows %v differ", errs, rows)
		}
	}
}

// TestHistory: two ends that learnt the same texts understand each other, and
// what crossed before is cheap; ends that differ have different fingerprints.
func TestHistory(t *testing.T) {
	text := prose(1500, 8)
	fresh := NewHistory(Default())
	if fresh.Fingerprint() != Default().Fingerprint() {
		t.Error("an empty history is not the default model")
	}
	if NewHistory(Order2()) != nil {
		t.Error("a history of a model that cannot learn")
	}
	first := Pack(fresh, text, []byte("q"))
	near, far := fresh.After([]byte("q"), text), fresh.After([]byte("q"), text)
	if near.Fingerprint() != far.Fingerprint() || near.Fingerprint() == fresh.Fingerprint() {
		t.Errorf("fingerprints %x, %x, fresh %x", near.Fingerprint(), far.Fingerprint(), fresh.Fingerprint())
	}
	second := Pack(far, text, []byte("r"))
	if len(second)*4 > len(first) {
		t.Errorf("%d bytes, again %d", len(first), len(second))
	}
	if got, err := Unpack(near, second, len(text), []byte("r")); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the other end unpacks %d bytes, %v", len(got), err)
	}
	next := near.After([]byte("more"), []byte("text"))
	if next.Fingerprint() == near.Fingerprint() || near.Fingerprint() != far.Fingerprint() {
		t.Error("out of step with the same fingerprint, or changed by what came later")
	}
	for i := range 40 { // more than a history holds
		p, s := []byte(fmt.Sprint(i)), prose(60_000, 9)
		want := near.NextFingerprint(p, s)
		if near = near.After(p, s); near.Fingerprint() != want {
			t.Fatalf("text %d: fingerprint %x, foretold %x", i, near.Fingerprint(), want)
		}
		if near.size > maxHistory {
			t.Fatalf("remembers %d bytes", near.size)
		}
	}
	if got, err := Unpack(near, Pack(near, text), len(text)); err != nil || !bytes.Equal(got, text) {
		t.Errorf("after much history: %v", err)
	}
}
