//go:build !amd64

package kernels

import "sync/atomic"

// spin loads 10,000 times: some 10 µs.
func spin(a *atomic.Uint32, v uint32, equal bool) bool {
	for range 10_000 {
		if (a.Load() == v) == equal {
			return true
		}
	}
	return false
}
