package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a process, a request or an event may take before a test
// gives up; nothing waits that long when all is well.
var patience = map[bool]time.Duration{false: time.Minute, true: 5 * time.Minute}[raceEnabled]

// process is a running gatewayd.
type process struct {
	Addr  string // as its first log line names it
	Admin string // base URL of its admin listener, from the same line

	cmd  *exec.Cmd
	log  *logs
	done chan struct{} // closed when the process has ended
}

// listens is a role's first log line.
var listens = regexp.MustCompile(` listens" addr=(127\.0\.0\.1:[0-9]+) admin=(127\.0\.0\.1:[0-9]+) `)

// start runs a role of gatewayd with a configuration until the test ends.
// Configurations are written as JSON, which is YAML too.
func start(t testing.TB, role string, config tree) *process {
	t.Helper()
	return startFile(t, role, config.write(t))
}

// startFile is start with a file, and with more of an environment than the
// program otherwise gets.
func startFile(t testing.TB, role, path string, env ...string) *process {
	t.Helper()
	cmd := exec.Command(gatewayd, role, "-config", path)
	// The race detector would sleep a second before each exit.
	cmd.Env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "GORACE=atexit_sleep_ms=10")
	p := &process{cmd: cmd, log: &logs{first: make(chan string, 1)}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", role, err)
	}
	go func() { // ends with the process, which Cleanup ends
		defer close(p.done)
		cmd.Wait() //nolint:errcheck // the state is looked at where it matters
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", role, p.log)
		}
	})
	select {
	case line := <-p.log.first:
		m := listens.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: the first log line does not say where it listens: %s", role, line)
		}
		p.Addr, p.Admin = m[1], "http://"+m[2]
	case <-p.done:
		t.Fatalf("%s ended at once:\n%s", role, p.log)
	case <-time.After(patience):
		t.Fatalf("%s: no log line", role)
	}
	return p
}

// stop asks the process to end and waits; it has to drain and exit with 0.
func (p *process) stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("interrupt: %v", err)
	}
	select {
	case <-p.done:
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit status after an interrupt: got %d, want 0", code)
		}
	case <-time.After(patience):
		p.kill(t)
		t.Error("an interrupt did not end the process")
	}
}

// kill is kill -9.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Errorf("kill: %v", err)
	}
	<-p.done
}

// tree is a configuration.
type tree map[string]any

// set changes the value at a path such as "policy.confidence".
func (c tree) set(path string, value any) {
	key, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		c[key] = value
		return
	}
	below, ok := c[key].(tree)
	if !ok {
		below = tree{}
		c[key] = below
	}
	below.set(rest, value)
}

func (c tree) write(t testing.TB) string {
	t.Helper()
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logs keeps what a process prints.
type logs struct {
	first chan string // the first line

	mu   sync.Mutex // guards what follows
	buf  bytes.Buffer
	full bool // keeps nothing more
}

// enough keeps nothing of what follows: a million lines would fill the memory.
func (l *logs) enough() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = true
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return len(p), nil
	}
	before := bytes.IndexByte(l.buf.Bytes(), '\n')
	l.buf.Write(p)
	if end := bytes.IndexByte(l.buf.Bytes(), '\n'); before < 0 && end >= 0 {
		l.first <- string(l.buf.Bytes()[:end])
	}
	return len(p), nil
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// once runs gatewayd to its end and returns what it printed and its exit status.
func once(t testing.TB, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, gatewayd, args...)
	var out, err bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=10")
	runErr := cmd.Run()
	var exit *exec.ExitError
	if runErr != nil && !errors.As(runErr, &exit) {
		t.Fatalf("gatewayd %v: %v", args, runErr)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

// await waits for something to happen on c.
func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen within %v", what, patience)
		panic("unreachable")
	}
}
