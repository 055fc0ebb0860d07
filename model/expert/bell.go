package expert

import "gonum.org/v1/gonum/spatial/r3"

// pressDepth is how far below the button's rest its middle is pushed [m]: more than it travels, so that it is at its end.
const pressDepth = 0.008

// clickBell closes the hand on the bell's side and goes down on the button.
func clickBell() script {
	return script{
		name: "click_bell", nouns: []string{"bell"}, needs: []string{"bell", "bell_button", "table"},
		step: func(p *Policy, w *world) ([2]target, error) {
			bell := w.things["bell"]
			i := sideOf(bell.P)
			goal := p.arms[i].inverse.Apply(bell.Apply(r3.Vec{Z: p.cfg.BellHeight}))
			goal.Z += fingerEnd - pressDepth
			at := p.tip(w, i)
			step := travelStep
			if at.Z < goal.Z+0.06 {
				step = nearStep
			}
			joints, err := p.reach(w, i, onto(at, goal, goal.Z+0.07), step)
			return p.both(w, i, target{joints: joints}), err
		},
		done: func(p *Policy, w *world) bool {
			return r3.Sub(w.things["bell_button"].P, w.things["bell"].P).Z < p.cfg.BellHeight-0.0045
		},
		poses: func(p *Policy, i int) ([][6]float64, error) {
			return p.spans(i, box{x: [2]float64{0.28, 0.46}, y: [2]float64{-0.09, 0.13}, z: [2]float64{0.06, 0.17}, pitch: steep})
		},
	}
}
