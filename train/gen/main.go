// Command gen writes questions of the embedded models' task family as JSON
// lines, for the training script.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"tenbit/internal/embedded/tasks"
)

func main() {
	split := flag.String("split", "train", "train, dev or test")
	seed := flag.Uint64("seed", 1, "seed")
	n := flag.Uint64("n", 10, "number of questions")
	flag.Parse()
	if err := run(*split, *seed, *n); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(name string, seed, n uint64) error {
	split, ok := map[string]tasks.Split{"train": tasks.Train, "dev": tasks.Dev, "test": tasks.Test}[name]
	if !ok {
		return fmt.Errorf("split %q: want train, dev or test", name)
	}
	out := bufio.NewWriter(os.Stdout)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range n {
		if err := enc.Encode(tasks.Generate(split, seed, i)); err != nil {
			return err
		}
	}
	return out.Flush()
}
