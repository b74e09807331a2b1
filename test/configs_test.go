package test

import (
	"path/filepath"
	"testing"
)

// keySecret is the secret under which the tests' configurations hash keys.
const keySecret = "a secret of the tests, thirty-two bytes"

// edgeTree is an edge with one tenant, a local model behind an
// OpenAI-compatible API, and a ledger in memory. Every open question goes to
// the far side.
func edgeTree(t testing.TB, local, keyHash, token string) tree {
	t.Helper()
	return tree{
		"listen":  "127.0.0.1:0",
		"admin":   tree{"listen": "127.0.0.1:0"},
		"log":     "debug",
		"models":  []string{"tenbit"},
		"auth":    tree{"secret": keySecret},
		"tenants": []tree{{"id": "ship", "keys": []string{keyHash}, "budget": allowance(budget, budget)}},
		"local":   tree{"kind": "openai", "url": local, "model": "small", "timeout": "30s"},
		"remote":  tree{"kind": "origin", "url": "ws://127.0.0.1:1", "token": token, "timeout": "1m"},
		"policy":  tree{"samples": 5, "parallel": 1, "confidence": 1},
		"ledger":  tree{"kind": "memory"},
	}
}

// originTree is an origin over a large model behind an OpenAI-compatible API.
func originTree(t testing.TB, large, tokenHash string) tree {
	t.Helper()
	return tree{
		"listen": "127.0.0.1:0",
		"admin":  tree{"listen": "127.0.0.1:0"},
		"log":    "debug",
		"auth":   tree{"secret": keySecret},
		"edges":  []tree{{"id": "edge-1", "keys": []string{tokenHash}, "budget": allowance(budget, budget)}},
		"large":  tree{"kind": "openai", "url": large, "model": "large", "key": "sk-large", "timeout": "30s"},
		"ledger": tree{"kind": "memory"},
	}
}

// allowance is a budget: bits per day, and per request.
func allowance(window, request int) tree {
	return tree{"windows": []tree{{"bits": window, "per": "24h"}}, "per_request": request}
}

// bolt puts a ledger into a file of its own.
func bolt(t *testing.T, config tree) {
	t.Helper()
	config.set("ledger.kind", "bolt")
	config.set("ledger.path", filepath.Join(t.TempDir(), "ledger"))
}

// setWindow gives the edge's tenant another budget, in bits.
func setWindow(edge tree, window, request int) {
	edge["tenants"].([]tree)[0]["budget"] = allowance(window, request)
}
