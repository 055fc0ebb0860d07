package expert

import (
	"fmt"
	"math"

	"cobot_vla/calibration/kinematics"
	"cobot_vla/model"

	"gonum.org/v1/gonum/spatial/r3"
)

// world is what one observation says, in base_link.
type world struct {
	things map[string]kinematics.Transform
	arms   [2]armState
}

func (w *world) bottle() kinematics.Transform { return w.things["bottle"] }
func (w *world) table() kinematics.Transform  { return w.things["table"] }

type armState struct {
	joints  [6]float64 // measured [rad]
	width   float64    // measured opening [m]
	command float64    // commanded opening [m]
}

// see reads an observation.
func (p *Policy) see(task script, obs model.Observation) (*world, error) {
	if n := len(p.manifest.Proprioception); len(obs.State) != n {
		return nil, fmt.Errorf("expert: %d state values, the manifest lists %d", len(obs.State), n)
	}
	for i, v := range obs.State {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("expert: state %s is %g; its sensor is faulty or silent", p.manifest.Proprioception[i], v)
		}
	}
	w := &world{things: map[string]kinematics.Transform{}}
	for _, name := range append([]string{"base_link"}, task.needs...) {
		pose, ok := obs.Truth[name]
		if !ok {
			return nil, fmt.Errorf("%w: the observation lacks the pose of %s; the expert runs only in the simulator, with the scene %s", ErrTruth, name, task.name)
		}
		for _, v := range [7]float64{pose.Position[0], pose.Position[1], pose.Position[2], pose.Orientation[0], pose.Orientation[1], pose.Orientation[2], pose.Orientation[3]} {
			if math.IsNaN(v) || math.Abs(v) > 1e3 {
				return nil, fmt.Errorf("%w: the pose of %s holds %g", ErrTruth, name, v)
			}
		}
		w.things[name] = transform(pose)
	}
	base := w.things["base_link"].Inverse()
	for name, t := range w.things {
		w.things[name] = base.Mul(t)
	}
	for i, s := range p.arms {
		for k := range 6 {
			w.arms[i].joints[k] = obs.State[s.state[k]]
		}
		w.arms[i].width = obs.State[s.state[6]]
		w.arms[i].command = obs.State[s.command]
	}
	return w, nil
}

// grip is the place of the fingers' axis relative to where the bottle is to be
// grasped, in the fingers' own frame.
type grip struct {
	ahead float64 // the bottle's axis before the grasp centre, along the fingers [m]
	aside float64 // beside it, in the direction the fingers open in [m]
	above float64 // the grasp height beyond the grasp centre, across both [m]
	turn  float64 // between the fingers' axis and the direction to approach from [rad]
}

// grip of arm i for its joints.
func (p *Policy) grip(w *world, i int, joints [6]float64) grip {
	s := p.arms[i]
	tip := s.arm.FK(joints)
	goal := p.grasp(w, i)
	d := tip.Inverse().Apply(goal.P)
	return grip{ahead: d.Z, aside: d.Y, above: d.X, turn: r3.Norm(tip.Turn(goal))}
}

// grasp is the pose of arm i's fingers around the bottle, in the arm's base
// frame: in the vertical plane through the arm's first axis and the bottle, so
// that joints 4 and 6 stay at zero, pitched down, opening level.
func (p *Policy) grasp(w *world, i int) kinematics.Transform {
	at := r3.Add(w.bottle().P, r3.Scale(p.cfg.GraspHeight, w.bottle().Z))
	return p.facing(p.arms[i].inverse.Apply(at))
}

// facing is the pose of fingers that reach a point of the arm's base frame.
func (p *Policy) facing(at r3.Vec) kinematics.Transform {
	t := kinematics.RPY(0, math.Pi/2+p.cfg.Pitch, math.Atan2(at.Y, at.X))
	t.P = at
	return t
}

// short is a pose drawn back along the fingers.
func short(t kinematics.Transform, by float64) kinematics.Transform {
	t.P = r3.Sub(t.P, r3.Scale(by, t.Z))
	return t
}

// lifted is where arm i brings the bottle: before the arm, Lift above where it stood.
func (p *Policy) lifted(w *world, i int) kinematics.Transform {
	top := p.arms[i].inverse.Apply(w.table().P)
	return p.facing(r3.Vec{X: p.cfg.Reach, Z: top.Z + p.cfg.GraspHeight + p.cfg.Lift})
}

// between reports whether the bottle is between the fingers, as loosely as slack says.
func (g grip) between(slack float64) bool {
	return math.Abs(g.ahead) <= 0.012*slack && math.Abs(g.aside) <= 0.010*slack && math.Abs(g.above) <= 0.022*slack && g.turn < 0.3
}

// holds reports whether arm i has the bottle: it is between the fingers, and they
// stand at its diameter though told to close further.
func (p *Policy) holds(w *world, i int) bool {
	a := w.arms[i]
	return p.grip(w, i, a.joints).between(2.2) && a.command < a.width-0.004 && a.width < p.cfg.BottleDiameter+0.003
}

// raised is how far the bottle stands above the table [m].
func (w *world) raised() float64 { return r3.Dot(r3.Sub(w.bottle().P, w.table().P), w.table().Z) }

// tilt of the bottle from upright [rad].
func (w *world) tilt() float64 {
	return math.Acos(min(max(w.bottle().Z.Z, -1), 1))
}
