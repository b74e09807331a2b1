package spec_test

import (
	"testing"

	"tenbit/test/spec"
)

// TestCheckFinds sees that the schemas find what is wrong.
func TestCheckFinds(t *testing.T) {
	for _, tt := range []struct {
		name, schema, text string
		good               bool
	}{
		{"a model", "Model", `{"id":"m","object":"model","created":1,"owned_by":"o"}`, true},
		{"a model without an owner", "Model", `{"id":"m","object":"model","created":1}`, false},
		{"an error", "ErrorResponse", `{"error":{"type":"t","message":"m","param":null,"code":null}}`, true},
		{"an error with a number as code", "ErrorResponse", `{"error":{"type":"t","message":"m","param":null,"code":1}}`, false},
		{"a chunk without a finish_reason", "CreateChatCompletionStreamResponse", `{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{}}]}`, false},
		{"no JSON", "Model", `{`, false},
		{"an unknown schema", "Mode", `{}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := spec.Check(tt.schema, []byte(tt.text)); (err == nil) != tt.good {
				t.Errorf("got %v, want good %v", err, tt.good)
			}
		})
	}
}
