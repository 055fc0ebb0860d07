package tracer

import "time"

// wheel follows one counter of the odometer through its wraps.
type wheel struct {
	started bool
	last    int32
	total   int64 // since the first reading [mm]
}

// Limits of what a counter can do between two frames.
const (
	wheelSpeed  = 3.0                    // above the Tracer's 2.3 m/s unloaded [m/s]
	wheelSlack  = 100                    // [mm]
	wheelMemory = 500 * time.Millisecond // after a longer silence the base may have been restarted
)

// furthest a wheel can have come after dt [mm].
func furthest(dt time.Duration) int64 {
	if dt > wheelMemory {
		return wheelSlack
	}
	return int64(wheelSpeed*max(0, dt.Seconds())*1e3) + wheelSlack
}

// add takes a reading and returns the way since the last one [mm]. A step that
// no wheel can make is tried as a wrap at 32 bits, then at 24; if it is none, the
// counter was set anew: the way is unknown, counted as none, and ok is false.
func (w *wheel) add(reading int32, most int64) (way int64, ok bool) {
	step := reading - w.last // wraps as the counter does
	started := w.started
	w.started, w.last = true, reading
	if !started {
		return 0, true
	}
	for _, way := range []int64{int64(step), int64(step<<8) >> 8} {
		if -most <= way && way <= most {
			w.total += way
			return way, true
		}
	}
	return 0, false
}
