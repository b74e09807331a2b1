package openai

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"tenbit"
)

// vector is a vector as numbers or as base64 of them, since some servers send
// either whatever they are asked for.
type vector []float32

// UnmarshalJSON reads both forms.
func (v *vector) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, (*[]float32)(v))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw)%4 != 0 {
		return fmt.Errorf("%d bytes that are no vector", len(raw))
	}
	for ; len(raw) > 0; raw = raw[4:] {
		*v = append(*v, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return nil
}

// Embed gives one vector for each text, and the tokens that the server counts.
// dimensions is passed on unless 0. Errors are those of Complete.
func (c *Client) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, int, error) {
	in := map[string]any{"model": c.cfg.Model, "input": texts, "encoding_format": "float"}
	if dimensions > 0 {
		in["dimensions"] = dimensions
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, 0, fmt.Errorf("write a request: %w", err)
	}
	resp, err := c.post(ctx, c.embedURL, body, false, new(meter))
	if err != nil {
		if ctx.Err() != nil {
			return nil, 0, fmt.Errorf("embed: %w", ctx.Err())
		}
		return nil, 0, broken("embed", tenbit.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, 0, statusError(resp)
	}
	var out struct {
		Data []struct {
			Index     int    `json:"index"`
			Embedding vector `json:"embedding"`
		} `json:"data"`
		Usage *usage `json:"usage"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxVectors)).Decode(&out); err != nil {
		return nil, 0, fmt.Errorf("read the vectors: %w: not embeddings", tenbit.ErrUnavailable)
	}
	vectors := make([][]float32, len(texts))
	for _, d := range out.Data {
		if d.Index < 0 || d.Index >= len(vectors) || vectors[d.Index] != nil || len(d.Embedding) == 0 {
			return nil, 0, fmt.Errorf("read the vectors: %w: not one for each text", tenbit.ErrUnavailable)
		}
		vectors[d.Index] = d.Embedding
	}
	if len(out.Data) != len(texts) {
		return nil, 0, fmt.Errorf("read the vectors: %w: %d for %d texts", tenbit.ErrIncomplete, len(out.Data), len(texts))
	}
	return vectors, out.Usage.tokens().Prompt, nil
}

// maxVectors bounds an answer with vectors, in bytes: 2048 of 4096 numbers.
const maxVectors = 256 << 20
