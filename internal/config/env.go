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

// override sets scalar keys from the environment. A value that does not parse
// is an error, never "use the default". Variables that name no key are left
// alone: others share the prefix.
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
		if !ok || f.Kind() == reflect.Slice {
			continue
		}
		if f.Kind() == reflect.String {
			f.SetString(val)
			continue
		}
		if err := yaml.Unmarshal([]byte(val), f.Addr().Interface()); err != nil || val == "" {
			errs = append(errs, fmt.Errorf("%s: not a %s", name, f.Type()))
		}
	}
	return errors.Join(errs...)
}
