//go:build !linux

package can

import (
	"fmt"
	"runtime"
)

func (s System) openInterface(name string, _ int) ([]Bus, error) {
	return nil, fmt.Errorf("can: %s: SocketCAN needs Linux, this is %s: join a simulator with unix:/path instead", name, runtime.GOOS)
}

// Interfaces lists this machine's CAN interfaces; only Linux has any.
func Interfaces() ([]Interface, error) { return nil, nil }
