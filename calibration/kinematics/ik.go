package kinematics

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/spatial/r3"
)

// ErrUnreachable is wrapped by IK when no joint angles within the limits reach the pose.
var ErrUnreachable = errors.New("pose out of the arm's reach")

// snap is how far beyond a limit a solution may lie and still be that limit:
// arithmetic, not motion (near a stretched wrist joint 4 loses half its digits) [rad].
const snap = 1e-6

// IK returns the joint angles within the limits that put the TCP at target (in
// the arm's base frame), the solution nearest to seed.
func (k *Arm) IK(target Transform, seed [6]float64) ([6]float64, error) {
	var best [6]float64
	distance := math.Inf(1)
	for _, q := range k.branches(target, seed) {
		if !k.Within(q, snap) {
			continue
		}
		if d := apart(q, seed); d < distance {
			best, distance = k.Clamp(q), d
		}
	}
	if math.IsInf(distance, 1) {
		return best, k.explain(target, seed)
	}
	return best, nil
}

// All returns every solution within the limits, in no particular order. seed
// decides the split between joints 4 and 6 where the wrist is stretched (joint 5 at 0).
func (k *Arm) All(target Transform, seed [6]float64) [][6]float64 {
	var all [][6]float64
	for _, q := range k.branches(target, seed) {
		if k.Within(q, snap) {
			all = append(all, k.Clamp(q))
		}
	}
	return all
}

// branches solves the arm in closed form. Axes 4, 5 and 6 meet in the wrist
// centre, so the first three joints place it (two ways round the base, elbow up
// or down) and the last three turn the tool (wrist either way): up to eight
// solutions, each angle brought to the turn that the limits hold.
func (k *Arm) branches(target Transform, seed [6]float64) [][6]float64 {
	wrist := r3.Sub(target.P, r3.Scale(piper[5].d+k.tcp, target.Z))
	up := wrist.Z - piper[0].d // above the shoulder

	upper := piper[2].a
	fore := math.Hypot(piper[3].a, piper[3].d)
	bend := math.Atan2(-piper[3].d, piper[3].a) // where the wrist lies in frame 3

	out := make([][6]float64, 0, 8)
	for _, back := range [2]bool{false, true} {
		reach := math.Hypot(wrist.X, wrist.Y)
		q1 := seed[0] // on joint 1's axis every angle does
		if reach > 1e-9 {
			q1 = math.Atan2(wrist.Y, wrist.X)
		}
		if back {
			q1, reach = q1+math.Pi, -reach
		}
		// In the plane of the upper arm and forearm, y downwards.
		x, y := reach, -up
		span := math.Hypot(x, y)
		if span < 1e-9 {
			continue // the wrist in the shoulder: the lengths differ, never reached
		}
		cos := (span*span + upper*upper - fore*fore) / (2 * span * upper)
		if math.Abs(cos) > 1+1e-12 {
			continue
		}
		open := math.Acos(min(max(cos, -1), 1))
		for _, side := range [2]float64{1, -1} {
			phi2 := math.Atan2(y, x) + side*open
			ex, ey := x-upper*math.Cos(phi2), y-upper*math.Sin(phi2)
			phi3 := math.Atan2(ey, ex) - bend - phi2
			arm := [6]float64{q1, phi2 - piper[1].offset, phi3 - piper[2].offset}
			for i := range 3 {
				arm[i] = k.wrap(i, arm[i])
			}
			out = append(out, k.wrists(arm, target, seed)...)
		}
	}
	return out
}

// wrists completes the first three joints with the two ways to turn the tool.
func (k *Arm) wrists(arm [6]float64, target Transform, seed [6]float64) [][6]float64 {
	r := piper[0].at(arm[0]).Mul(piper[1].at(arm[1])).Mul(piper[2].at(arm[2]))
	r = r.Mul(Transform{X: r3.Vec{X: 1}, Y: r3.Vec{Z: 1}, Z: r3.Vec{Y: -1}}) // frame 3 turned by alpha 90°
	rel := r.Inverse()
	x, y, z := rel.Rotate(target.X), rel.Rotate(target.Y), rel.Rotate(target.Z)
	// What is left is Rz(q4)·Ry(q5)·Rz(q6).
	sin := math.Hypot(z.X, z.Y)
	if sin < 1e-9 && z.Z > 0 {
		return k.stretched(arm, math.Atan2(x.Y, x.X), seed)
	}
	out := make([][6]float64, 0, 2)
	for _, side := range [2]float64{1, -1} {
		q := arm
		q[3] = math.Atan2(side*z.Y, side*z.X)
		q[4] = math.Atan2(side*sin, z.Z)
		q[5] = math.Atan2(side*y.Z, -side*x.Z)
		for i := 3; i < 6; i++ {
			q[i] = k.wrap(i, q[i])
		}
		out = append(out, q)
	}
	return out
}

// stretched completes the first three joints where joint 5 is 0: joints 4 and 6
// turn about one axis, so only their sum counts. Joint 4 stays as near to the
// seed as joint 6's limits allow.
func (k *Arm) stretched(arm [6]float64, sum float64, seed [6]float64) [][6]float64 {
	var out [][6]float64
	for _, s := range [3]float64{sum - 2*math.Pi, sum, sum + 2*math.Pi} {
		low, high := max(k.lower[3], s-k.upper[5]), min(k.upper[3], s-k.lower[5])
		if low > high+snap {
			continue
		}
		q := arm
		q[3] = max(min(seed[3], high), low)
		q[4], q[5] = 0, s-q[3]
		out = append(out, q)
	}
	return out
}

// wrap brings a joint's angle to the turn nearest to the middle of its limits.
func (k *Arm) wrap(i int, q float64) float64 {
	middle := (k.lower[i] + k.upper[i]) / 2
	return q - 2*math.Pi*math.Round((q-middle)/(2*math.Pi))
}

// explain says why no branch was accepted: too far, or which joint would have to pass its limit.
func (k *Arm) explain(target Transform, seed [6]float64) error {
	p := target.P
	var near [6]float64
	least, joint := math.Inf(1), -1
	for _, q := range k.branches(target, seed) {
		worst, which := 0.0, -1
		for i := range q {
			if over := max(k.lower[i]-q[i], q[i]-k.upper[i]); over > worst {
				worst, which = over, i
			}
		}
		if worst < least {
			near, least, joint = q, worst, which
		}
	}
	if joint < 0 {
		wrist := r3.Sub(p, r3.Scale(piper[5].d+k.tcp, target.Z))
		span := math.Hypot(math.Hypot(wrist.X, wrist.Y), wrist.Z-piper[0].d)
		return fmt.Errorf("%w: TCP at (%.3f, %.3f, %.3f) m needs the wrist %.3f m from the shoulder, the arm spans %.3f m; come closer",
			ErrUnreachable, p.X, p.Y, p.Z, span, piper[2].a+math.Hypot(piper[3].a, piper[3].d))
	}
	return fmt.Errorf("%w: TCP at (%.3f, %.3f, %.3f) m needs joint%d at %.3f rad, its limits are %.3f..%.3f rad; choose another direction",
		ErrUnreachable, p.X, p.Y, p.Z, joint+1, near[joint], k.lower[joint], k.upper[joint])
}

// apart is how far two poses of the arm are from each other: the largest joint's way [rad].
func apart(a, b [6]float64) float64 {
	d := 0.0
	for i := range a {
		d = max(d, math.Abs(a[i]-b[i]))
	}
	return d
}
