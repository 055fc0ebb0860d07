package scene

import (
	"fmt"
	"math"
	"time"
)

// hold measures how long a condition has held without a break.
type hold struct {
	since, last time.Duration
	on          bool
}

// update returns how long the condition has held at now.
func (h *hold) update(now time.Duration, condition bool) time.Duration {
	broken := !h.on || now < h.last || now-h.last > MaxGap
	h.last = now
	switch {
	case !condition:
		h.on = false
		return 0
	case broken:
		h.on, h.since = true, now
	}
	return now - h.since
}

// attempt is what all judges share: the time limit and the latch.
type attempt struct {
	limit   time.Duration
	verdict Verdict
	began   time.Duration
	started bool
}

// closed reports a verdict that stands.
func (a *attempt) closed(v View) bool {
	if !a.started {
		a.started, a.began = true, v.Time()
	}
	if a.verdict.Over {
		return true
	}
	if a.limit > 0 && v.Time()-a.began >= a.limit {
		a.verdict.Over = true
		a.verdict.Reason = fmt.Sprintf("%g s are over: %s", a.limit.Seconds(), a.verdict.Reason)
		return true
	}
	return false
}

func (a *attempt) succeed(reason string) Verdict {
	a.verdict = Verdict{Success: true, Over: true, Progress: 1, Reason: reason}
	return a.verdict
}

func (a *attempt) fail(reason string) Verdict {
	a.verdict.Over = true
	a.verdict.Reason = reason
	return a.verdict
}

// going keeps the best progress so far, below 1.
func (a *attempt) going(progress float64, reason string) Verdict {
	a.verdict.Progress = math.Min(math.Max(progress, a.verdict.Progress), 0.99)
	a.verdict.Reason = reason
	return a.verdict
}

// nearest is the distance from a point to the closer gripper tip [m]; +Inf when the view knows none.
func nearest(v View, to Pose) float64 {
	best := math.Inf(1)
	for _, side := range Sides {
		if tip, ok := v.Pose(GripperTip(side)); ok {
			best = math.Min(best, tip.Distance(to))
		}
	}
	return best
}

// approach turns a distance to an object into the first part of a task's progress, 0..1: 1 at 5 cm, 0 at 1.5 m.
func approach(distance float64) float64 {
	return clamp(1-(distance-0.05)/1.45, 0, 1)
}

func clamp(x, low, high float64) float64 { return math.Min(math.Max(x, low), high) }

// lost reports an object that lies below the table it stood on, out of reach for the rest of the attempt.
func lost(p Pose, startHeight float64) bool { return p.Position[2] < startHeight-0.15 }
