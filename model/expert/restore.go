package expert

import (
	"math"

	"gonum.org/v1/gonum/spatial/r3"
)

const (
	lyingPitch   = 1.50 // of fingers that take a lying bottle [rad]
	turnStep     = 0.12 // of the pitch in a step [rad]
	uprightPitch = 0.10 // least pitch the bottle is set down with [rad]
	restoreReach = 0.46 // where it is set down, ahead of the arm's first axis [m]
)

// restoreBottle takes the lying bottle from above, lifts it, turns the hand level, which turns the bottle upright, and sets it down.
func restoreBottle() script {
	bottle := grasp{thing: "bottle", at: r3.Vec{Z: 0.085}, width: 0.056}
	return script{
		name: "restore_bottle", nouns: []string{"bottle"}, needs: []string{"bottle", "table"}, grasps: []grasp{bottle},
		step: func(p *Policy, w *world) ([2]target, error) {
			i := p.carrier(w, bottle)
			t, err := p.restore(w, i, bottle)
			return p.both(w, i, t), err
		},
		done: func(p *Policy, w *world) bool {
			return w.tilt() < 0.14 && w.raised() < 0.01 && !p.grips(w, 0, bottle) && !p.grips(w, 1, bottle)
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
		case abs(lean) > 0.06 && above < 0.12 && lean > 1: // up, as it is
			to = tip.P
			to.Z += 0.03
		case abs(lean) > 0.06 && pitch > uprightPitch: // turn it, further up and out
			to.Z = p.top(w, i) + 0.14
			pitch = max(pitch-min(turnStep, lean), uprightPitch)
		default: // set it down
			to = tip.P
			to.Z -= w.raised() + 0.003
			pitch = max(pitch-lean, uprightPitch)
		}
		t.joints, err = p.reachPitched(w, i, to, pitch, nearStep)
		return t, err
	}
	return p.takePitched(w, i, g, 0.07, lyingPitch)
}
