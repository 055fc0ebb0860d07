package kernels

import (
	"sync/atomic"
	"unsafe"
)

// spinTicks of the time stamp counter, which runs at 2 to 4 GHz.
const spinTicks = 100_000

//go:noescape
func spinTSC(a *uint32, v uint32, equal bool, ticks uint64) bool

func spin(a *atomic.Uint32, v uint32, equal bool) bool {
	return spinTSC((*uint32)(unsafe.Pointer(a)), v, equal, spinTicks)
}
