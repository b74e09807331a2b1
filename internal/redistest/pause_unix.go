//go:build unix

package redistest

import "syscall"

// Pause stops the process: connections stay and nothing answers.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume goes on after [Server.Pause].
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("%v to redis-server: %v", sig, err)
	}
}
