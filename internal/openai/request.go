package openai

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tenbit"
)

// requestBody is the request as the server gets it: what the client said, with
// the model replaced and the delivery ours. Unknown fields pass. n is left out,
// since a completion is one message.
func (c *Client) requestBody(req tenbit.Request, s tenbit.Sampling) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(req.Body, &fields); err != nil {
		return nil, fmt.Errorf("read a canonical request: %w", err)
	}
	set := func(name string, v any) {
		raw, err := json.Marshal(v)
		if err == nil { // fails for an infinite temperature only: then the request's stays
			fields[name] = raw
		}
	}
	for _, name := range []string{"n", "stream", "stream_options"} {
		delete(fields, name)
	}
	if c.cfg.Model != "" {
		set("model", c.cfg.Model)
	}
	if s.Temperature != nil {
		set("temperature", *s.Temperature)
	}
	if s.Seed != nil {
		set("seed", *s.Seed)
	}
	if s.LogProbs {
		set("logprobs", true)
	}
	if s.Sink != nil {
		set("stream", true)
		if !c.cfg.NoStreamUsage {
			set("stream_options", map[string]bool{"include_usage": true})
		}
	}
	if most, ok := fields["max_completion_tokens"]; ok && c.cfg.LegacyMaxTokens {
		delete(fields, "max_completion_tokens")
		fields["max_tokens"] = most
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // a prompt's < costs one byte, not six
	if err := enc.Encode(fields); err != nil {
		return nil, fmt.Errorf("write a request: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
