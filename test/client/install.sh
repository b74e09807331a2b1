#!/usr/bin/env bash
# Installs the OpenAI clients that the black-box tests drive, outside the
# repository, by the lock file's hash, and prints its node_modules folder.
#
#   install.sh       install if missing, print the path
#   install.sh -n    print the path only
set -euo pipefail
cd "$(dirname "$0")"

cache=${TENBIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tenbit}
dir=$cache/client-$(sha256sum package-lock.json | cut -c1-16)
if [[ ${1:-} != -n && ! -d $dir ]]; then
	mkdir -p "$cache"
	tmp=$(mktemp -d "$cache/client.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	cp package.json package-lock.json "$tmp/"
	npm ci --prefix "$tmp" --omit-lockfile-registry-resolved --no-fund --no-audit --ignore-scripts >&2
	mv -T "$tmp" "$dir" 2>/dev/null || [[ -d $dir ]] # another installer may have been faster
fi
echo "$dir/node_modules"
