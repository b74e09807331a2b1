#!/usr/bin/env bash
# Builds the Ollama that the tests run, from the Go module proxy, and prints
# the binary's path. The binary is kept outside the repository, by Ollama
# version, Go version and architecture; it is built only when it is missing.
# Needs gcc, g++ and Debian's nlohmann-json3-dev and libstb-dev (or the same
# headers elsewhere on the compiler's path). Five to eight minutes on two cores.
#
#   build.sh       build if missing, print the path
#   build.sh -n    print the path only
set -euo pipefail
cd "$(dirname "$0")"

version=$(go list -m -f '{{.Version}}' github.com/ollama/ollama)
cache=${TENBIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tenbit}
dir=$cache/ollama-$version-$(go env GOVERSION)-$(go env GOARCH)
bin=$dir/ollama
if [[ ${1:-} == -n || -x $bin ]]; then
	echo "$bin"
	exit
fi

mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9 # a second builder waits and finds the binary
if [[ ! -x $bin ]]; then
	tmp=$(mktemp -d "$dir/build.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	# Ollama includes "miniaudio/miniaudio.h" from a vendor folder that its
	# module zip does not carry; malgo's module has the file.
	mkdir "$tmp/miniaudio"
	go mod download github.com/gen2brain/malgo
	cp "$(go list -m -f '{{.Dir}}' github.com/gen2brain/malgo)/miniaudio.h" "$tmp/miniaudio/"
	echo "building ollama $version, five to eight minutes on two cores" >&2
	CGO_ENABLED=1 CGO_CPPFLAGS=-I$tmp nice -n 5 go build -p "${TENBIT_BUILD_P:-2}" -trimpath \
		-ldflags "-s -w -X github.com/ollama/ollama/version.Version=${version#v}" \
		-o "$tmp/ollama" github.com/ollama/ollama >&2
	mv "$tmp/ollama" "$bin" # atomic: same file system
fi
echo "$bin"
