package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"tenbit/codec"
)

// measureProcess says what a process that codes takes: how long after its start a
// first answer of 1 kB is packed, its peak memory, and how long 1 kB takes given a
// prompt of 1 kB once it is warm.
func measureProcess() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	text := []byte(strings.Repeat("A farmer has 17 sheep and buys 25 more; how many are there, and what do they eat? ", 13)[:1024])
	var starts []time.Duration
	var peak int64
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		cmd := exec.CommandContext(ctx, self, "codec", "encode")
		cmd.Stdin = bytes.NewReader(text)
		start := time.Now()
		out, err := cmd.Output()
		starts = append(starts, time.Since(start))
		cancel()
		if err != nil || len(out) == 0 {
			return "", fmt.Errorf("run %s codec encode: %w", self, err)
		}
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, int64(u.Maxrss)) // kilobytes on Linux
		}
	}
	var warm []time.Duration
	for range 51 {
		start := time.Now()
		codec.Pack(codec.Default(), text, []byte(strings.ToUpper(string(text))))
		warm = append(warm, time.Since(start))
	}
	slices.Sort(starts)
	slices.Sort(warm)
	return fmt.Sprintf("first answer %.0f ms after start; peak memory of a process that codes %.0f MiB; 1 kB given a prompt of 1 kB: %.1f ms",
		float64(starts[len(starts)/2].Microseconds())/1e3, float64(peak)/1024, float64(warm[len(warm)/2].Microseconds())/1e3), nil
}

// benchAdapters prints how many times fewer bytes each choice of adapter takes
// than none.
func benchAdapters(files []string, w io.Writer) error {
	names := []string{"chat", "math", "science", "code"}
	var base, right, wrong, routed, all, routedRight int
	for _, file := range files {
		texts, err := readCorpus(file)
		if err != nil {
			return err
		}
		for _, t := range texts {
			size := map[string]int{}
			for _, a := range append(names, "") {
				m, err := codec.WithAdapter(a)
				if err != nil {
					return err
				}
				size[a] = len(codec.Pack(m, []byte(t.Response), contexts([]byte(t.Prompt))...))
			}
			packed := codec.Pack(codec.Default(), []byte(t.Response), contexts([]byte(t.Prompt))...)
			all++
			base += 3 * size[""]
			right += 3 * size[t.Domain]
			routed += 3 * len(packed)
			for _, a := range names {
				if a != t.Domain {
					wrong += size[a]
				}
			}
			if i := int(packed[0] >> 3); i > 0 && i <= len(names) && names[i-1] == t.Domain {
				routedRight++
			}
		}
	}
	gain := func(n int) float64 { return float64(base) / float64(max(n, 1)) }
	_, err := fmt.Fprintf(w, "no adapter %.3fx, the right one %.3fx, a wrong one %.3fx, by the router %.3fx; %d of %d prompts routed to their domain\n",
		1.0, gain(right), gain(wrong), gain(routed), routedRight, all)
	return err
}

// benchHistory codes each file as if it crossed one link in its order, with and
// without a history: answers, prompts, and prompts that repeat the exchange
// before, as the next turn of a chat does.
func benchHistory(files []string, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "file\tn\tanswers\twith history\tprompts\twith history\tnext turns\twith history")
	for _, file := range files {
		texts, err := readCorpus(file)
		if err != nil {
			return err
		}
		h, before := codec.NewHistory(codec.Default()), ""
		var size, alone, learnt [3]int
		for _, x := range texts {
			text, prompt := []byte(x.Response), []byte(x.Prompt)
			turn := []byte(before + x.Prompt)
			for i, p := range [3][2][]byte{{text, prompt}, {prompt, nil}, {turn, nil}} {
				size[i] += len(p[0])
				alone[i] += len(codec.Pack(codec.Default(), p[0], contexts(p[1])...))
				learnt[i] += len(codec.Pack(h, p[0], contexts(p[1])...))
			}
			h, before = h.After(prompt, text), x.Prompt+"\n"+x.Response+"\n"
		}
		fmt.Fprintf(t, "%s\t%d", file, len(texts))
		for i := range size {
			fmt.Fprintf(t, "\t%.4f\t%.4f", float64(alone[i])/float64(max(size[i], 1)), float64(learnt[i])/float64(max(size[i], 1)))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
