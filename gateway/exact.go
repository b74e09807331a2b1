package gateway

import (
	"encoding/json"
	"reflect"
	"strings"
)

// exactly decodes the fields of a JSON object that the struct v names, by their
// exact names: encoding/json would take Stream for stream, which the canonical
// form of a request keeps as a field of its own.
func exactly(body []byte, v any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	own := map[string]json.RawMessage{}
	t := reflect.TypeOf(v).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if raw, ok := all[name]; ok && name != "" {
			own[name] = raw
		}
	}
	b, err := json.Marshal(own)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
