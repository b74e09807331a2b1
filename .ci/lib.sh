# The steps of .ci/run, which the Makefile uses too.

cache=${TENBIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tenbit}
tools=$cache/tools-$(go env GOVERSION)

# step NAME COMMAND... runs a command and says how long it took.
step() {
	local name=$1 start=$SECONDS
	shift
	echo "== $name"
	"$@"
	echo "== $name: $((SECONDS - start)) s"
}

# need PACKAGE... installs the Debian packages that are missing.
need() {
	local missing=() p
	for p; do
		dpkg -s "$p" >/dev/null 2>&1 || missing+=("$p")
	done
	((${#missing[@]})) || return 0
	local root=()
	[[ $(id -u) == 0 ]] || root=(sudo)
	"${root[@]}" apt-get update -q
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "${missing[@]}"
}

install_tools() {
	[[ -x $tools/gofumpt ]] || GOBIN=$tools go install mvdan.cc/gofumpt@v0.12.0
	[[ -x $tools/staticcheck ]] || GOBIN=$tools go install honnef.co/go/tools/cmd/staticcheck@v0.8.2
}

# install_clients fetches the OpenAI clients that the tests drive, as pinned.
install_clients() {
	test/client/install.sh
	(cd test/goclients && go mod download)
}

# install_lint is for `make lint`; CI does without, since it takes minutes to build.
install_lint() {
	[[ -x $tools/golangci-lint ]] || GOBIN=$tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
}

formatted() {
	local files
	files=$("$tools/gofumpt" -l .)
	if [[ -n $files ]]; then
		printf 'not formatted by gofumpt:\n%s\n' "$files" >&2
		return 1
	fi
}

tidy() {
	go mod tidy -diff
	(cd test/ollama && go mod tidy -diff)
	(cd test/goclients && go mod tidy -diff && go vet .)
}

# reproducible builds the program twice, in two folders and with two build
# caches, and compares.
reproducible() (
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	mkdir "$tmp/copy"
	git ls-files -co --exclude-standard -z | xargs -0 cp --parents -t "$tmp/copy" --
	build "$tmp/a"
	(cd "$tmp/copy" && GOCACHE=$tmp/cache build "$tmp/b")
	sha256sum "$tmp/a" "$tmp/b"
	cmp "$tmp/a" "$tmp/b"
)

build() {
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$1" ./cmd/gatewayd
}

# fuzz DURATION runs every fuzz target for that long.
fuzz() {
	local package file target
	while IFS=: read -r file target; do
		package=./$(dirname "$file")
		echo "$package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package"
	done < <(git grep --untracked -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/')
}
