package gateway

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
)

// exactly decodes the fields of a JSON object that the struct v names, by their
// exact names: encoding/json would take Stream for stream, which the canonical
// form of a request keeps as a field of its own.
func exactly(fields map[string]json.RawMessage, v any) error {
	s := reflect.ValueOf(v).Elem()
	for i, name := range namesOf(s.Type()) {
		raw, ok := fields[name]
		if !ok || name == "" {
			continue
		}
		err := json.Unmarshal(raw, s.Field(i).Addr().Interface())
		if err == nil {
			continue
		}
		if typ := new(json.UnmarshalTypeError); errors.As(err, &typ) {
			typ.Field = strings.TrimSuffix(name+"."+typ.Field, ".")
		}
		return err
	}
	return nil
}

// names are those of the fields of each type that has been read, which takes
// as long to find out as reading.
var names sync.Map // reflect.Type to []string

func namesOf(t reflect.Type) []string {
	if known, ok := names.Load(t); ok {
		return known.([]string)
	}
	list := make([]string, t.NumField())
	for i := range list {
		list[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	names.Store(t, list)
	return list
}
