package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Prefix starts the names of environment variables; TENBIT_LOCAL_URL sets local.url.
const Prefix = "TENBIT_"

// override sets keys from the environment, lists of texts with commas between
// them. A value that does not parse is an error, never "use the default", and so
// is a list of anything else. Variables that name no key are left alone: others
// share the prefix.
func override(c any, environ []string) error {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, Prefix) {
			env[k] = v
		}
	}
	return set(reflect.ValueOf(c).Elem(), Prefix, env)
}

func set(v reflect.Value, prefix string, env map[string]string) error {
	var errs []error
	for i := range v.NumField() {
		f := v.Field(i)
		name := prefix + strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		if f.Kind() == reflect.Struct {
			errs = append(errs, set(f, name+"_", env))
			continue
		}
		val, ok := env[name]
		if !ok {
			continue
		}
		if err := setValue(f, val); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func setValue(f reflect.Value, val string) error {
	switch list, isList := f.Addr().Interface().(*[]string); {
	case isList:
		*list = split(val)
	case f.Kind() == reflect.Slice:
		return errors.New("only the file can set this list")
	case f.Kind() == reflect.String:
		f.SetString(val)
	default:
		if err := yaml.Unmarshal([]byte(val), f.Addr().Interface()); err != nil || val == "" {
			return fmt.Errorf("not a %s", f.Type())
		}
	}
	return nil
}

// split parts a list at its commas; an empty text is an empty list.
func split(s string) []string {
	list := []string{}
	if strings.TrimSpace(s) == "" {
		return list
	}
	for part := range strings.SplitSeq(s, ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}
