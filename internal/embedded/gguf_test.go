package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestHostileFiles(t *testing.T) {
	good := randomSmall(tiny, 1)
	// patch puts a number over the file's bytes behind the first occurrence of mark.
	patch := func(mark string, skip int, v any) []byte {
		p := bytes.Clone(good)
		at := bytes.Index(p, []byte(mark))
		if at < 0 {
			t.Fatalf("no %q in the file", mark)
		}
		if _, err := binary.Encode(p[at+len(mark)+skip:], binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const huge = uint64(1) << 60
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no GGUF magic"},
		{"another format", []byte("PK\x03\x04 and more"), "no GGUF magic"},
		{"version", patch("GGUF", 0, uint32(9)), "version 9"},
		{"huge tensor count", patch("GGUF", 4, huge), "tensors"},
		{"huge entry count", patch("GGUF", 12, huge), "entries"},
		{"huge key", patch("GGUF", 20, huge), "ends early"},
		{"unknown value type", patch("general.architecture", 0, uint32(77)), "value type 77"},
		{"wrong value type", patch("tenbit.context_length", 0, uint32(5)), ""},
		{"huge string", patch("general.architecture", 4, huge), "ends early"},
		{"huge array", patch("tokenizer.ggml.tokens", 8, huge), "too long"},
		{"nested array", patch("tokenizer.ggml.tokens", 4, uint32(9)), "not supported"},
		{"context of nothing", patch("tenbit.context_length", 4, uint32(0)), "context_length is 0"},
		{"huge context", patch("tenbit.context_length", 4, uint32(1<<31)), "context_length"},
		{"huge feed-forward", patch("tenbit.feed_forward_length", 4, uint32(1<<14)), "shape"},
		{"heads that do not divide", patch("tenbit.attention.head_count_kv", 4, uint32(3)), "heads"},
		{"no dimensions", patch("token_embd.weight", 0, uint32(0)), "dimensions"},
		{"many dimensions", patch("token_embd.weight", 0, uint32(5)), "dimensions"},
		{"empty dimension", patch("token_embd.weight", 4, uint64(0)), "dimension 0"},
		{"huge dimension", patch("token_embd.weight", 4, huge), "too large"},
		{"huge product", patch("token_embd.weight", 4, []uint64{1 << 31, 1 << 31}), "too large"},
		{"other shape", patch("token_embd.weight", 4, uint64(32)), "shape"},
		{"unknown tensor type", patch("token_embd.weight", 20, uint32(99)), "type 99"},
		{"other tensor type", patch("token_embd.weight", 20, uint32(typeF16)), ""},
		{"unaligned", patch("blk.0.attn_q.weight", 24, uint64(33)), "multiple of 32"},
		{"overlap", patch("blk.0.attn_q.weight", 24, uint64(32)), "overlaps"},
		{"offset beyond", patch("blk.0.attn_q.weight", 24, huge), "beyond"},
		{"offset that overflows", patch("blk.0.attn_q.weight", 24, ^uint64(31)), "beyond"},
		{"truncated", good[:len(good)-1], "beyond the file"},
		{"half", good[:len(good)/2], ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.data, Options{})
			if tt.want == "" && err == nil {
				return // odd, but not wrong
			}
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	for n := 0; n < len(good); n += 1 + n/64 {
		if _, err := Open(good[:n], Options{}); !errors.Is(err, ErrFormat) {
			t.Fatalf("the first %d of %d bytes: got %v", n, len(good), err)
		}
	}
}

func TestPackedCodeThree(t *testing.T) {
	data := randomSmall(tiny, 1)
	g, err := parseGGUF(data)
	if err != nil {
		t.Fatal(err)
	}
	g.tensors["blk.1.ffn_up.weight"].data[17] = 0xff
	if _, err := Open(data, Options{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "code 3") {
		t.Errorf("got %v, want the code 3", err)
	}
}

// FuzzOpen: any bytes give a model or ErrFormat, without a panic and with memory
// bounded by the file's size; a model that opens answers. Give it
// -fuzzminimizetime 20x: minimizing files of this size takes longer than the run.
func FuzzOpen(f *testing.F) {
	small, large := randomSmall(size{16, 1, 16, 1, 1, 32, 264}, 1), randomLarge(size{16, 1, 16, 1, 1, 32, 264}, 1)
	f.Add(small)
	f.Add(large)
	f.Add(small[:len(small)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Open(data, Options{Threads: 1})
		runtime.ReadMemStats(&after)
		// Rope tables of a large context and the tokenizer's maps come on top.
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(64*len(data)+64<<20); got > most {
			t.Fatalf("a file of %d bytes took %d", len(data), got)
		}
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("got %v", err)
			}
			return
		}
		answer(t, m, ask("the inn", `,"max_tokens":3`), sampled(1, 1))
	})
}
