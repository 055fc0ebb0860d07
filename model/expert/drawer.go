package expert

import (
	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/spatial/r3"
)

// contactAhead is how far the front of closed fingers is before the grasp centre, and half of the handle's bar with it [m].
const contactAhead = 0.023

// pushed is where the fingertips touch the handle, in arm i's frame, and by how far the drawer is open.
func (p *Policy) handle(w *world, i int) (touch r3.Vec, open float64) {
	handle := w.things["cabinet_handle"]
	touch = p.arms[i].inverse.Apply(handle.P)
	touch.X -= contactAhead
	touch.Z += 0.008 // the ends of the fingers reach below the bar
	shut := w.things["cabinet"].Apply(r3.Vec{X: -p.cfg.CabinetDepth/2 - p.cfg.HandleOut})
	return touch, shut.X - handle.P.X
}

// closeDrawer puts the closed hand on the drawer's side before the handle and pushes.
func closeDrawer() script {
	return script{
		name: "close_drawer", nouns: []string{"drawer"}, needs: []string{"cabinet", "cabinet_handle", "table"},
		step: func(p *Policy, w *world) ([2]target, error) {
			i := sideOf(w.things["cabinet"].P)
			touch, open := p.handle(w, i)
			at := p.tip(w, i)
			var to r3.Vec
			step := travelStep
			switch {
			case at.X < touch.X+0.010 && abs(at.Y-touch.Y) < 0.030+0.5*max(touch.X-at.X, 0) && at.Z < touch.Z+0.018+0.3*max(touch.X-at.X-0.02, 0):
				to = touch // before the handle: push it to the end
				to.X += open + 0.003
				step = nearStep
			default: // get down before it
				to = touch
				to.X -= 0.045
				to = onto(at, to, touch.Z+0.075)
			}
			joints, err := p.reach(w, i, to, step)
			return p.both(w, i, target{joints: joints}), err
		},
		done: func(p *Policy, w *world) bool {
			_, open := p.handle(w, sideOf(w.things["cabinet"].P))
			return open < 0.006
		},
		imagine: func(p *Policy, w *world, before [2]armState) {
			i := sideOf(w.things["cabinet"].P)
			touch, open := p.handle(w, i)
			at := p.tip(w, i)
			was := p.arms[i].arm.FK(before[i].joints).P
			if push := at.X - touch.X; push > 0 && was.X < touch.X+0.010 && abs(at.Y-touch.Y) < 0.05 && abs(at.Z-touch.Z) < 0.03 {
				handle := w.things["cabinet_handle"]
				w.things["cabinet_handle"] = kinematics.Translation(min(push, open), 0, 0).Mul(handle)
			}
		},
		poses: func(p *Policy, i int) ([][6]float64, error) {
			return p.spans(i, box{x: [2]float64{0.22, 0.44}, y: [2]float64{-0.05, 0.11}, z: [2]float64{0.05, 0.17}, pitch: steep})
		},
	}
}
