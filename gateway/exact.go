package gateway

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// exactly decodes the fields of a JSON object that the struct v names, by their
// exact names: encoding/json would take Stream for stream, which the canonical
// form of a request keeps as a field of its own.
func exactly(fields map[string]json.RawMessage, v any) error {
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		name, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("json"), ",")
		raw, ok := fields[name]
		if !ok || name == "" {
			continue
		}
		err := json.Unmarshal(raw, s.Field(i).Addr().Interface())
		if typ := new(json.UnmarshalTypeError); errors.As(err, &typ) {
			typ.Field = strings.TrimSuffix(name+"."+typ.Field, ".")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
