package openai

import (
	"tenbit"
)

// requestBody is the request as the server gets it: what the client said, with
// the model replaced and the delivery ours. Unknown fields pass. n is left out,
// since a completion is one message.
func (c *Client) requestBody(req tenbit.Request, s tenbit.Sampling) ([]byte, error) {
	set := map[string]any{"n": nil, "stream": nil, "stream_options": nil}
	if c.cfg.Model != "" {
		set["model"] = c.cfg.Model
	}
	if s.Temperature != nil {
		set["temperature"] = *s.Temperature
	}
	if s.Seed != nil {
		set["seed"] = *s.Seed
	}
	if s.LogProbs {
		set["logprobs"] = true
	}
	if s.Sink != nil {
		set["stream"] = true
		if !c.cfg.NoStreamUsage {
			set["stream_options"] = map[string]bool{"include_usage": true}
		}
	}
	if req.MaxTokens > 0 && c.cfg.LegacyMaxTokens {
		set["max_completion_tokens"], set["max_tokens"] = nil, req.MaxTokens
	}
	return req.BodyWith(set)
}
