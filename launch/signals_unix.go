//go:build unix

package launch

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup gives the process a group of its own: Ctrl-C reaches only us, and
// what it started in turn can be ended with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// A group that is gone needs no signal: errors say no more than that.
func interruptGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGINT) }
func termGroup(pid int)      { _ = syscall.Kill(-pid, syscall.SIGTERM) }
func killGroup(pid int)      { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// killed says whether SIGKILL ended it.
func killed(s *os.ProcessState) bool {
	ws, ok := s.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}
