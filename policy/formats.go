package policy

import (
	"slices"
	"sync/atomic"

	"tenbit"
)

// Formats remembers which forms of response_format the large model refused, so
// that each refusal is paid once. The zero value is ready; nil remembers nothing.
//
// logit_bias is not tried: it needs the ids of tokens, which no API tells, and
// another model's ids would forbid something else.
type Formats struct{ level atomic.Int32 }

// The levels: each is what to try when the one before was refused.
const (
	formatSchema int32 = iota
	formatObject       // any JSON object
	formatNone         // the prompt alone says what is wanted
)

func (f *Formats) now() int32 {
	if f == nil {
		return formatSchema
	}
	return f.level.Load()
}

// refused notes that a level is refused and gives the next one.
func (f *Formats) refused(level int32) int32 {
	if f != nil {
		f.level.CompareAndSwap(level, level+1)
	}
	return level + 1
}

// formatted is a request of ours under a level.
func formatted(req tenbit.Request, level int32) (tenbit.Request, error) {
	switch {
	case !req.JSON || level == formatSchema:
		return req, nil
	case level == formatObject:
		return req.With(map[string]any{"response_format": map[string]string{"type": "json_object"}})
	}
	return req.With(map[string]any{"response_format": nil})
}

// inForm is the response_format of one object with these fields, all required.
func inForm(name string, fields map[string]any) map[string]any {
	required := make([]string, 0, len(fields))
	for k := range fields {
		required = append(required, k)
	}
	slices.Sort(required) // the same request each time
	schema := map[string]any{"type": "object", "additionalProperties": false, "required": required, "properties": fields}
	return map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": name, "strict": true, "schema": schema}}
}

// mostTokens bounds what the large model writes that no client reads, its
// thoughts included: about ten times what is asked for.
const mostTokens = 8192
