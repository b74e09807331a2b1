package tenbit

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Read decodes the fields of the body that the struct v names, as [Exactly] does.
func (r Request) Read(v any) error {
	fields, ok := object(r.Body)
	if !ok {
		return errNoBody
	}
	return Exactly(fields, v)
}

// Exactly decodes the fields of a JSON object that the struct v names, by their
// exact names: encoding/json would take Stream for stream, which the canonical
// form of a request keeps as a field of its own, and which nobody has checked.
func Exactly(fields map[string]json.RawMessage, v any) error {
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

// Integer is a whole number as JSON may have it: 5, 5.0 or 5e0. One of over 53
// bits that isn't written as the first is the nearest that there is.
type Integer int64

// UnmarshalJSON refuses fractions, and what is not a number.
func (n *Integer) UnmarshalJSON(b []byte) error {
	if i, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		*n = Integer(i)
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	switch {
	case f != math.Trunc(f) || f < math.MinInt64 || f > math.MaxInt64:
		return &json.UnmarshalTypeError{Value: "number " + string(b), Type: reflect.TypeFor[Integer]()}
	case f == math.MaxInt64: // as a float it is one more
		*n = math.MaxInt64
	default:
		*n = Integer(f)
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
