package ledger

import (
	"context"
	"maps"
)

// Records is [Bolt.Records], until the process ends.
func (m *Memory) Records(context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.records), nil
}

// Record is [Bolt.Record], until the process ends.
func (m *Memory) Record(_ context.Context, name string, val []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	if val == nil {
		delete(m.records, name)
	} else {
		m.records[name] = val
	}
	return nil
}
