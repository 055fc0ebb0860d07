package policy

import (
	"testing"
	"time"
)

// TestRobotClock: the offset comes out whatever the clocks say, and of several
// exchanges the quickest counts.
func TestRobotClock(t *testing.T) {
	const ms = time.Millisecond
	start := time.Unix(1_700_000_000, 0)
	for _, offset := range []time.Duration{0, 3 * time.Second, -90 * time.Minute, 137 * time.Microsecond} {
		var c robotClock
		if _, ok := c.best(); ok {
			t.Error("an offset without a measurement")
		}
		local := start
		exchange := func(there, work, back time.Duration) {
			received := local.Add(there).Add(offset)
			arrived := local.Add(there + work + back)
			c.add(local, received, received.Add(work), arrived)
			local = arrived.Add(time.Second)
		}
		exchange(40*ms, 5*ms, 2*ms) // a busy link: off by 19 ms
		if r, ok := c.best(); !ok || r.delay != 42*ms || (r.offset-offset) != 19*ms {
			t.Errorf("offset %v: %+v", offset, r)
		}
		exchange(1*ms, 20*ms, 1*ms)
		exchange(8*ms, 0, 9*ms)
		if r, _ := c.best(); r.delay != 2*ms || r.offset != offset {
			t.Errorf("offset %v: %+v", offset, r)
		}
		for range len(c.last) { // a clock that was set is believed before long
			exchange(3*ms, 0, 3*ms)
		}
		if r, _ := c.best(); r.delay != 6*ms {
			t.Errorf("old readings still count: %+v", r)
		}
	}
}
