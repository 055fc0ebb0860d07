package expert

import "gonum.org/v1/gonum/spatial/r3"

// potLift is how far the pot is raised [m]; the task asks for 0.06.
const potLift = 0.085

// liftPot closes both hands on the pot's knobs, then raises them together.
func liftPot() script {
	knobs := [2]grasp{
		{thing: "pot", at: r3.Vec{Y: 0.125, Z: 0.108}, width: 0.030},
		{thing: "pot", at: r3.Vec{Y: -0.125, Z: 0.108}, width: 0.030},
	}
	return script{
		name: "lift_pot", nouns: []string{"pot"}, needs: []string{"pot", "table"}, grasps: knobs[:],
		step: func(p *Policy, w *world) (t [2]target, err error) {
			if !p.grips(w, 0, knobs[0]) || !p.grips(w, 1, knobs[1]) {
				// Hands close together, when both are in place, and otherwise let go.
				slack := 1.2
				if w.arms[0].command < knobs[0].width && w.arms[1].command < knobs[1].width {
					slack = 1.8
				}
				closed := p.encloses(w, 0, knobs[0], slack) && p.encloses(w, 1, knobs[1], slack)
				for i := range t {
					t[i], err = p.take(w, i, knobs[i], 0.06)
					if err != nil {
						return t, err
					}
					if t[i].width = p.arms[i].stroke; closed {
						t[i].width = 0
					}
				}
				return t, nil
			}
			// The hand that is behind says how high; they stay as far apart as the knobs are.
			var at [2]r3.Vec
			for i := range at {
				at[i] = p.arms[i].mount.Apply(p.tip(w, i))
			}
			top := w.things["table"].P.Z
			high := top + min(min(at[0].Z, at[1].Z)-top+nearStep, knobs[0].at.Z+potLift)
			between := r3.Sub(at[0], at[1])
			between.Z = 0
			middle := r3.Scale(0.5, r3.Add(at[0], at[1]))
			for i, half := range [2]float64{knobs[0].at.Y, knobs[1].at.Y} {
				to := r3.Add(middle, r3.Scale(half/r3.Norm(between), between))
				to.Z = high
				if t[i].joints, err = p.reach(w, i, p.arms[i].inverse.Apply(to), nearStep); err != nil {
					return t, err
				}
			}
			return t, nil
		},
		done: func(p *Policy, w *world) bool {
			return p.grips(w, 0, knobs[0]) && p.grips(w, 1, knobs[1]) && w.things["pot"].P.Z-w.things["table"].P.Z > potLift-0.01
		},
		poses: func(p *Policy, i int) ([][6]float64, error) {
			return p.spans(i, box{x: [2]float64{0.30, 0.46}, y: [2]float64{0.05, 0.20}, z: [2]float64{0.10, 0.195}, pitch: steep})
		},
	}
}
