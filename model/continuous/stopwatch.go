package continuous

import (
	"time"

	"cobot_vla/model"
)

// Stopwatch measures the stages of a decision.
type Stopwatch struct {
	Now  func() time.Time
	last time.Time
	laps []model.Timing
}

// StartWatch begins the first stage.
func StartWatch(now func() time.Time) *Stopwatch { return &Stopwatch{Now: now, last: now()} }

// Lap ends a stage and begins the next.
func (s *Stopwatch) Lap(stage string) {
	now := s.Now()
	s.laps = append(s.laps, model.Timing{Stage: stage, Took: now.Sub(s.last)})
	s.last = now
}

// Laps so far.
func (s *Stopwatch) Laps() []model.Timing { return s.laps }
