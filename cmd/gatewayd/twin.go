package main

import (
	"tenbit/internal/config"
	"tenbit/internal/embedded"
	"tenbit/internal/link"
	"tenbit/policy"
)

// firstSeed is the seed of the first extra sample, at the edge and at its twin.
const firstSeed = 1

// openTwin opens the edges' small model at the origin, nil where there is none.
func openTwin(c config.Twin, told func(same bool)) (link.Twin, error) {
	if c.Kind != "embedded" {
		return nil, nil
	}
	m, err := embedded.Named(c.Model, embedded.Options{Threads: c.Threads})
	if err != nil {
		return nil, err
	}
	d := policy.Drafter{Local: m, Samples: c.Samples, Temperature: c.Temperature, Seed: firstSeed, Parallel: c.Parallel}
	return policy.Twin{Drafter: d, Weights: m.Digest(), Told: told}, nil
}

// twinOf is the fingerprint of the edge's small model, 0 where no twin can have
// the same.
func twinOf(d policy.Drafter) uint64 {
	t, ok := d.Local.(timed)
	if !ok || d.Stop == policy.StopDecided { // which candidates there are depends on the tenant's gate
		return 0
	}
	m, ok := t.Model.(*embedded.Model)
	if !ok {
		return 0
	}
	return d.Fingerprint(m.Digest())
}
