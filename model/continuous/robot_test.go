package continuous

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"cobot_vla/calibration"
)

// TestRobotReadsWhatItWasTold: an action within reach, and within the range of the data, comes back from the prediction that
// means it, wherever the arm was measured; one that is not comes back at the bound.
func TestRobotReadsWhatItWasTold(t *testing.T) {
	robot := calibration.Default()
	m, err := ForArm(robot, "left")
	if err != nil {
		t.Fatal(err)
	}
	low, high := robot.ActionLimits()
	stats := calibration.Statistics{ActionNames: m.Action.Names, StateNames: m.Proprioception}
	for i := range m.Action.Names {
		stats.ActMin, stats.ActMax = append(stats.ActMin, low[i]), append(stats.ActMax, high[i])
		stats.Mean, stats.Std = append(stats.Mean, 0), append(stats.Std, 1)
	}
	rapid.Check(t, func(t *rapid.T) {
		spec := Paper()
		spec.Relative = rapid.SampledFrom([]float64{0, 0.1, 0.4}).Draw(t, "relative")
		m.Continuous = &spec
		r, err := NewRobot(m, stats)
		if err != nil {
			t.Fatal(err)
		}
		state, action := make([]float64, Joints+1), make([]float64, Joints+1)
		for i := range action {
			state[i] = rapid.Float64Range(low[i], high[i]).Draw(t, "state")
			action[i] = rapid.Float64Range(low[i], high[i]).Draw(t, "action")
		}
		p, err := r.Target(action, state)
		if err != nil {
			t.Fatal(err)
		}
		back := r.Action(p, state)
		for i := range action {
			want := action[i]
			if spec.Relative > 0 && i < Joints {
				want = min(max(want, state[i]-spec.Relative), state[i]+spec.Relative)
			}
			if math.Abs(back[i]-want) > 1e-9 {
				t.Fatalf("%s at %g told %g reads %g, expected %g", m.Action.Names[i], state[i], action[i], back[i], want)
			}
			if back[i] < low[i] || back[i] > high[i] {
				t.Fatalf("%s is sent to %g, beyond %g..%g", m.Action.Names[i], back[i], low[i], high[i])
			}
		}
	})
	if _, err := (&Robot{}).Target(make([]float64, 7), make([]float64, 6)); err == nil {
		t.Error("a state of six numbers was taken")
	}
}
