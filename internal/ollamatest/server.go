// Package ollamatest runs real Ollama servers for tests, and makes tiny models
// for them.
//
// The binary is built by test/ollama/build.sh and kept outside the repository.
// Where it is missing a test is skipped and says so, unless the list in the
// environment variable TENBIT_REQUIRE names ollama: then it fails.
package ollamatest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit/internal/freeport"
)

// Version is the Ollama that is run, the one test/ollama/go.mod names.
const Version = "v0.17.4"

// Server is a running Ollama.
type Server struct {
	URL string // such as http://127.0.0.1:40000
}

// Binary is where build.sh keeps the Ollama that belongs to this Go.
func Binary() (string, error) {
	cache := os.Getenv("TENBIT_CACHE")
	if cache == "" {
		dir := os.Getenv("XDG_CACHE_HOME")
		if dir == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("find the cache: %w", err)
			}
			dir = filepath.Join(home, ".cache")
		}
		cache = filepath.Join(dir, "tenbit")
	}
	dir := fmt.Sprintf("ollama-%s-%s-%s", Version, runtime.Version(), runtime.GOARCH)
	return filepath.Join(cache, dir, "ollama"), nil
}

// Start runs a server with a home and models of its own on a free loopback
// port, waits until it answers, and stops it when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, err := Binary()
	if err == nil {
		_, err = os.Stat(bin)
	}
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("TENBIT_REQUIRE"), ","), "ollama") {
			t.Fatalf("ollama is required and not built: %v; run test/ollama/build.sh", err)
		}
		t.Skip("ollama is not built: run test/ollama/build.sh")
	}

	addr := freeport.Addr(t)
	home := t.TempDir()
	log := new(logBuffer)
	cmd := exec.Command(bin, "serve")
	// GODEBUG and the rest of the environment stay out: OLLAMA_* of the person
	// who runs the test must not reach this server.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home,
		"OLLAMA_HOST=" + addr, "OLLAMA_MODELS=" + filepath.Join(home, "models"),
		"OLLAMA_KEEP_ALIVE=60m", "OLLAMA_NUM_PARALLEL=4", "OLLAMA_NOPRUNE=1",
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start ollama: %v", err)
	}
	done := make(chan struct{})
	go func() { // ends with the process, which Cleanup ends
		defer close(done)
		_ = cmd.Wait() // what it says is in the log
	}()
	t.Cleanup(func() { stop(t, cmd, done, log) })

	s := &Server{URL: "http://" + addr}
	if err := s.wait(t.Context(), done); err != nil {
		t.Fatalf("start ollama: %v\n%s", err, log)
	}
	return s
}

// stop asks the server to end, so that it ends its model runners, and kills it
// when it does not within ten seconds.
func stop(t testing.TB, cmd *exec.Cmd, done <-chan struct{}, log fmt.Stringer) {
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended by itself
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
	if t.Failed() {
		t.Logf("ollama %d said:\n%s", cmd.Process.Pid, log)
	}
}

// wait returns when the server answers.
func (s *Server) wait(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.call(ctx, http.MethodGet, "/api/version", nil, 0)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-done:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		}
	}
}

// Create makes the model name from a GGUF file, with one thread, a context of
// 2048 tokens and the given chat template.
func (s *Server) Create(t testing.TB, name, ggufPath, template string) {
	t.Helper()
	gguf, err := os.ReadFile(ggufPath)
	if err != nil {
		t.Fatal(err)
	}
	s.create(t, name, gguf, template)
}

// CreateTiny makes the model name from m.
func (s *Server) CreateTiny(t testing.TB, name string, m Model) {
	t.Helper()
	s.create(t, name, m.GGUF(), Template)
}

func (s *Server) create(t testing.TB, name string, gguf []byte, template string) {
	t.Helper()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(gguf))
	if err := s.call(t.Context(), http.MethodPost, "/api/blobs/"+digest, bytes.NewReader(gguf), int64(len(gguf))); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	// Two threads would spin at barriers on a shared machine.
	body, err := json.Marshal(map[string]any{
		"model": name, "files": map[string]string{"tiny.gguf": digest}, "template": template,
		"parameters": map[string]any{"num_thread": 1, "num_ctx": 2048}, "stream": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.call(t.Context(), http.MethodPost, "/api/create", bytes.NewReader(body), int64(len(body))); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

func (s *Server) call(ctx context.Context, method, path string, body io.Reader, size int64) error {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, said)
	}
	return nil
}

// logBuffer keeps what the server prints.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
