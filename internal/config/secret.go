package config

import (
	"log/slog"

	"go.yaml.in/yaml/v3"
)

// Secret is a value that is never shown.
type Secret string

const hidden = "(hidden)"

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalYAML hides the value from `gatewayd check`.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// Show writes a configuration with its secrets hidden.
func Show(c any) ([]byte, error) { return yaml.Marshal(c) }
