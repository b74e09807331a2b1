package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "tenbit"

// allowed is the import table: what each package may import
// of ours, by path within the module; "." is the root package. A trailing slash
// takes in every package below.
var allowed = []row{
	{".", nil},
	{"codec", nil},
	{"codec/", []string{"codec/"}},
	{"policy", []string{".", "codec"}},
	{"cache", []string{"."}},
	{"internal/ledger", []string{"."}},
	{"internal/register", []string{"."}},
	{"internal/config", []string{"."}},
	{"internal/telemetry", []string{"."}},
	{"internal/link", []string{".", "codec"}},
	{"internal/ollama", []string{".", "policy"}},
	{"internal/openai", []string{".", "policy"}},
	{"internal/embedded", []string{".", "policy"}},
	{"internal/embedded/tasks", nil},
	{"internal/fake", []string{".", "policy"}},
	{"internal/lines", nil},
	{"internal/freeport", nil},
	{"internal/ollamatest", []string{"internal/freeport"}},
	{"internal/redistest", []string{"internal/freeport"}},
	{"gateway", []string{".", "policy", "cache"}},
	{"cmd/", []string{"*"}},
	{"test/", []string{"*"}},
	{"train/", []string{"*"}},
}

type row struct {
	packages string
	imports  []string
}

// owners are modules that only the named packages may import, so that they can
// be replaced in one place.
var owners = map[string][]string{
	"github.com/ollama/ollama":            {"internal/ollama"},
	"github.com/redis/go-redis":           {"cache", "internal/ledger", "cmd/"},
	"go.etcd.io/bbolt":                    {"internal/ledger"},
	"github.com/coder/websocket":          {"internal/link"},
	"github.com/prometheus/client_golang": {"internal/telemetry", "cmd/"},
	"github.com/go-chi/chi":               {"gateway", "internal/telemetry", "cmd/"},
}

// listed is what the test reads of a package that go list prints.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	CgoFiles   []string
	Error      *struct{ Err string }
}

func TestImports(t *testing.T) {
	for _, p := range list(t, "./...") {
		name := within(p.ImportPath)
		i := slices.IndexFunc(allowed, func(r row) bool { return covers(r.packages, name) })
		if i < 0 {
			t.Errorf("%s: not in the import table", name)
			continue
		}
		for _, imp := range p.Imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			if !slices.ContainsFunc(allowed[i].imports, func(a string) bool { return covers(a, within(imp)) }) {
				t.Errorf("%s imports %s, which the import table does not allow", name, within(imp))
			}
		}
	}
}

func TestModulesHaveOneOwner(t *testing.T) {
	for _, p := range list(t, "./...") {
		name := within(p.ImportPath)
		for _, imp := range p.Imports {
			for mod, packages := range owners {
				if imp != mod && !strings.HasPrefix(imp, mod+"/") {
					continue
				}
				if !slices.ContainsFunc(packages, func(a string) bool { return covers(a, name) }) {
					t.Errorf("%s imports %s, which belongs to %v", name, imp, packages)
				}
			}
		}
	}
}

func TestRootIsStandardLibraryOnly(t *testing.T) {
	for _, p := range list(t, "-deps", ".") {
		if !p.Standard && p.ImportPath != module {
			t.Errorf("the root package depends on %s", p.ImportPath)
		}
	}
}

// TestNoCgo sees that the program needs no C compiler: no package outside the
// standard library has cgo files, and all load with cgo switched off.
func TestNoCgo(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/...") {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
	t.Setenv("CGO_ENABLED", "0")
	for _, p := range list(t, "-e", "-deps", "./...") {
		if p.Error != nil {
			t.Errorf("%s without cgo: %s", p.ImportPath, p.Error.Err)
		}
	}
}

// covers reports whether a pattern of the table takes in a package.
func covers(pattern, name string) bool {
	return pattern == "*" || pattern == name ||
		strings.HasSuffix(pattern, "/") && strings.HasPrefix(name+"/", pattern)
}

// within is an import path seen from the module's root.
func within(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,CgoFiles,Error"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.Bytes())
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		packages = append(packages, p)
	}
}
