package measure

import (
	"fmt"
	"math"

	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/spatial/r3"
)

// MountResult is what HandEye finds.
type MountResult struct {
	// Mount places the camera's body in what carries it.
	Mount kinematics.Transform
	// Target places the target in what carries it.
	Target kinematics.Transform
	// RMS distance of a seen point from where arm, mount and lens have it, along one axis [px].
	RMS float64
	// Position [m] and Turn [rad] are the mount's standard errors, the largest axis's, by the
	// residuals' scatter. What lens and arm do wrong in every view is not in them.
	Position, Turn float64
	// Axes is how far the arm turned about its second axis, of the two about which it turned most [rad].
	Axes float64
	// Residuals of every seen point [px].
	Residuals []Residual
}

const (
	fewestPlaces = 5
	fewestAxes   = 10 * degree
)

// HandEye finds where a camera is mounted from views whose Rig is known: camera
// and target each ride on something, and one moves against the other. From view
// to view the camera's carrier moves by A and what it sees by B, and A·X = X·B for the mount
// X: rotations by Park and Martin (Robot Sensor Calibration: Solving AX = XB on
// the Euclidean Group, 1994), positions linearly, then least squares over mount
// and target on the pixels.
func HandEye(lens Lens, views []View) (MountResult, error) {
	var out MountResult
	if len(views) < fewestPlaces {
		return out, fmt.Errorf("%w: the target is seen from %d different places; it needs %d: let the arm stand for a second at each of a dozen", ErrData, len(views), fewestPlaces)
	}
	at := make([]kinematics.Transform, len(views))
	for i, v := range views {
		var err error
		if at[i], _, err = place(lens, v); err != nil {
			return out, err
		}
	}
	x, axes, err := parkMartin(views, at)
	out.Axes = axes
	if err != nil {
		return out, err
	}
	// The target as the view has it that agrees best with all.
	var best fit
	cost := math.Inf(1)
	all := make([]term, len(views))
	for i, v := range views {
		all[i] = term{of: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, residuals: func(x []float64) []float64 {
			return misses(lens, placed(x[:6]).Inverse().Mul(v.Rig).Mul(placed(x[6:])), v)
		}}
	}
	for i, v := range views {
		start := append(unknowns(x), unknowns(v.Rig.Inverse().Mul(x).Mul(at[i]))...)
		sum := 0.0
		for _, t := range all {
			for _, r := range t.residuals(start) {
				sum += r * r
			}
		}
		if sum < cost {
			cost, best.x = sum, start
		}
	}
	best, err = levenberg(best.x, all)
	if err != nil {
		return out, fmt.Errorf("%w: the views do not determine the mount: %w: turn the hand about two axes by 30° and more", ErrData, err)
	}
	out.Mount, out.Target = placed(best.x[:6]).Mul(body), placed(best.x[6:])
	out.RMS, out.Residuals = best.rms(), residualsOf(views, best.residuals)
	out.Turn = math.Max(best.errors[0], math.Max(best.errors[1], best.errors[2]))
	out.Position = math.Max(best.errors[3], math.Max(best.errors[4], best.errors[5]))
	const positionBound, turnBound, pixelBound = 0.02, 2 * degree, 0.02
	if out.Position > positionBound || out.Turn > turnBound {
		return out, fmt.Errorf("%w: a mount within %.0f mm and %.1f°: record more places, with the hand turned farther about different axes", ErrData, 1000*out.Position, out.Turn/degree)
	}
	if bound := pixelBound * float64(lens.Width); out.RMS > bound {
		return out, fmt.Errorf("%w: arm and pictures contradict each other by %.1f px rms: did the target stay where it was fixed, is the right arm named, is the size of the tags right?", ErrData, out.RMS)
	}
	return out, nil
}

// parkMartin solves A·X = X·B over all pairs of views. axes is the turn about the second axis.
func parkMartin(views []View, at []kinematics.Transform) (x kinematics.Transform, axes float64, err error) {
	var spread, cross mat.Dense
	spread.ReuseAs(3, 3)
	cross.ReuseAs(3, 3)
	type pair struct{ a, b kinematics.Transform }
	var pairs []pair
	for i := range views {
		for j := range i {
			p := pair{views[i].Rig.Mul(views[j].Rig.Inverse()), at[i].Mul(at[j].Inverse())}
			// The logarithm near half a turn jumps to the other side.
			alpha, beta := kinematics.Identity().Turn(p.a), kinematics.Identity().Turn(p.b)
			if n := math.Max(r3.Norm(alpha), r3.Norm(beta)); n > 170*degree {
				continue
			}
			pairs = append(pairs, p)
			va, vb := [3]float64{alpha.X, alpha.Y, alpha.Z}, [3]float64{beta.X, beta.Y, beta.Z}
			for r := range 3 {
				for c := range 3 {
					spread.Set(r, c, spread.At(r, c)+va[r]*va[c])
					cross.Set(r, c, cross.At(r, c)+va[r]*vb[c])
				}
			}
		}
	}
	var svd mat.SVD
	if len(pairs) < 3 || !svd.Factorize(&spread, mat.SVDFull) {
		return x, 0, fmt.Errorf("%w: the hand turned by half a turn between all views: turn it less", ErrData)
	}
	most := svd.Values(nil)
	axes = math.Sqrt(most[1] / float64(len(pairs)))
	if axes < fewestAxes {
		return x, axes, fmt.Errorf("%w: the hand turned by %.0f° about one axis and by %.1f° about any other: without turns about two axes nobody can tell where the camera sits: record views with the hand rolled and nodded by 30° and more",
			ErrData, math.Sqrt(most[0]/float64(len(pairs)))/degree, axes/degree)
	}
	if !svd.Factorize(&cross, mat.SVDFull) {
		return x, axes, fmt.Errorf("%w: no rotation fits", ErrData)
	}
	var u, v, r mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	sign := math.Copysign(1, mat.Det(&u)*mat.Det(&v)) // a rotation, never a mirror
	r.Product(&u, mat.NewDiagDense(3, []float64{1, 1, sign}), v.T())
	x.X = r3.Vec{X: r.At(0, 0), Y: r.At(1, 0), Z: r.At(2, 0)}
	x.Y = r3.Vec{X: r.At(0, 1), Y: r.At(1, 1), Z: r.At(2, 1)}
	x.Z = r3.Cross(x.X, x.Y)
	// (R_A − 1)·t = R_X·t_B − t_A
	a := mat.NewDense(3*len(pairs), 3, nil)
	b := make([]float64, 3*len(pairs))
	for i, p := range pairs {
		a.SetRow(3*i, []float64{p.a.X.X - 1, p.a.Y.X, p.a.Z.X})
		a.SetRow(3*i+1, []float64{p.a.X.Y, p.a.Y.Y - 1, p.a.Z.Y})
		a.SetRow(3*i+2, []float64{p.a.X.Z, p.a.Y.Z, p.a.Z.Z - 1})
		d := r3.Sub(x.Rotate(p.b.P), p.a.P)
		b[3*i], b[3*i+1], b[3*i+2] = d.X, d.Y, d.Z
	}
	t, err := leastSquares(a, b)
	if err != nil {
		return x, axes, fmt.Errorf("%w: no position fits: %w", ErrData, err)
	}
	x.P = r3.Vec{X: t[0], Y: t[1], Z: t[2]}
	return x, axes, nil
}
