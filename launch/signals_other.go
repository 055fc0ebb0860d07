//go:build !unix

package launch

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func interruptGroup(pid int) { signal(pid, os.Interrupt) }
func termGroup(pid int)      { signal(pid, os.Kill) }
func killGroup(pid int)      { signal(pid, os.Kill) }

func signal(pid int, s os.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Signal(s)
	}
}

func killed(s *os.ProcessState) bool { return !s.Exited() }
