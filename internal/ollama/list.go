package ollama

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tenbit"
)

// Installed lists the models that an Ollama server has and that can chat, the
// most recently changed first. The error wraps [tenbit.ErrUnavailable] when
// nothing answers.
func (c *Client) Installed(ctx context.Context) ([]string, error) {
	list, err := c.api.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the models: %w: %w", tenbit.ErrUnavailable, err)
	}
	var names []string
	for _, m := range list.Models {
		embeds := slices.ContainsFunc(append(m.Details.Families, m.Details.Family), func(f string) bool { return strings.Contains(f, "bert") })
		if !embeds {
			names = append(names, m.Name)
		}
	}
	return names, nil
}
