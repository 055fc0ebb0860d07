package kernels

import (
	"sync/atomic"
	"time"
)

// SpinTime is the longest that a spin takes on any processor: between 25 and
// 50 µs at the clocks processors have.
const SpinTime = 50 * time.Microsecond

// SpinUntilEqual waits until *a is v, at most SpinTime. It says whether it is.
func SpinUntilEqual(a *atomic.Uint32, v uint32) bool { return spin(a, v, true) }

// SpinWhileEqual waits while *a is v, at most SpinTime. It says whether it is something else.
func SpinWhileEqual(a *atomic.Uint32, v uint32) bool { return spin(a, v, false) }
