package expert

import (
	"gonum.org/v1/gonum/spatial/r3"
)

// inBasket reports whether a thing is over the basket's floor, and whether it lies in it.
func (p *Policy) inBasket(w *world, thing string) (over, in bool) {
	d := w.things["basket"].Inverse().Apply(w.things[thing].P)
	over = abs(d.X) < p.cfg.BasketSize[0]/2-0.04 && abs(d.Y) < p.cfg.BasketSize[1]/2-0.04
	in = abs(d.X) < p.cfg.BasketSize[0]/2 && abs(d.Y) < p.cfg.BasketSize[1]/2 && d.Z < p.cfg.BasketSize[2]-0.02
	return over, in
}

// toBasket brings one thing to the basket: take it, up, across, let go beside the basket's middle, in its frame.
func (p *Policy) toBasket(w *world, g grasp, beside r3.Vec) ([2]target, error) {
	i := p.carrier(w, g)
	over, in := p.inBasket(w, g.thing)
	at := p.tip(w, i)
	basket := p.arms[i].inverse.Apply(w.things["basket"].Apply(beside))
	above := r3.Vec{X: basket.X, Y: basket.Y, Z: basket.Z + p.cfg.BasketSize[2] + g.at.Z + 0.03}
	if p.encloses(w, i, g, 2.2) { // what leans in the hand is brought over the basket, not the hand
		hang := r3.Sub(at, p.arms[i].inverse.Apply(w.things[g.thing].P))
		above.X += hang.X - clamp(hang.X, aslant)
		above.Y += hang.Y - clamp(hang.Y, aslant)
	}
	switch {
	case p.grips(w, i, g) && !(over && at.Z > above.Z-0.02):
		joints, err := p.reach(w, i, carry(at, above), travelStep)
		return p.both(w, i, target{joints: joints}), err
	case in || over && at.Z > above.Z-0.04: // let go, and away
		if at.Z < above.Z-0.01 && over {
			at.Z = above.Z
			joints, err := p.reach(w, i, at, nearStep)
			return p.both(w, i, target{joints: joints, width: p.arms[i].stroke}), err
		}
		if in {
			return p.both(w, i, p.waits(w, i)), nil
		}
		joints, err := p.reach(w, i, above, nearStep)
		return p.both(w, i, target{joints: joints, width: p.arms[i].stroke}), err
	}
	t, err := p.take(w, i, g, 0.08)
	return p.both(w, i, t), err
}

// aslant is how far the foot of a thing that is held upright may be beside the fingertips [m].
const aslant = 0.02

// carrier is the arm that has a thing, else the one on its side.
func (p *Policy) carrier(w *world, g grasp) int {
	for i := range p.arms {
		if p.encloses(w, i, g, 2.2) {
			return i
		}
	}
	return sideOf(w.things[g.thing].P)
}

// pickBlock puts the block into the basket.
func pickBlock() script {
	block := grasp{thing: "block", at: r3.Vec{Z: 0.040}, width: 0.050}
	return script{
		name: "pick_block", nouns: []string{"block", "cube", "vegetable"}, needs: []string{"block", "basket", "table"},
		grasps: []grasp{block},
		step:   func(p *Policy, w *world) ([2]target, error) { return p.toBasket(w, block, r3.Vec{}) },
		done: func(p *Policy, w *world) bool {
			_, in := p.inBasket(w, "block")
			return in
		},
		poses: func(p *Policy, i int) ([][6]float64, error) {
			return p.spans(i,
				box{x: [2]float64{0.30, 0.45}, y: [2]float64{-0.11, 0.07}, z: [2]float64{0.035, 0.17}, pitch: steep},
				box{x: [2]float64{0.31, 0.41}, y: [2]float64{0.07, 0.29}, z: [2]float64{0.12, 0.16}, pitch: steep})
		},
	}
}

// pickSponge puts the sponge into the basket.
func pickSponge() script {
	sponge := grasp{thing: "sponge", at: r3.Vec{Z: 0.040}, width: 0.046}
	return script{
		name: "pick_sponge", nouns: []string{"sponge"}, needs: []string{"sponge", "basket", "table"},
		grasps: []grasp{sponge},
		step:   func(p *Policy, w *world) ([2]target, error) { return p.toBasket(w, sponge, r3.Vec{}) },
		done: func(p *Policy, w *world) bool {
			_, in := p.inBasket(w, "sponge")
			return in
		},
		poses: pickBlock().poses,
	}
}

// packBottles puts two small bottles into the basket, the left one first.
func packBottles() script {
	bottles := [2]grasp{
		{thing: "left_bottle", at: r3.Vec{Z: 0.050}, width: 0.046},
		{thing: "right_bottle", at: r3.Vec{Z: 0.050}, width: 0.046},
	}
	return script{
		name: "pack_bottles", nouns: []string{"bottles"}, needs: []string{"left_bottle", "right_bottle", "basket", "table"},
		grasps: bottles[:],
		step: func(p *Policy, w *world) ([2]target, error) {
			if _, in := p.inBasket(w, bottles[0].thing); !in || p.encloses(w, 0, bottles[0], 4) {
				return p.toBasket(w, bottles[0], r3.Vec{Y: 0.05})
			}
			return p.toBasket(w, bottles[1], r3.Vec{Y: -0.05})
		},
		done: func(p *Policy, w *world) bool {
			_, left := p.inBasket(w, bottles[0].thing)
			_, right := p.inBasket(w, bottles[1].thing)
			return left && right
		},
		poses: pickBlock().poses,
	}
}
