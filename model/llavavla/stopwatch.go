package llavavla

import (
	"context"
	"errors"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/nn"
)

// stopwatch measures stages: by the host's clock, or, where the device runs
// ahead of the host, by the device's.
type stopwatch struct {
	now    func() time.Time
	last   time.Time
	laps   []model.Timing
	device nn.Recorder
	stages []string // of the device's marks
}

func (s *stopwatch) lap(stage string) {
	now := s.now()
	s.laps = append(s.laps, model.Timing{Stage: stage, Took: now.Sub(s.last)})
	s.last = now
}

// begin is where the backend's work begins.
func (s *stopwatch) begin(b nn.Backend) {
	if r, ok := b.(nn.Recorder); ok {
		s.device = r
		r.Mark()
	}
}

// stage ends one; where nothing runs ahead, the backend has done it.
func (s *stopwatch) stage(ctx context.Context, name string, b nn.Backend) error {
	if s.device != nil {
		s.device.Mark()
		s.stages = append(s.stages, name)
		return ctx.Err()
	}
	err := errors.Join(b.Sync(), ctx.Err())
	s.lap(name)
	return err
}

// end is the last stage, after which the backend has done everything.
func (s *stopwatch) end(name string) error {
	if s.device == nil {
		s.lap(name)
		return nil
	}
	s.device.Mark()
	took, err := s.device.Laps()
	s.stages = append(s.stages, name)
	took = took[max(0, len(took)-len(s.stages)):] // before them may be those of a decision that was broken off
	for i, d := range took {
		s.laps = append(s.laps, model.Timing{Stage: s.stages[i], Took: d})
	}
	return err
}
