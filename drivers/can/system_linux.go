package can

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"

	"go.einride.tech/can/pkg/socketcan"
)

// openInterface opens n ends of a SocketCAN interface, which own it together.
func (s System) openInterface(name string, n int) ([]Bus, error) {
	all, err := Interfaces()
	if err != nil {
		return nil, err
	}
	i, err := usable(all, name, s.Bitrates[name])
	if err != nil {
		return nil, err
	}
	dir := s.LockDir
	if dir == "" {
		dir = lockDir()
	}
	owner, err := own(dir, name)
	if err != nil {
		return nil, err
	}
	conns, err := dialAll(name, n)
	if err != nil {
		owner.release()
		return nil, fmt.Errorf("can: %s: %w", name, err)
	}
	var open atomic.Int32
	open.Store(int32(n))
	ends := make([]Bus, n)
	for k, conn := range conns {
		ends[k] = newSocketBus(name, conn, i.State, func() {
			if open.Add(-1) == 0 {
				owner.release()
			}
		})
	}
	return ends, nil
}

func dialAll(name string, n int) (conns []net.Conn, err error) {
	for range n {
		conn, err := socketcan.Dial("can", name, socketcan.WithReceiveErrorFrames())
		if err != nil {
			for _, c := range conns {
				c.Close()
			}
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// Interfaces lists this machine's CAN interfaces by name.
func Interfaces() ([]Interface, error) {
	links, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("can: list network interfaces: %w", os.NewSyscallError("netlink", err))
	}
	all, err := parseLinks(links)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Path = devicePath("/sys/class/net", all[i].Name)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].Name < all[b].Name })
	return all, nil
}

// devicePath is the last element of the link /sys/class/net/NAME/device.
func devicePath(sys, name string) string {
	target, err := os.Readlink(filepath.Join(sys, name, "device"))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// lockDir is where Linux programs lock devices.
func lockDir() string {
	const dir = "/run/lock"
	if info, err := os.Stat(dir); err == nil && info.IsDir() && syscall.Access(dir, 2 /* W_OK */) == nil {
		return dir
	}
	return os.TempDir()
}

// owner is the lock on an interface; the kernel frees it when the process dies.
type owner struct{ file *os.File }

// own takes the interface's lock file, or names who has it.
func own(dir, name string) (*owner, error) {
	path := filepath.Join(dir, "cobot_vla-"+name+".lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if os.IsPermission(err) { // another user's file: enough to lock it
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("can: %s: lock file: %w", name, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(path)
		file.Close()
		if err != syscall.EWOULDBLOCK {
			return nil, fmt.Errorf("can: %s: lock file %s: %w", name, path, err)
		}
		return nil, fmt.Errorf("can: %s belongs to %s: stop it first, two programs on one interface fight over the robot", name, process(string(pid)))
	}
	file.Chmod(0o666) // for the next user; fails on another user's file, where it is done
	if file.Truncate(0) == nil {
		file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	return &owner{file}, nil
}

// release gives the interface back. The file stays: removing it would race with the next owner.
func (o *owner) release() {
	o.file.Truncate(0)
	o.file.Close()
}

// process describes the owner that a lock file names.
func process(pid string) string {
	pid = strings.TrimSpace(pid)
	if pid == "" {
		return "another process"
	}
	if comm, err := os.ReadFile(filepath.Join("/proc", pid, "comm")); err == nil {
		return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(comm)))
	}
	return "process " + pid
}
