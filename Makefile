# What CI does, piece by piece; `make ci` is all of it.

SHELL := bash
LIB := set -euo pipefail; source .ci/lib.sh;

.PHONY: build test race lint fuzz vuln bench bench-memory bench-redis-away soak image ci

build:
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/gatewayd ./cmd/gatewayd

test:
	go test ./...

race:
	CGO_ENABLED=1 go test -race -timeout 45m ./...

lint:
	@$(LIB) install_tools; formatted; tidy; go vet ./...; "$$tools/staticcheck" ./...; install_lint; "$$tools/golangci-lint" run ./...

FUZZTIME ?= 1m
fuzz:
	@$(LIB) fuzz $(FUZZTIME)

# What the edge adds to a local backend, beside the standard library's bare
# reverse proxy: docs/api.md says what the columns are.
BENCHTIME ?= 3000x
bench:
	go test ./test -run '^$$' -bench BenchmarkEdge -benchtime $(BENCHTIME)

# A million distinct requests against the caches as shipped; CI sends 50,000.
DISTINCT ?= 1000000
bench-memory:
	TENBIT_DISTINCT=$(DISTINCT) go test ./test -run '^TestMemoryCeiling$$' -v -timeout 24h

# What 200 requests/s of cached and local traffic notice of a Redis that is
# killed, and of one that hangs; CI does it for some seconds.
AWAYTIME ?= 20s
bench-redis-away:
	TENBIT_AWAY=$(AWAYTIME) go test ./test -run '^TestRedisAwayUnderLoad$$' -v -timeout 1h

# Mixed load with clients that leave at random; CI runs a minute of it.
SOAKTIME ?= 30m
soak:
	TENBIT_SOAK=$(SOAKTIME) go test ./test -run '^TestSoak$$' -v -timeout 24h

# Needs the vulnerability database of the Go project.
vuln:
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

image:
	docker build -t tenbit .

ci:
	.ci/run
