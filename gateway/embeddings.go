package gateway

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"

	"tenbit"
)

// Embedder turns texts into vectors.
type Embedder interface {
	// Embed gives one vector for each text, and the tokens it read. dimensions
	// is how long the vectors should be, 0 for the model's own length; longer
	// ones are cut by the caller. Errors are those of models.
	Embed(ctx context.Context, texts []string, dimensions int) (vectors [][]float32, tokens int, err error)
}

// The most texts of one request, and the most dimensions.
const (
	maxTexts      = 2048
	maxDimensions = 1 << 14
)

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"` // []float32, or base64 of them in little endian
}

// embeddings serves POST /v1/embeddings.
func (g *Gateway) embeddings(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := g.body(w, r)
	if err != nil {
		return err
	}
	in, err := g.readEmbedding(body)
	if err != nil {
		return err
	}
	if err := g.admit(c); err != nil {
		return err
	}
	c.model = in.Model
	vectors, tokens, err := g.Embed.Embed(r.Context(), in.texts, in.Dimensions)
	if err != nil {
		return fmt.Errorf("embed %d texts: %w", len(in.texts), err)
	}
	out := struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  struct {
			Prompt int `json:"prompt_tokens"`
			Total  int `json:"total_tokens"`
		} `json:"usage"`
	}{Object: "list", Model: in.Model}
	out.Usage.Prompt, out.Usage.Total = tokens, tokens
	for i, v := range vectors {
		if in.Dimensions > len(v) {
			return invalid("dimensions", "unsupported_value", fmt.Sprintf("The model's vectors have %d dimensions.", len(v)))
		}
		e := embedding{Object: "embedding", Index: i}
		if v = shortened(v, in.Dimensions); in.Format == "base64" {
			e.Embedding = base64Of(v)
		} else {
			e.Embedding = v
		}
		out.Data = append(out.Data, e)
	}
	return writeJSON(w, c, out)
}

// embeddingRequest is what is read of a request.
type embeddingRequest struct {
	Model      string          `json:"model"`
	Input      json.RawMessage `json:"input"`
	Format     string          `json:"encoding_format"`
	Dimensions int             `json:"dimensions"`

	texts []string
}

func (g *Gateway) readEmbedding(body []byte) (in embeddingRequest, err error) {
	fields, err := tenbit.ParseFields(body)
	if err != nil {
		return in, err
	}
	if err := tenbit.Exactly(fields, &in); err != nil {
		return in, mistyped(err)
	}
	var one string
	switch {
	case !slices.Contains(g.Models, in.Model):
		return in, unknownModel()
	case g.Embed == nil:
		return in, invalid("model", "unsupported_model", "The local model makes no embeddings.")
	case !slices.Contains([]string{"", "float", "base64"}, in.Format):
		return in, invalid("encoding_format", "", "Expected float or base64.")
	case in.Dimensions < 0 || in.Dimensions > maxDimensions:
		return in, invalid("dimensions", "", fmt.Sprintf("Expected an integer from 1 to %d.", maxDimensions))
	case json.Unmarshal(in.Input, &one) == nil && one != "":
		in.texts = []string{one}
	case json.Unmarshal(in.Input, &in.texts) != nil:
		return in, invalid("input", "", "Expected a string or an array of strings. Tokens are not supported: the local model has its own.")
	}
	if len(in.texts) == 0 || len(in.texts) > maxTexts || slices.Contains(in.texts, "") {
		return in, invalid("input", "", fmt.Sprintf("Expected 1 to %d texts, none of them empty.", maxTexts))
	}
	return in, nil
}

// shortened is a vector's beginning, of length one again; 0 leaves it.
func shortened(v []float32, dimensions int) []float32 {
	if dimensions == 0 || len(v) <= dimensions {
		return v
	}
	v = v[:dimensions]
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	out := make([]float32, len(v))
	for i, x := range v {
		if sum > 0 {
			out[i] = float32(float64(x) / math.Sqrt(sum))
		}
	}
	return out
}

func base64Of(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
