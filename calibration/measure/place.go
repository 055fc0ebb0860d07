package measure

import (
	"fmt"
	"math"

	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/spatial/r3"
)

// homography takes points of the sheet to rays; by the direct linear transform.
func homography(v View, ray func([2]float64) (float64, float64)) (h [3][3]float64, err error) {
	if len(v.Seen) < 4 {
		return h, fmt.Errorf("%w: view %s has %d points; it needs 4", ErrData, v.What, len(v.Seen))
	}
	// Around their middle and of size 1, so that all of its numbers weigh alike.
	var mx, my, size float64
	for _, s := range v.Seen {
		mx, my = mx+s.Target[0]/float64(len(v.Seen)), my+s.Target[1]/float64(len(v.Seen))
	}
	for _, s := range v.Seen {
		size = math.Max(size, math.Hypot(s.Target[0]-mx, s.Target[1]-my))
	}
	if !(size > 0) {
		return h, fmt.Errorf("%w: view %s: all points are one", ErrData, v.What)
	}
	a := mat.NewDense(2*len(v.Seen)+1, 9, nil) // a row of zeros: nine columns need nine rows
	for i, s := range v.Seen {
		x, y := (s.Target[0]-mx)/size, (s.Target[1]-my)/size
		u, w := ray(s.Pixel)
		a.SetRow(2*i, []float64{x, y, 1, 0, 0, 0, -u * x, -u * y, -u})
		a.SetRow(2*i+1, []float64{0, 0, 0, x, y, 1, -w * x, -w * y, -w})
	}
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDFull) {
		return h, fmt.Errorf("%w: view %s: no homography", ErrData, v.What)
	}
	var right mat.Dense
	svd.VTo(&right)
	for i := range 3 {
		p, q, r := right.At(3*i, 8), right.At(3*i+1, 8), right.At(3*i+2, 8)
		h[i] = [3]float64{p / size, q / size, r - (p*mx+q*my)/size}
	}
	return h, nil
}

// place is where the target lies in the optical frame, and the residuals' rms [px].
// A small sheet seen from afar has two places that look nearly alike, mirrored
// about the line of sight; both are tried.
func place(l Lens, v View) (kinematics.Transform, float64, error) {
	h, err := homography(v, l.ray)
	if err != nil {
		return kinematics.Transform{}, 0, err
	}
	column := func(k int) r3.Vec { return r3.Vec{X: h[0][k], Y: h[1][k], Z: h[2][k]} }
	x, y, p := column(0), column(1), column(2)
	scale := 2 / (r3.Norm(x) + r3.Norm(y))
	if p.Z < 0 {
		scale = -scale
	}
	first := facing(r3.Scale(scale, x), r3.Scale(scale, y), r3.Scale(scale, p))
	// The normal's mirror image about the line of sight: half a turn about it.
	sight := r3.Unit(first.P)
	mirrored := func(v r3.Vec) r3.Vec { return r3.Sub(v, r3.Scale(2, r3.Sub(v, r3.Scale(r3.Dot(v, sight), sight)))) }
	n := mirrored(first.Z)
	turn := kinematics.Transform{X: first.X, Y: first.Y, Z: first.Z}
	second := facing(r3.Sub(turn.X, r3.Scale(r3.Dot(turn.X, n), n)), r3.Sub(turn.Y, r3.Scale(r3.Dot(turn.Y, n), n)), first.P)
	best := math.Inf(1)
	var at kinematics.Transform
	for _, start := range []kinematics.Transform{first, second} {
		f, ferr := levenberg(unknowns(start), []term{{of: []int{0, 1, 2, 3, 4, 5}, residuals: func(x []float64) []float64 { return misses(l, placed(x), v) }}})
		if len(f.x) == 6 && f.rms() < best && placed(f.x).P.Z > 0 {
			at, best, err = placed(f.x), f.rms(), ferr
		}
	}
	if math.IsInf(best, 1) {
		return at, best, fmt.Errorf("%w: view %s: the target is nowhere before the lens", ErrData, v.What)
	}
	return at, best, err
}

// facing makes axes of two that are nearly perpendicular.
func facing(x, y, p r3.Vec) kinematics.Transform {
	z := r3.Unit(r3.Cross(x, y))
	// Both give way by the same.
	middle := r3.Unit(r3.Add(r3.Unit(x), r3.Unit(y)))
	side := r3.Cross(middle, z)
	t := kinematics.Transform{Z: z, P: p}
	t.X = r3.Scale(math.Sqrt(0.5), r3.Add(middle, side))
	t.Y = r3.Cross(z, t.X)
	return t
}
