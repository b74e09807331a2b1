package embedded

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
)

// The models that train/ made. docs/models.md says what they know.
var (
	//go:embed models/small.gguf
	smallData []byte
	//go:embed models/large.gguf
	largeData []byte
)

// Small opens the small model, of ternary weights: the one beside the client.
func Small(o Options) (*Model, error) { return Open(smallData, o) }

// Large opens the large model, of half precision weights.
func Large(o Options) (*Model, error) { return Open(largeData, o) }

// Extension ends the names of weight files.
const Extension = ".gguf"

// Named opens the model "small" or "large", or a weight file by its path.
func Named(name string, o Options) (*Model, error) {
	switch name {
	case "small":
		return Small(o)
	case "large":
		return Large(o)
	}
	if strings.HasSuffix(name, Extension) {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read weights: %w", err)
		}
		return Open(data, o)
	}
	return nil, fmt.Errorf("no embedded model %.40q: there are small and large", name)
}
