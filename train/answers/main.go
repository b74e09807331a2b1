// Command answers learns how short final answers are written, from recorded texts:
// policy/short.bin, what a literal is coded with.
//
//	go run ./train/answers -out policy/short.bin CORPUS.jsonl.xz...
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"tenbit/internal/embedded/tasks"
	"tenbit/internal/lines"
	"tenbit/policy"
)

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
	at := map[string]int{}
	taught := map[string]bool{}
	var recorded, sentences []policy.Recorded
	for _, file := range files {
		err := lines.Each(file, func(l *struct{ Prompt, Response string }) (bool, error) {
			prompt := l.Prompt
			a, _, ok := policy.Extract(prompt, l.Response)
			if !ok {
				return true, nil
			}
			if list {
				fmt.Println(a)
			}
			i, known := at[prompt]
			if !known {
				i = len(recorded)
				at[prompt] = i
				recorded = append(recorded, policy.Recorded{Prompt: prompt})
			}
			recorded[i].Answers = append(recorded[i].Answers, a)
			if s := sentence(l.Response); s != "" && i%sentenceEvery == 0 && !taught[prompt] {
				taught[prompt] = true
				sentences = append(sentences, policy.Recorded{Prompt: prompt, Answers: []string{s, a}, Sort: policy.Sentences})
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
	recorded = append(append(recorded, sentences...), names()...)
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionThrottle(time.Second), progressbar.OptionShowCount())
	b, err := policy.TrainAnswers(recorded, func(done, all int) {
		bar.ChangeMax(all)
		_ = bar.Set(done) // a courtesy
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "\n%d prompts, %d bytes\n", len(recorded), len(b))
	return os.WriteFile(out, b, 0o644)
}

// namesOfEach is how many questions of each kind teach what a question foretells.
const namesOfEach = 40

// names are questions whose answers are words, days, times and objects, made by
// the generator of the embedded models' questions.
func names() (out []policy.Recorded) {
	of := map[string][]tasks.Question{}
	for i := uint64(0); len(of["date"]) < namesOfEach || len(of["weekday"]) < namesOfEach || len(of["time"]) < namesOfEach || len(of["json"]) < namesOfEach; i++ {
		if q := tasks.Generate(tasks.Train, 5, i); len(of[q.Kind]) < namesOfEach {
			of[q.Kind] = append(of[q.Kind], q)
		}
	}
	for _, kind := range []string{"date", "weekday", "time", "json"} {
		for i, q := range of[kind] {
			other := of[kind][(i+1)%namesOfEach]
			out = append(out, policy.Recorded{Prompt: q.Text, Answers: []string{q.Answer, other.Answer}, Sort: policy.Names})
		}
	}
	return out
}

// sentenceEvery is how many prompts there are to one whose sentence is taught.
const sentenceEvery = 32

var sentenceEnd = regexp.MustCompile(`(?:^|[.] )([A-Z][^.\n]{30,140}[.])`)

// sentence is the last one of a text.
func sentence(text string) string {
	if all := sentenceEnd.FindAllStringSubmatch(text, -1); len(all) > 0 {
		return strings.TrimSuffix(all[len(all)-1][1], ".")
	}
	return ""
}
