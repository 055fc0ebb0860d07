package can

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// System opens the machine's buses. A name is one of
//
//	can_left            a SocketCAN interface (Linux)
//	unix:/run/sim/left  a Unix socket that a UnixServer serves
//
// A SocketCAN interface has one owner: a second Open of it, from this process or
// another, fails and names the owner, because two programs that command one arm
// fight each other.
type System struct {
	// Bitrates an interface must have, by its name [bit/s]. Open refuses another
	// where the kernel knows it (a serial adapter or a virtual interface hides it).
	// Default: nothing is checked.
	Bitrates map[string]uint32
	// UnixDir, when set, replaces every interface can_x by the socket UnixDir/can_x.sock,
	// so that a robot's calibration need not change for a simulator in another process.
	UnixDir string
	// LockDir holds the files that say who owns an interface; all programs must
	// use the same. Default: /run/lock, or the system's temporary folder.
	LockDir string
}

// Open implements Opener.
func (s System) Open(name string) (Bus, error) {
	if path, ok := s.socket(name); ok {
		return DialUnix(path)
	}
	if err := validInterface(name); err != nil {
		return nil, err
	}
	ends, err := s.openInterface(name, 1)
	if err != nil {
		return nil, err
	}
	return ends[0], nil
}

// OpenPair opens two ends of one bus, which hear each other, for a test of the bus
// itself. On a real interface something else on the wire must acknowledge frames, or the
// controller be in loopback mode.
func (s System) OpenPair(name string) (a, b Bus, err error) {
	if path, ok := s.socket(name); ok {
		if a, err = DialUnix(path); err != nil {
			return nil, nil, err
		}
		if b, err = DialUnix(path); err != nil {
			return nil, nil, errors.Join(err, a.Close())
		}
		return a, b, nil
	}
	if err := validInterface(name); err != nil {
		return nil, nil, err
	}
	ends, err := s.openInterface(name, 2)
	if err != nil {
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}

// socket is the path of the Unix socket that a name stands for.
func (s System) socket(name string) (path string, ok bool) {
	if path, ok := strings.CutPrefix(name, "unix:"); ok {
		return path, true
	}
	if s.UnixDir != "" && validInterface(name) == nil {
		return SocketPath(s.UnixDir, name), true
	}
	return "", false
}

// SocketPath is where a simulator serves an interface for a System with UnixDir.
func SocketPath(dir, name string) string { return filepath.Join(dir, name+".sock") }

// validInterface holds name to Linux's rules (dev_valid_name).
func validInterface(name string) error {
	if name == "" || len(name) > 15 || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\r\n\x00") {
		return fmt.Errorf("can: %q is no bus: give an interface of at most 15 letters, e.g. can_left, or unix:/path/of/a/socket", name)
	}
	return nil
}

// Interface is a CAN interface of this machine.
type Interface struct {
	Name    string
	Kind    string // can, vcan, vxcan; empty where the kernel doesn't say (serial adapters)
	Up      bool
	State   State
	Bitrate uint32 // [bit/s]; 0 where unknown
	// Path is the hardware behind it, e.g. 3-1.4:1.0 for a USB port: it tells two
	// equal adapters apart. Empty for virtual interfaces.
	Path string
}

// usable tells what keeps an interface from being opened, with the command that helps.
func usable(all []Interface, name string, bitrate uint32) (Interface, error) {
	var others []string
	for _, i := range all {
		if i.Name == name {
			return i, checkInterface(i, bitrate)
		}
		others = append(others, i.Name)
	}
	if len(others) == 0 {
		return Interface{}, fmt.Errorf("can: no interface %s, nor any other CAN interface: plug the adapter in, then look at `ip -details link show type can`", name)
	}
	return Interface{}, fmt.Errorf("can: no interface %s, there is %s: plug its adapter in, or rename one: ip link set %s down && ip link set %s name %s",
		name, strings.Join(others, ", "), others[0], others[0], name)
}

func checkInterface(i Interface, bitrate uint32) error {
	if bitrate != 0 && i.Bitrate != 0 && i.Bitrate != bitrate {
		return fmt.Errorf("can: %s runs at %d bit/s, its devices need %d: ip link set %s down && %s",
			i.Name, i.Bitrate, bitrate, i.Name, bringUp(i, bitrate))
	}
	if !i.Up {
		return fmt.Errorf("can: %w: %s: %s", ErrDown, i.Name, bringUp(i, bitrate))
	}
	return nil
}

func bringUp(i Interface, bitrate uint32) string {
	if i.Kind != "can" || bitrate == 0 {
		return fmt.Sprintf("ip link set %s up", i.Name)
	}
	return fmt.Sprintf("ip link set %s up type can bitrate %d", i.Name, bitrate)
}
