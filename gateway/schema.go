package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema is a client's JSON schema, compiled. Safe for concurrent use.
type schema struct {
	source   json.RawMessage
	compiled *jsonschema.Schema
	steps    *steps
}

// maxParts is the most parts that the schemas of one request have: the time to
// compile them grows with the square of it. OpenAI allows 5,000 properties.
const maxParts = 5000

// compile reads a schema. What it refers to must be inside it: nothing is
// loaded. room is how many parts it may have, and what is left of them after.
// The error is for the client.
func compile(source json.RawMessage, room *int) (*schema, error) {
	doc, err := decode(string(source))
	if err != nil {
		return nil, err
	}
	if _, ok := doc.(map[string]any); !ok {
		return nil, errors.New("it is not an object")
	}
	if *room -= parts(doc); *room < 0 {
		return nil, fmt.Errorf("the request's schemas have more than %d parts", maxParts)
	}
	s := &schema{source: source, steps: new(steps)}
	c := jsonschema.NewCompiler()
	c.UseRegexpEngine(s.steps.pattern)
	c.UseLoader(nowhere{})
	c.DefaultDraft(jsonschema.Draft2020)
	c.RegisterVocabulary(&jsonschema.Vocabulary{
		URL:     "tenbit:steps",
		Compile: func(*jsonschema.CompilerContext, map[string]any) (jsonschema.SchemaExt, error) { return s.steps, nil },
	})
	c.AssertVocabs()
	if err := c.AddResource("schema:client", doc); err != nil {
		return nil, errors.New("it is not a valid JSON schema")
	}
	if s.compiled, err = c.Compile("schema:client"); err != nil {
		return nil, errors.New("it is not a valid JSON schema")
	}
	return s, nil
}

// check tells whether text is JSON that fits; nil takes any object. The error
// says where it does not, for the model that has to repair it.
func (s *schema) check(text string) (err error) {
	v, err := decode(text)
	if err != nil {
		return err
	}
	if s == nil {
		if _, ok := v.(map[string]any); !ok {
			return errors.New("it is not a JSON object")
		}
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			if p != any(errSteps) {
				panic(p)
			}
			err = errSteps
		}
	}()
	if err := s.compiled.Validate(v); err != nil {
		return fmt.Errorf("it does not fit the schema: %w", err)
	}
	return nil
}

// maxSteps bounds the nodes that checking a request's answers may visit:
// schemas can be made whose checking takes for ever.
const maxSteps = 1_000_000

// errSteps is thrown through the validator, which knows no other way out.
var errSteps = errors.New("the schema is too complex to check")

// steps counts the nodes that the validator visits.
type steps struct{ n atomic.Int64 }

// Validate is called for each of them.
func (s *steps) Validate(*jsonschema.ValidatorContext, any) {
	if s.n.Add(1) > maxSteps {
		panic(errSteps)
	}
}

const (
	maxPattern = 10_000  // bytes of a pattern
	maxMatched = 1 << 16 // bytes of a text that a pattern is held against
	matchTime  = 100 * time.Millisecond
)

// pattern compiles what stands as a pattern in schemas: a regular expression of
// ECMA-262, which may look around and back.
func (s *steps) pattern(expr string) (jsonschema.Regexp, error) {
	if len(expr) > maxPattern {
		return nil, errors.New("the pattern is too long")
	}
	re, err := regexp2.Compile(expr, regexp2.ECMAScript|regexp2.Unicode, regexp2.OptionMaxBacktrackingStackSize(1<<20))
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTime
	return pattern{re, s}, nil
}

// pattern is a compiled one. Its work counts in steps, one more for each
// microsecond: there are patterns that take for ever.
type pattern struct {
	*regexp2.Regexp
	steps *steps
}

// MatchString reports whether there is a match in text.
func (p pattern) MatchString(text string) bool {
	if len(text) > maxMatched {
		panic(errSteps)
	}
	began := time.Now()
	ok, err := p.Regexp.MatchString(text)
	if err != nil || p.steps.n.Add(1+time.Since(began).Microseconds()) > maxSteps {
		panic(errSteps)
	}
	return ok
}

// parts counts what may be a schema in a JSON value: objects, true and false.
func parts(v any) (n int) {
	switch v := v.(type) {
	case bool:
		return 1
	case []any:
		for _, e := range v {
			n += parts(e)
		}
	case map[string]any:
		n = 1
		for _, e := range v {
			n += parts(e)
		}
	}
	return n
}

// nowhere loads no schemas: a client must not make the gateway fetch.
type nowhere struct{}

// Load fails.
func (nowhere) Load(string) (any, error) {
	return nil, errors.New("external references are not allowed")
}

// decode reads one JSON value that the validator can be trusted with.
func decode(text string) (any, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("it is not JSON")
	}
	return v, tame(v, 0)
}

// maxNesting is how deep a schema or an answer may be nested.
const maxNesting = 100

// tame refuses what would take the validator much memory: it computes numbers
// exactly, whatever their exponents.
func tame(v any, depth int) error {
	if depth > maxNesting {
		return errors.New("it is nested too deep")
	}
	switch v := v.(type) {
	case json.Number:
		if _, exp, ok := strings.Cut(strings.ToLower(v.String()), "e"); ok && len(strings.TrimLeft(exp, "+-0")) > 3 || len(v) > 1000 {
			return errors.New("it holds a number out of range")
		}
	case []any:
		for _, e := range v {
			if err := tame(e, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := tame(e, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
