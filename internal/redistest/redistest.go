// Package redistest starts a real Redis server for a test, and takes it away.
package redistest

import (
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"tenbit/internal/freeport"
)

// Server is a redis-server on a loopback port of its own. Its methods fail the
// test when they can't do what they say.
type Server struct {
	Addr string

	t    testing.TB
	path string
	args []string
	tls  bool
	cmd  *exec.Cmd // nil while it is stopped
}

// Start runs redis-server until the test ends and returns its address. It
// keeps nothing on disk. Where it is not installed the test is skipped, unless
// TENBIT_REQUIRE names redis: then it fails.
func Start(t testing.TB) (addr string) { return Run(t).Addr }

// Run is [Start] with more arguments of redis-server, such as "--appendonly",
// "yes"; files lie in a directory of the test's. With "--tls-port" and any port it
// speaks TLS alone, at its address.
func Run(t testing.TB, args ...string) *Server {
	t.Helper()
	return run(t, "redis-server", "redis", args)
}

// RunValkey is [Run] with valkey-server.
func RunValkey(t testing.TB, args ...string) *Server {
	t.Helper()
	return run(t, "valkey-server", "valkey", args)
}

func run(t testing.TB, program, what string, args []string) *Server {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("TENBIT_REQUIRE"), ","), what) {
			t.Fatal(program + " is required and not installed")
		}
		t.Skip(program + " is not installed: only miniredis is tested")
	}
	s := &Server{Addr: freeport.Addr(t), t: t, path: path}
	_, port, _ := net.SplitHostPort(s.Addr)
	s.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
	if i := slices.Index(s.args, "--tls-port"); i >= 0 {
		s.args[1], s.args[i+1], s.tls = "0", port, true
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Kill()
		}
	})
	s.Restart()
	return s
}

// Restart starts the server again after [Server.Kill], with what lies on its disk.
func (s *Server) Restart() {
	s.t.Helper()
	cmd := exec.Command(s.path, s.args...)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = cmd
	for deadline := time.Now().Add(time.Minute); !s.answers(); {
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not answer")
		}
		time.Sleep(10 * time.Millisecond) // a process of its own tells nobody when it is ready
	}
}

// answers reports whether the server speaks: also that it wants a password.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if s.tls { // that it listens is all that can be told without a certificate
		return true
	}
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	b := make([]byte, 64)
	n, err := conn.Read(b)
	return err == nil && !strings.HasPrefix(string(b[:n]), "-LOADING")
}

// Kill is kill -9: what was not on disk is lost, and connections are refused.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Errorf("kill redis-server: %v", err)
	}
	_ = s.cmd.Wait() // says that it was killed
	s.cmd = nil
}
