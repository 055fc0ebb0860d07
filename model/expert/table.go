package expert

import (
	"errors"
	"math"

	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/spatial/r3"
)

// What tasks at a table have in common: a hand whose fingers point 63° down, in the vertical
// plane through the arm's first axis, so that joints 4 and 6 stay at zero and
// where the fingertips are says all. A script is then a field of directions over
// their place: wherever a push, a delay or a slip leaves them, it says where to go on.
const (
	steep      = 1.1   // pitch of the fingers below the horizontal [rad]
	travelStep = 0.025 // way of the fingertips in a step across free space [m]
	nearStep   = 0.016 // near things [m]
	jointStep  = 0.12  // most that a joint turns in a step [rad]
	onTop      = 0.009 // a hand no further beside a thing is above it [m]: about two half bins
	fingerEnd  = 0.014 // the fingers' ends are this far below the grasp centre [m]
)

// side is the arm on whose side of the robot a point of base_link lies.
func sideOf(at r3.Vec) int {
	if at.Y >= 0 {
		return 0
	}
	return 1
}

// tip is where arm i's fingertips are, in its frame.
func (p *Policy) tip(w *world, i int) r3.Vec { return p.arms[i].arm.FK(w.arms[i].joints).P }

// table is the height of the table's top in the arms' frames.
func (p *Policy) top(w *world, i int) float64 { return p.arms[i].inverse.Apply(w.things["table"].P).Z }

// pointing is the pose of fingers at a point of the arm's frame, pitched down.
func pointing(at r3.Vec, pitch float64) kinematics.Transform {
	t := kinematics.RPY(0, math.Pi/2+pitch, math.Atan2(at.Y, at.X))
	t.P = at
	return t
}

// reach takes the fingertips of arm i one step towards a point of its frame.
func (p *Policy) reach(w *world, i int, to r3.Vec, step float64) ([6]float64, error) {
	return p.reachPitched(w, i, to, steep, step)
}

func (p *Policy) reachPitched(w *world, i int, to r3.Vec, pitch, step float64) ([6]float64, error) {
	arm, from := p.arms[i].arm, w.arms[i].joints
	at := arm.FK(from).P
	// Slower towards the end: the arms brake with 5 rad/s² and overshoot otherwise.
	d := r3.Sub(to, at)
	if step = min(step, 0.5*r3.Norm(d)+0.004); r3.Norm(d) > step {
		to = r3.Add(at, r3.Scale(step/r3.Norm(d), d))
	}
	want := pointing(to, pitch)
	q, err := arm.IK(want, from)
	if errors.Is(err, kinematics.ErrUnreachable) {
		q, _, _ = arm.Near(want, from) // a push left it outside what the script uses
		err = nil
	}
	return p.said(i, stepTo(from, q, jointStep)), err
}

// said keeps joints within what tokens can say: pushed out of it, an arm comes back.
func (p *Policy) said(i int, q [6]float64) [6]float64 {
	if p.stats.ActMin == nil {
		return q
	}
	for k, index := range p.arms[i].action[:6] {
		q[k] = min(max(q[k], p.stats.ActMin[index]), p.stats.ActMax[index])
	}
	return q
}

// stepTo turns joints towards others by at most limit each, all in proportion.
func stepTo(from, to [6]float64, limit float64) [6]float64 {
	most := 0.0
	for k := range from {
		most = max(most, abs(to[k]-from[k]))
	}
	if most <= limit {
		return to
	}
	for k := range from {
		to[k] = from[k] + (to[k]-from[k])*limit/most
	}
	return to
}

// waiting is an arm that has nothing to do: it goes to where arms wait, and stays there.
func (p *Policy) waits(w *world, i int) target {
	return target{joints: stepTo(w.arms[i].joints, calibration.Ready(), jointStep), width: p.arms[i].stroke}
}

// both has arm i do t while the other waits.
func (p *Policy) both(w *world, i int, t target) [2]target {
	var all [2]target
	all[i], all[1-i] = t, p.waits(w, 1-i)
	return all
}

// onto is where a hand at `at` should go to get down on goal: across at the
// hover height, then down a funnel whose mouth is a third as wide as it is high.
// A hand that is beside the funnel and too low goes up first.
func onto(at, goal r3.Vec, hover float64) r3.Vec { return ontoAbove(at, goal, hover, 0.015) }

// ontoAbove is onto for what counts as too low from so far below the funnel's edge.
func ontoAbove(at, goal r3.Vec, hover, low float64) r3.Vec {
	beside := math.Hypot(goal.X-at.X, goal.Y-at.Y)
	height := min(max(3*(beside-onTop), 0), hover-goal.Z)
	goal.Z += height
	if at.Z < goal.Z-low {
		goal.X, goal.Y = at.X, at.Y
	}
	return goal
}

// take decides for a hand that is to grip something from above.
func (p *Policy) take(w *world, i int, g grasp, hover float64) (target, error) {
	return p.takePitched(w, i, g, hover, steep)
}

func (p *Policy) takePitched(w *world, i int, g grasp, hover, pitch float64) (t target, err error) {
	a, goal, at := w.arms[i], p.point(w, i, g), p.tip(w, i)
	closing := a.command < g.width
	if p.encloses(w, i, g, 1) || closing && p.encloses(w, i, g, 1.8) {
		t.joints, err = p.reachPitched(w, i, goal, pitch, nearStep)
		return t, err // closed
	}
	t.width = p.arms[i].stroke
	to := onto(at, goal, goal.Z+hover)
	if a.width < g.width+0.010 { // wait above with fingers that are not open yet
		to.Z = max(to.Z, min(at.Z, goal.Z+hover))
	}
	step := travelStep
	if at.Z < goal.Z+hover-0.02 {
		step = nearStep
	}
	t.joints, err = p.reachPitched(w, i, to, pitch, step)
	return t, err
}

// carry is where a hand that holds something goes: up first, then across, to goal.
func carry(at, goal r3.Vec) r3.Vec {
	beside := math.Hypot(goal.X-at.X, goal.Y-at.Y)
	if at.Z < goal.Z-0.02 && beside > 0.02 {
		goal.X, goal.Y = at.X, at.Y
	}
	return goal
}

// box is a part of the arms' workspace, in the right arm's frame mirrored to the left: x ahead, y inward, z above the table.
type box struct {
	x, y, z [2]float64
	pitch   float64
}

// spans are the joint angles on a grid over boxes, for tables of all heights that Config allows.
func (p *Policy) spans(i int, boxes ...box) (all [][6]float64, err error) {
	const grid = 4
	inward := -1.0
	if i == 1 {
		inward = 1
	}
	at := func(r [2]float64, n int) float64 { return r[0] + (r[1]-r[0])*float64(n)/grid }
	top := p.arms[i].inverse.P.Z + p.cfg.TableHeight
	all = append(all, calibration.Ready())
	for _, b := range boxes {
		for x := range grid + 1 {
			for y := range grid + 1 {
				for z := range grid + 1 {
					low, high := b.z[0]-p.cfg.TableSpread, b.z[1]+p.cfg.TableSpread
					goal := r3.Vec{X: at(b.x, x), Y: inward * at(b.y, y), Z: top + at([2]float64{low, high}, z)}
					q, err := p.arms[i].arm.IK(pointing(goal, b.pitch), calibration.Ready())
					if errors.Is(err, kinematics.ErrUnreachable) {
						q, _, _ = p.arms[i].arm.Near(pointing(goal, b.pitch), calibration.Ready())
					}
					all = append(all, q)
				}
			}
		}
	}
	return all, nil
}
