package kinematics

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/spatial/r3"
)

// turnWeight makes an angle comparable to a length in the damped search: the
// length of the hand [m/rad], so that a radian off counts like its arc at the fingertips.
const turnWeight = 0.2

// Near returns joint angles within the limits that bring the TCP as close to
// target as a damped least-squares descent from seed finds, and what is left:
// metres and radians. It serves where IK has no solution (a pose just out of
// reach, a joint at its limit); where IK has one, IK is exact and faster.
func (k *Arm) Near(target Transform, seed [6]float64) (q [6]float64, metres, radians float64) {
	const (
		iterations = 100
		small      = 1e-10 // of the squared error
	)
	q = k.Clamp(seed)
	damping := 1e-3
	e, cost := k.miss(target, q)
	for range iterations {
		if cost < small {
			break
		}
		next := k.descend(q, e, damping)
		nextE, nextCost := k.miss(target, next)
		if nextCost < cost {
			if cost-nextCost < small*cost {
				break
			}
			q, e, cost = next, nextE, nextCost
			damping = max(damping/4, 1e-9)
		} else if damping *= 8; damping > 1e3 {
			break
		}
	}
	metres, radians = k.FK(q).Distance(target)
	return q, metres, radians
}

// miss is the weighted error from the TCP to the target and half its square.
func (k *Arm) miss(target Transform, q [6]float64) (e [6]float64, cost float64) {
	tip := k.FK(q)
	p := r3.Sub(target.P, tip.P)
	w := r3.Scale(turnWeight, tip.Turn(target))
	e = [6]float64{p.X, p.Y, p.Z, w.X, w.Y, w.Z}
	for _, v := range e {
		cost += v * v / 2
	}
	return e, cost
}

// descend takes one step of (JᵀJ + λ)·Δ = Jᵀe. A joint at a limit that the step
// would push outward is taken out and the rest is solved again.
func (k *Arm) descend(q, e [6]float64, damping float64) [6]float64 {
	j := k.Jacobian(q)
	for r := 3; r < 6; r++ {
		for c := range j[r] {
			j[r][c] *= turnWeight
		}
	}
	var fixed [6]bool
	for range 6 {
		a := mat.NewSymDense(6, nil)
		b := mat.NewVecDense(6, nil)
		for r := range 6 {
			for c := r; c < 6; c++ {
				sum := 0.0
				if !fixed[r] && !fixed[c] {
					for i := range 6 {
						sum += j[i][r] * j[i][c]
					}
				}
				if r == c {
					sum += damping
				}
				a.SetSym(r, c, sum)
			}
			if !fixed[r] {
				sum := 0.0
				for i := range 6 {
					sum += j[i][r] * e[i]
				}
				b.SetVec(r, sum)
			}
		}
		var chol mat.Cholesky
		var delta mat.VecDense
		if !chol.Factorize(a) || chol.SolveVecTo(&delta, b) != nil {
			return q
		}
		again := false
		next := q
		for i := range next {
			step := min(max(delta.AtVec(i), -0.3), 0.3)
			next[i] += step
			if over := next[i] < k.lower[i] || next[i] > k.upper[i]; over && !fixed[i] {
				next[i] = min(max(next[i], k.lower[i]), k.upper[i])
				if math.Abs(next[i]-q[i]) < 1e-12 {
					fixed[i], again = true, true
				}
			}
		}
		if !again {
			return next
		}
	}
	return q
}
