// Package spec checks JSON against the schemas of OpenAI's API.
package spec

import (
	"bytes"
	_ "embed" // the schemas
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed openai.json
var document []byte

var compiler = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	return c, c.AddResource("openai.json", doc)
})

var (
	mu       sync.Mutex // guards compiled and the compiler
	compiled = map[string]*jsonschema.Schema{}
)

func schema(name string) (*jsonschema.Schema, error) {
	mu.Lock()
	defer mu.Unlock()
	if s := compiled[name]; s != nil {
		return s, nil
	}
	c, err := compiler()
	if err != nil {
		return nil, err
	}
	s, err := c.Compile("openai.json#/$defs/" + name)
	if err != nil {
		return nil, err
	}
	compiled[name] = s
	return s, nil
}

// Check says where a JSON text breaks the schema of that name, such as
// CreateChatCompletionResponse.
func Check(name string, text []byte) error {
	s, err := schema(name)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: not JSON: %w: %.200s", name, err, text)
	}
	if err := s.Validate(v); err != nil {
		return fmt.Errorf("%s: %w: %.2000s", name, err, text)
	}
	return nil
}

// CheckStream checks the data of each event of a stream but its last, [DONE],
// and that each event came in the form that OpenAI's do.
func CheckStream(name string, stream string) error {
	var errs []error
	for event := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		for line := range strings.SplitSeq(event, "\n") {
			data, ok := strings.CutPrefix(line, "data: ")
			switch {
			case ok && data != "[DONE]":
				if strings.HasPrefix(data, `{"error"`) {
					errs = append(errs, Check("ErrorResponse", []byte(data)))
					continue
				}
				errs = append(errs, Check(name, []byte(data)))
			case !ok && !strings.HasPrefix(line, ":") && !strings.HasPrefix(line, "event: "):
				errs = append(errs, fmt.Errorf("%s: not a line of an event: %q", name, line))
			}
		}
	}
	return errors.Join(errs...)
}
