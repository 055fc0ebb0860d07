package expert

import (
	"math"

	"gonum.org/v1/gonum/spatial/r3"
)

const (
	lyingPitch    = 1.50 // of fingers that take a lying bottle [rad]
	turnStep      = 0.12 // of the pitch in a step [rad]
	nearlyUpright = 0.20 // a bottle that leans less stands up by itself when it is set down [rad]
	uprightPitch  = 0.10 // least pitch the bottle is set down with [rad]
	restoreReach  = 0.46 // where it is set down, ahead of the arm's first axis [m]
	// The arms keep their fingers' ends 2 cm above the table, and the axis of a lying bottle is only
	// 2.8 cm above it: the hand takes it this much above its axis [m], with the last 5 mm of its pads below.
	lyingRaise = 0.011
	lyingClose = 0.005 // how near to that height fingers must be to close [m]
)

// restoreBottle takes the lying bottle from above, lifts it, turns the hand level, which turns the bottle upright, and sets it down.
func restoreBottle() script {
	// Above its axis the bottle is a little narrower than 56 mm, and a chunk's later steps count on the least width.
	bottle := grasp{thing: "bottle", at: r3.Vec{Z: 0.085}, width: 0.053, give: 0.007}
	return script{
		name: "restore_bottle", nouns: []string{"bottle"}, needs: []string{"bottle", "table"}, grasps: []grasp{bottle},
		step: func(p *Policy, w *world) ([2]target, error) {
			i := p.carrier(w, bottle)
			t, err := p.restore(w, i, bottle)
			return p.both(w, i, t), err
		},
		done: func(p *Policy, w *world) bool {
			for i := range p.arms {
				if p.grips(w, i, bottle) || p.encloses(w, i, bottle, 4) { // fingers that opened a little may still touch it
					return false
				}
			}
			return w.tilt() < 0.14 && w.raised() < 0.01
		},
		poses: func(p *Policy, i int) (all [][6]float64, err error) {
			for n := range 5 {
				pitch := uprightPitch + (lyingPitch-uprightPitch)*float64(n)/4
				low, high := 0.13, 0.15
				switch n {
				case 0:
					low = 0.07
				case 4:
					low = 0.036
				}
				x := [2]float64{0.36, restoreReach}
				if n == 4 {
					x = [2]float64{0.33, 0.43}
				}
				q, err := p.spans(i, box{x: x, y: [2]float64{-0.08, 0.10}, z: [2]float64{low, high}, pitch: pitch})
				if err != nil {
					return nil, err
				}
				all = append(all, q...)
			}
			return all, nil
		},
	}
}

// restore decides for the hand that works.
func (p *Policy) restore(w *world, i int, g grasp) (t target, err error) {
	tip := p.arms[i].arm.FK(w.arms[i].joints)
	pitch := math.Asin(min(max(-tip.Z.Z, -1), 1))
	above := tip.P.Z - p.top(w, i)
	// How far the bottle leans forward in the plane of the arm.
	axis := p.arms[i].inverse.Mul(w.bottle()).Z
	bearing := math.Atan2(tip.P.Y, tip.P.X)
	sin, cos := math.Sincos(bearing)
	lean := math.Atan2(axis.X*cos+axis.Y*sin, axis.Z)
	switch {
	case w.tilt() < 0.25 && w.raised() < 0.008: // it stands: let go, and leave it backwards
		t.width = p.arms[i].stroke
		to := tip.P
		if w.arms[i].width > g.width+0.008 {
			to = r3.Sub(to, r3.Scale(nearStep, tip.Z))
			to.Z = tip.P.Z
		}
		if r3.Norm(r3.Sub(p.point(w, i, g), tip.P)) > 0.12 {
			t.joints = w.arms[i].joints // far enough; what is beside the bottle may stay there
			return t, nil
		}
		t.joints, err = p.reachPitched(w, i, to, max(pitch, uprightPitch), nearStep)
		return t, err
	case p.grips(w, i, g):
		to := r3.Vec{X: restoreReach * cos, Y: restoreReach * sin, Z: tip.P.Z}
		switch {
		case above < 0.12 && lean > 1: // up, as it is
			to = tip.P
			to.Z += 0.03
		case abs(lean) > nearlyUpright && pitch > uprightPitch: // turn it, further up and out
			to.Z = p.top(w, i) + 0.14
			pitch = max(pitch-min(turnStep, lean), uprightPitch)
		default: // set it down, and turn the rest meanwhile
			to = tip.P
			to.Z -= w.raised() + 0.003
			pitch = max(pitch-lean/2, uprightPitch) // half: what is decided late comes twice
		}
		t.joints, err = p.reachPitched(w, i, to, pitch, nearStep)
		return t, err
	}
	lying := raised(w, g)
	t, err = p.takePitched(w, i, lying, 0.07, lyingPitch)
	if t.width == 0 && w.arms[i].command >= g.width && tip.P.Z > p.point(w, i, lying).Z+lyingClose {
		t.width = p.arms[i].stroke // not yet: fingers that close above the axis push the bottle away
	}
	return t, err
}

// raised is a grasp lyingRaise above the place of a lying thing's axis that g is on.
func raised(w *world, g grasp) grasp {
	t := w.things[g.thing]
	up := r3.Vec{X: t.X.Z, Y: t.Y.Z} // the world's, in the thing's frame, across its axis
	if n := r3.Norm(up); n > 0.5 {
		g.at = r3.Add(g.at, r3.Scale(lyingRaise/n, up))
	}
	return g
}
