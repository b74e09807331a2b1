// Command answers counts what short final answers are written in, from recorded
// texts: policy/short.bin, the prior of a literal's characters.
//
//	go run ./train/answers -out policy/short.bin CORPUS.jsonl.xz...
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"slices"

	"tenbit/internal/lines"
	"tenbit/policy"
)

// order is the longest context in characters; a line begins with a newline.
const order = 4

func main() {
	out := flag.String("out", "", "`file` to write")
	list := flag.Bool("list", false, "print the answers instead")
	flag.Parse()
	if err := run(*out, *list, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out string, list bool, files []string) error {
	counts := map[string]map[byte]int{}
	seen := map[string]bool{}
	n := 0
	for _, file := range files {
		err := lines.Each(file, func(l *struct{ Prompt, Response string }) (bool, error) {
			prompt := l.Prompt
			a, kind, ok := policy.Extract(prompt, l.Response)
			key := prompt + "\x00" + a
			if !ok || kind == policy.KindLetter || len(a) > 80 || seen[key] {
				return true, nil
			}
			seen[key] = true
			n++
			if list {
				fmt.Println(a)
			}
			line := "\n" + a + "\n"
			for i := 1; i < len(line); i++ {
				for k := 0; k <= min(order, i); k++ {
					c := line[i-k : i]
					if counts[c] == nil {
						counts[c] = map[byte]int{}
					}
					counts[c][line[i]]++
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	if list {
		return nil
	}
	// Contexts in order; each its length, its bytes, how many follow, and each
	// of those with its count, one byte each. What was seen once says little.
	var b []byte
	var names []string
	for c, next := range counts {
		sum := 0
		for _, v := range next {
			sum += v
		}
		if sum >= 2+2*len(c) {
			names = append(names, c)
		}
	}
	slices.Sort(names)
	for _, c := range names {
		next := counts[c]
		most := 0
		for _, v := range next {
			most = max(most, v)
		}
		var syms []byte
		for s, v := range next {
			if v*255/most > 0 {
				syms = append(syms, s)
			}
		}
		slices.Sort(syms)
		b = append(b, byte(len(c)))
		b = append(b, c...)
		b = binary.AppendUvarint(b, uint64(len(syms)))
		for _, s := range syms {
			b = append(b, s)
			b = binary.AppendUvarint(b, uint64(max(1, next[s]*min(most, 255)/most)))
		}
	}
	fmt.Fprintf(os.Stderr, "%d answers, %d contexts, %d bytes\n", n, len(names), len(b))
	return os.WriteFile(out, b, 0o644)
}
