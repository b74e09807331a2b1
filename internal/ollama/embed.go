package ollama

import (
	"context"
	"fmt"

	"github.com/ollama/ollama/api"

	"tenbit"
)

// Embed gives one vector for each text, and the tokens it read. A text that is
// too long for the model is an error, never cut. Errors are those of Complete.
func (c *Client) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, int, error) {
	no := false
	req := &api.EmbedRequest{Model: c.cfg.Model, Input: texts, Truncate: &no, Dimensions: dimensions}
	if c.cfg.KeepAlive != 0 {
		req.KeepAlive = &api.Duration{Duration: c.cfg.KeepAlive}
	}
	resp, err := c.api.Embed(ctx, req)
	if err != nil {
		return nil, 0, classify(ctx, err, false)
	}
	if len(resp.Embeddings) != len(texts) {
		return nil, 0, fmt.Errorf("embed: %w: %d vectors for %d texts", tenbit.ErrIncomplete, len(resp.Embeddings), len(texts))
	}
	return resp.Embeddings, max(0, resp.PromptEvalCount), nil
}
