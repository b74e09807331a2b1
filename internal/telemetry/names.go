package telemetry

import (
	"strings"
	"sync"
)

// other is the label of all values past the bound.
const other = "other"

// maxName bounds one value of a label, in bytes.
const maxName = 100

// names bounds the values of a label: the first most of them pass.
type names struct {
	most int

	mu   sync.Mutex // guards seen
	seen map[string]bool
}

func (n *names) label(name string) string {
	// Prometheus refuses a label that is not UTF-8, by a panic.
	if len(name) > maxName {
		name = name[:maxName]
	}
	name = strings.ToValidUTF8(name, "?")
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[name] {
		return name
	}
	if len(n.seen) >= n.most {
		return other
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[name] = true
	return name
}
