package policy

import (
	"context"
	"testing"
	"time"

	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
	"cobot_vla/msgs"
	"cobot_vla/nodes/rcl"
)

// seeing is a policy that sees the ground truth, as the expert does.
type seeing struct{ scripted }

func (s *seeing) Manifest() checkpoint.Manifest {
	m := s.scripted.Manifest()
	m.NeedsGroundTruth = true
	return m
}

// Act is silent: nobody hears a demonstrator's steps one by one.
func (s *seeing) Act(ctx context.Context, obs model.Observation, _ func(int, []float64, []uint32)) (model.Action, error) {
	return s.scripted.Act(ctx, obs, func(int, []float64, []uint32) {})
}

// TestLabelsWhateverTheStatistics: a learner moves the robot, its proprioception is binned by its own
// statistics. Who sees the ground truth labels all the same, and the bins keep their origin; who reads bins does not.
func TestLabelsWhateverTheStatistics(t *testing.T) {
	for _, c := range []struct {
		name  string
		p     model.Policy
		truth bool
	}{
		{"sees the truth", &seeing{scripted{lines: []model.Action{chunk(0.3)}}}, true},
		{"reads bins", &scripted{lines: []model.Action{chunk(0.3)}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, &scripted{lines: []model.Action{chunk(0.1)}}, nil)
			n, err := s.ctx.Node("demonstrator", rcl.Args{})
			if err != nil {
				t.Fatal(err)
			}
			truth, err := rcl.Advertise[msgs.TFMessage](s.test, "/sim/ground_truth", rcl.Default)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.test.Timer(50*time.Millisecond, func(time.Time) { _ = truth.Publish(&msgs.TFMessage{}) }); err != nil {
				t.Fatal(err)
			}
			var states []*msgs.ProprioTokens
			if _, err := rcl.Subscribe(s.test, DemonstratedState, rcl.Default, func(m *msgs.ProprioTokens, _ rcl.Info) { states = append(states, m) }); err != nil {
				t.Fatal(err)
			}
			cfg := DefaultConfig()
			cfg.Instruction = "wave"
			d, err := NewDemonstrator(n, cfg, func(_, _, _ string, _ Compute) (model.Policy, string, error) { return c.p, "the expert's", nil })
			if err != nil {
				t.Fatal(err)
			}
			s.run(time.Second)
			if labelled := d.Labels() > 5; labelled != c.truth {
				t.Errorf("%d labels, %d refusals, waits for %q", d.Labels(), d.Refusals(), d.failure)
			}
			if c.truth && (len(states) == 0 || states[0].StatisticsVersion != "v1" || states[0].Bins[0] != 7) {
				t.Errorf("states %+v", states)
			}
		})
	}
}
