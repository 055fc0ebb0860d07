package main

import (
	"math"
	"time"

	"cobot_vla/msgs"
)

// stillness tells a policy that hesitates from one that has stopped for good.
type stillness struct {
	pose  []float64 // that the arms were told to take when they last moved
	since time.Time
}

// What counts as standing: token policies dither by a bin.
const (
	standingJoint   = 0.03  // [rad]
	standingGripper = 0.005 // [m]
)

// look notes what the arms are told, and whether the base drives; it says for how long neither has moved.
func (s *stillness) look(now time.Time, command []float64, driving bool) time.Duration {
	if driving || s.since.IsZero() || s.moved(command) {
		s.pose, s.since = append(s.pose[:0], command...), now
	}
	return now.Sub(s.since)
}

func (s *stillness) moved(command []float64) bool {
	if len(command) != len(s.pose) {
		return true
	}
	for i, x := range command {
		limit := standingJoint
		if i%7 == 6 { // six joints and a gripper, arm after arm
			limit = standingGripper
		}
		if math.Abs(x-s.pose[i]) > limit {
			return true
		}
	}
	return false
}

// still is for how long nothing of the robot has been told to move.
func (w *watcher) still(s *stillness) time.Duration {
	var command []float64
	if w.command != nil {
		command = w.command.Position
	}
	return s.look(w.n.Now(), command, !w.parts[msgs.Base].Stopped)
}
