package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is what is read of a schema to list its fields.
type object struct {
	Ref        string                     `json:"$ref"`
	All        []object                   `json:"allOf"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// Fields lists the fields that the schema of that name documents, sorted.
func Fields(name string) ([]string, error) {
	var doc struct {
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	var walk func(o object)
	walk = func(o object) {
		for name := range o.Properties {
			found[name] = true
		}
		for _, part := range o.All {
			walk(part)
		}
		if ref, ok := strings.CutPrefix(o.Ref, "#/$defs/"); ok {
			walk(doc.Defs[ref])
		}
	}
	walk(doc.Defs[name])
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no fields", name)
	}
	return slices.Sorted(maps.Keys(found)), nil
}
