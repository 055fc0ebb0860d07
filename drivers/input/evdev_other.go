//go:build !linux || !(amd64 || arm64)

package input

import (
	"fmt"
	"runtime"
)

// System opens this machine's devices; here there are none.
type System struct {
	// Folder of the device files.
	Folder string
}

// Open says that this machine has no evdev.
func (System) Open(class Class, want string) (Device, error) {
	return nil, fmt.Errorf("%w: %v %q: evdev needs 64-bit Linux, this is %s/%s", ErrNoDevice, class, want, runtime.GOOS, runtime.GOARCH)
}

// Devices lists none.
func (System) Devices() []Info { return nil }
