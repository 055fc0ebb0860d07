//go:build !linux || !(amd64 || arm64)

package camera

import (
	"context"
	"fmt"
	"runtime"
)

// V4L2 is a camera of a Linux machine; here there are none.
type V4L2 struct{}

// OpenDevice says that this machine has no V4L2.
func OpenDevice(cfg DeviceConfig) (*V4L2, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s: V4L2 cameras need 64-bit Linux, this is %s/%s", ErrNoDevice, cfg.Name, runtime.GOOS, runtime.GOARCH)
}

// Devices lists none.
func Devices() ([]Device, error) { return nil, nil }

// Info implements Source.
func (*V4L2) Info() Info { return Info{} }

// Stats of no frames.
func (*V4L2) Stats() DeviceStats { return DeviceStats{} }

// Capture implements Source.
func (*V4L2) Capture(context.Context) (Frame, error) { return Frame{}, ErrClosed }

// Close implements Source.
func (*V4L2) Close() error { return nil }
