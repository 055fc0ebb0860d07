package expert

import (
	"cmp"
	"math"

	"gonum.org/v1/gonum/spatial/r3"
)

// stack puts one thing onto another, or into it.
type stack struct {
	grasps    [2]grasp // of the thing that goes on top, by the left and by the right hand
	lower     string   // the thing below
	up        float64  // how far above the lower thing's frame the upper's is let go [m]
	tolerance float64  // how far beside it may be let go [m]
	hover     float64  // how far above that it is carried [m]
	low       float64  // from how far below that it goes straight up first [m]: pushes of the arm must not keep it there; 0 for 1.5 cm
	leave     bool     // it is not done before the hand has left: fingers that opened a little may still touch it
	rest      float64  // how far beside it may lie once let go [m]; 0 for tolerance
}

// put decides for the task.
func (p *Policy) put(w *world, s stack) ([2]target, error) {
	i := sideOf(w.things[s.grasps[0].thing].P)
	for k, g := range s.grasps {
		if p.encloses(w, k, g, 4) { // a hand that is around it goes on, or leaves it upwards
			i = k
		}
	}
	g, at := s.grasps[i], p.tip(w, i)
	upper := p.arms[i].inverse.Apply(w.things[g.thing].P)
	goal := p.arms[i].inverse.Apply(r3.Add(w.things[s.lower].P, r3.Vec{Z: s.up}))
	if p.stacked(w, s) { // let go, then leave it upwards
		if at.Z > p.point(w, i, g).Z+s.hover {
			return p.both(w, i, p.waits(w, i)), nil
		}
		if w.arms[i].width > g.width+0.008 {
			at.Z += nearStep
			if s.leave { // with what it let go in the middle between the fingers
				between := p.point(w, i, g)
				at.X, at.Y = between.X, between.Y
			}
		}
		joints, err := p.reach(w, i, at, nearStep)
		return p.both(w, i, target{joints: joints, width: p.arms[i].stroke}), err
	}
	if p.grips(w, i, g) {
		// What moves is the thing: it may hang off the middle of the hand, or askew.
		to := r3.Add(at, r3.Sub(ontoAbove(upper, goal, goal.Z+s.hover, cmp.Or(s.low, 0.015)), upper))
		step := travelStep
		if math.Hypot(goal.X-upper.X, goal.Y-upper.Y) < 0.05 {
			step = nearStep
		}
		joints, err := p.reach(w, i, to, step)
		return p.both(w, i, target{joints: joints}), err
	}
	t, err := p.take(w, i, g, s.hover)
	return p.both(w, i, t), err
}

// stacked reports whether the upper thing is where it may be let go, or is.
func (p *Policy) stacked(w *world, s stack) bool {
	d := r3.Sub(w.things[s.grasps[0].thing].P, w.things[s.lower].P)
	tolerance := s.tolerance
	if s.rest > 0 && !p.grips(w, 0, s.grasps[0]) && !p.grips(w, 1, s.grasps[1]) {
		tolerance = s.rest
	}
	return math.Hypot(d.X, d.Y) < tolerance && d.Z < s.up+0.006
}

// stacking is the script of a stack.
func stacking(name string, nouns []string, s stack) script {
	return script{
		name: name, nouns: nouns, needs: []string{s.grasps[0].thing, s.lower, "table"}, grasps: s.grasps[:],
		step: func(p *Policy, w *world) ([2]target, error) { return p.put(w, s) },
		done: func(p *Policy, w *world) bool {
			for i, g := range s.grasps {
				if p.grips(w, i, g) || s.leave && p.encloses(w, i, g, 3) {
					return false
				}
			}
			return p.stacked(w, s)
		},
		poses: func(p *Policy, i int) ([][6]float64, error) {
			return p.spans(i,
				box{x: [2]float64{0.30, 0.44}, y: [2]float64{-0.09, 0.08}, z: [2]float64{0.035, 0.17}, pitch: steep},
				box{x: [2]float64{0.32, 0.42}, y: [2]float64{0.08, 0.30}, z: [2]float64{0.09, 0.17}, pitch: steep})
		},
	}
}

// same is a grasp that both hands take.
func same(g grasp) [2]grasp { return [2]grasp{g, g} }

func stackBlocks() script {
	return stacking("stack_blocks", []string{"block", "cube"}, stack{
		grasps: same(grasp{thing: "red_block", at: r3.Vec{Z: 0.040}, width: 0.050}),
		lower:  "green_block", up: 0.050, tolerance: 0.012, hover: 0.07, low: 0.035, leave: true,
	})
}

func stackCups() script {
	return stacking("stack_cups", []string{"cup"}, stack{
		grasps: same(grasp{thing: "orange_cup", at: r3.Vec{Z: 0.060}, width: 0.056, give: 0.008}),
		lower:  "blue_cup", up: 0.045, tolerance: 0.014, hover: 0.055, leave: true,
	})
}

// stackBowls takes the bowl by its rim, on the side of the arm.
func stackBowls() script {
	return stacking("stack_bowls", []string{"bowl"}, stack{
		grasps: [2]grasp{
			{thing: "white_bowl", at: r3.Vec{Y: 0.059, Z: 0.045}, width: 0.011, give: 0.009, round: true},
			{thing: "white_bowl", at: r3.Vec{Y: -0.059, Z: 0.045}, width: 0.011, give: 0.009, round: true},
		},
		lower: "blue_bowl", up: 0.030, tolerance: 0.016, hover: 0.06, leave: true, rest: 0.023,
	})
}
