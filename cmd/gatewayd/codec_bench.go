package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tenbit/codec"
	"tenbit/internal/lines"
)

// benchText is a line of a corpus file.
type benchText struct {
	Domain   string `json:"domain"`
	Prompt   string `json:"prompt"`
	Response string `json:"response"`
}

// benchResult is one model's result on one file, one domain or everything. Bytes
// a second count what a model is primed with and what it codes.
type benchResult struct {
	File    string  `json:"file"`
	Model   string  `json:"model"`
	N       int     `json:"n"`
	Bytes   int     `json:"bytes"`
	Coded   int     `json:"coded_bytes"`
	Ratio   float64 `json:"ratio"`
	Prompts float64 `json:"prompt_ratio"` // the prompts themselves, without context
	Encode  float64 `json:"encode_bytes_per_s"`
	Decode  float64 `json:"decode_bytes_per_s"`
	Check   float64 `json:"check_bytes_per_s,omitempty"` // of the sender's self-check, coded bytes only

	worked                   int // bytes primed and coded
	promptBytes, promptCoded int
	encoding, decoding       time.Duration
	checking                 time.Duration
}

// benchCoder is a way to pack one text given its prompt.
type benchCoder struct {
	name   string
	primed bool        // reads the context
	model  codec.Model // nil: not one of ours
	pack   func(text, context []byte) ([]byte, error)
	unpack func(packed, context []byte, size int) ([]byte, error)
}

func codecBench(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("gatewayd codec bench", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print one JSON object per file and model")
	only := flags.String("model", "", "measure the model of this `name` only")
	dictFrom := flags.String("dict-from", "", "measure zstd with a dictionary too, trained on these `files`, separated by commas")
	svg := flags.String("svg", "", "draw ratio against speed into this `file`")
	adapters := flags.Bool("adapters", false, "measure the prior's adapters instead")
	history := flags.Bool("history", false, "measure what the prior gains when it learns from the texts before instead")
	if err := parse(flags, args, stderr); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return wrong(flags, "no file")
	}
	if *history {
		return benchHistory(flags.Args(), stdout)
	}
	if *adapters {
		return benchAdapters(flags.Args(), stdout)
	}
	process, err := measureProcess() // first: what comes after would count as its memory
	if err != nil {
		return err
	}
	coders, err := benchCoders(strings.FieldsFunc(*dictFrom, func(r rune) bool { return r == ',' }))
	if err != nil {
		return err
	}
	coders = slices.DeleteFunc(coders, func(c benchCoder) bool { return *only != "" && c.name != *only })
	if len(coders) == 0 {
		return wrong(flags, "no model %.40q", *only)
	}
	var results []*benchResult
	for _, name := range flags.Args() {
		texts, err := readCorpus(name)
		if err != nil {
			return err
		}
		for _, c := range coders {
			rs, err := c.measure(name, texts)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, c.name, err)
			}
			results = append(results, rs...)
		}
	}
	if flags.NArg() > 1 {
		results = append(results, totals(results)...)
	}
	if *svg != "" {
		if err := writeFile(*svg, drawBench(results)); err != nil {
			return err
		}
	}
	if err := printBench(stdout, results, *asJSON); err != nil || *asJSON {
		return err
	}
	_, err = fmt.Fprintln(stdout, "\n"+process)
	return err
}

// measure codes every text of a file and checks that it decodes. It returns the
// file's result, followed by one per domain where the file holds several.
func (c benchCoder) measure(file string, texts []benchText) ([]*benchResult, error) {
	all := &benchResult{File: file, Model: c.name}
	results := []*benchResult{all}
	domains := map[string]*benchResult{}
	for _, t := range texts {
		one, err := c.text(t)
		if err != nil {
			return nil, err
		}
		all.add(one)
		d := domains[t.Domain]
		if d == nil {
			d = &benchResult{File: file + ":" + t.Domain, Model: c.name}
			domains[t.Domain] = d
			results = append(results, d)
		}
		d.add(one)
	}
	if len(domains) == 1 {
		results = results[:1]
	}
	for _, r := range results {
		r.finish()
	}
	return results, nil
}

func (c benchCoder) text(t benchText) (*benchResult, error) {
	text, prompt := []byte(t.Response), []byte(t.Prompt)
	r := &benchResult{N: 1, Bytes: len(text), worked: len(text), promptBytes: len(prompt)}
	if c.primed {
		r.worked += len(prompt)
	}
	start := time.Now()
	packed, err := c.pack(text, prompt)
	if err != nil {
		return nil, err
	}
	r.encoding, r.Coded = time.Since(start), len(packed)
	start = time.Now()
	got, err := c.unpack(packed, prompt, len(text))
	if err != nil {
		return nil, err
	}
	r.decoding = time.Since(start)
	if !bytes.Equal(got, text) {
		return nil, errors.New("decoded text differs")
	}
	if c.model != nil {
		if r.checking, err = selfCheck(c.model, text, contexts(prompt)); err != nil {
			return nil, err
		}
	}
	if len(prompt) > 0 {
		alone, err := c.pack(prompt, nil)
		if err != nil {
			return nil, err
		}
		r.promptCoded = len(alone)
	}
	return r, nil
}

func (r *benchResult) add(o *benchResult) {
	r.N += o.N
	r.Bytes += o.Bytes
	r.Coded += o.Coded
	r.worked += o.worked
	r.promptBytes += o.promptBytes
	r.promptCoded += o.promptCoded
	r.encoding += o.encoding
	r.decoding += o.decoding
	r.checking += o.checking
}

func (r *benchResult) finish() {
	r.Ratio = float64(r.Coded) / float64(max(r.Bytes, 1))
	r.Prompts = float64(r.promptCoded) / float64(max(r.promptBytes, 1))
	r.Encode = float64(r.worked) / max(r.encoding.Seconds(), 1e-9)
	r.Decode = float64(r.worked) / max(r.decoding.Seconds(), 1e-9)
	if r.checking > 0 {
		r.Check = float64(r.Bytes) / r.checking.Seconds()
	}
}

// totals sums the files' results by model, in the order of the first file.
func totals(results []*benchResult) []*benchResult {
	var sums []*benchResult
	byModel := map[string]*benchResult{}
	for _, r := range results {
		if _, domain, cut := strings.Cut(r.File, ".jsonl"); cut && strings.Contains(domain, ":") {
			continue // part of a file
		}
		s := byModel[r.Model]
		if s == nil {
			s = &benchResult{File: "total", Model: r.Model}
			byModel[r.Model] = s
			sums = append(sums, s)
		}
		s.add(r)
	}
	for _, s := range sums {
		s.finish()
	}
	return sums
}

func printBench(w io.Writer, results []*benchResult, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		for _, r := range results {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "file\tmodel\tn\tratio\tprompts\tencode kB/s\tdecode kB/s\tself-check kB/s")
	for _, r := range results {
		check := "-"
		if r.Check > 0 {
			check = fmt.Sprintf("%.0f", r.Check/1e3)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.4f\t%.4f\t%.0f\t%.0f\t%s\n", r.File, r.Model, r.N, r.Ratio, r.Prompts, r.Encode/1e3, r.Decode/1e3, check)
	}
	return t.Flush()
}

// readCorpus reads a file of JSON lines.
func readCorpus(name string) (texts []benchText, err error) {
	err = lines.Each(name, func(t *benchText) (bool, error) {
		texts = append(texts, *t)
		return true, nil
	})
	return texts, err
}

func contexts(c []byte) [][]byte {
	if len(c) == 0 {
		return nil
	}
	return [][]byte{c}
}
