package continuous

import (
	"errors"
	"fmt"

	"cobot_vla/calibration"
	"cobot_vla/model"
	"cobot_vla/model/checkpoint"
)

// ErrObservation: what the robot saw or felt is not what the manifest says.
var ErrObservation = errors.New("the observation does not fit the policy")

// Joints of an arm; the gripper comes after them.
const Joints = 6

// State is what a network feels: an arm, and its gripper as one of two classes or as two finger positions.
type State struct {
	Arm     [Joints]float32
	Gripper [2]float32
}

// Class is a gripper as a class: the last command, -1 or +1. Whatever is below 1 counts as the former.
func Class(command float32) [2]float32 {
	if command < 1 {
		return [2]float32{1, 0}
	}
	return [2]float32{0, 1}
}

// Robot is what a network's numbers mean, by a manifest and its statistics.
type Robot struct {
	manifest checkpoint.Manifest
	spec     checkpoint.ContinuousSpec
	stats    calibration.Statistics
}

// NewRobot binds; the statistics are in the manifest's order.
func NewRobot(m checkpoint.Manifest, s calibration.Statistics) (*Robot, error) {
	if m.Continuous == nil {
		return nil, fmt.Errorf("continuous is missing in the manifest %q", m.Name)
	}
	if len(s.ActMin) != Joints+1 || len(s.Mean) != Joints+1 {
		return nil, fmt.Errorf("statistics of %d actions and %d states, the policy has %d joints and a gripper", len(s.ActMin), len(s.Mean), Joints)
	}
	return &Robot{manifest: m, spec: *m.Continuous, stats: s}, nil
}

// State is the network's of an observation's.
func (r *Robot) State(obs model.Observation) (State, error) {
	var s State
	if len(obs.State) != Joints+1 {
		return s, fmt.Errorf("%w: %d numbers of proprioception, the manifest lists %d", ErrObservation, len(obs.State), Joints+1)
	}
	for i := range s.Arm {
		s.Arm[i] = float32(r.feel(i, obs.State[i]))
	}
	width := obs.State[Joints]
	if r.spec.Gripper == "binary" {
		s.Gripper = Class(r.command(width))
		return s, nil
	}
	// Two fingers at equal distances from the middle, as a parallel gripper's are.
	x := float32(r.feel(Joints, width))
	if r.spec.State == "raw" {
		x /= 2
	}
	s.Gripper = [2]float32{x, -x}
	return s, nil
}

func (r *Robot) feel(i int, x float64) float64 {
	if r.spec.State == "raw" {
		return x
	}
	return (x - r.stats.Mean[i]) / max(r.stats.Std[i], 1e-5)
}

// command is -1 or +1, the class of a width: that whose end of the range is nearer.
func (r *Robot) command(width float64) float32 {
	open := width > (r.stats.ActMin[Joints]+r.stats.ActMax[Joints])/2
	if open == (r.spec.GripperOne == "open") {
		return 1
	}
	return -1
}

// Action is a prediction in the robot's units, made where state was measured.
func (r *Robot) Action(p Prediction, state []float64) []float64 {
	out := make([]float64, Joints+1)
	for i := range Joints {
		if r.spec.Relative == 0 {
			out[i] = between(r.stats.ActMin[i], r.stats.ActMax[i], (p[i]+1)/2)
			continue
		}
		to := state[i] + min(max(p[i], -1), 1)*r.spec.Relative
		out[i] = min(max(to, r.stats.ActMin[i]), r.stats.ActMax[i])
	}
	g := p[Joints]
	if r.spec.Gripper == "binary" {
		one := g > 0.5
		g = 0
		if one == (r.spec.GripperOne == "open") {
			g = 1
		}
	}
	out[Joints] = between(r.stats.ActMin[Joints], r.stats.ActMax[Joints], g)
	return out
}

// Target is the prediction that would have meant an action where state was measured: what training is told. A binary
// gripper's is 0 or 1.
func (r *Robot) Target(action, state []float64) (Prediction, error) {
	var p Prediction
	if len(action) != Joints+1 || len(state) != Joints+1 {
		return p, fmt.Errorf("%d numbers of an action and %d of a state, the manifest lists %d", len(action), len(state), Joints+1)
	}
	for i := range Joints {
		p[i] = 2*(action[i]-r.stats.ActMin[i])/(r.stats.ActMax[i]-r.stats.ActMin[i]) - 1
		if r.spec.Relative > 0 {
			p[i] = (action[i] - state[i]) / r.spec.Relative
		}
		p[i] = min(max(p[i], -1), 1)
	}
	if r.spec.Gripper == "binary" {
		p[Joints] = float64(r.command(action[Joints])+1) / 2
		return p, nil
	}
	p[Joints] = min(max((action[Joints]-r.stats.ActMin[Joints])/(r.stats.ActMax[Joints]-r.stats.ActMin[Joints]), 0), 1)
	return p, nil
}

// between is the number that lies part of the way from low to high, never beyond either.
func between(low, high, part float64) float64 {
	return min(max(low+part*(high-low), low), high)
}
