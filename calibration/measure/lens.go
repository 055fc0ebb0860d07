package measure

import (
	"fmt"
	"math"

	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/spatial/r3"
)

const degree = math.Pi / 180

// LensResult is what Intrinsics finds.
type LensResult struct {
	Lens Lens
	// RMS distance of a seen point from where the lens has it, along one axis [px].
	RMS float64
	// Focal, Centre and Radial are standard errors: fx and fy [px], cx and cy [px], k1 and k2.
	Focal, Centre, Radial [2]float64
	// Terms of radial distortion that the views determine: 0, 1 (k1) or 2 (k1, k2).
	Terms int
	// Tilt is the widest angle between two views of the sheet [rad].
	Tilt float64
	// Residuals of every seen point [px].
	Residuals []Residual
}

const (
	fewestViews = 6
	fewestTilt  = 15 * degree
	// A term of distortion counts when it is this many standard errors from 0.
	significant = 4
	// A focal length is found when its standard error is at most this part of it.
	focalBound = 0.02
)

// Intrinsics finds a lens from views of one flat target, tilted differently in
// each: a first guess from the views' homographies with the axis through the
// picture's middle (Zhang, A Flexible New Technique for Camera Calibration, 2000, section 3.1),
// then least squares over lens and places together. Radial distortion is added
// term by term for as long as the views tell the term from 0.
func Intrinsics(width, height int, views []View) (LensResult, error) {
	if len(views) < fewestViews {
		return LensResult{}, fmt.Errorf("%w: the target is seen in %d different pictures; it needs %d: show it near and far, in the corners, tilted by 30° to every side", ErrData, len(views), fewestViews)
	}
	lens, err := firstLens(width, height, views)
	if err != nil {
		return LensResult{}, err
	}
	var out LensResult
	for terms := range 3 {
		r, err := refineLens(lens, views, terms)
		if err == nil && terms == 0 { // again: with a better lens a view may turn out to be the other of the two places that look alike
			r, err = refineLens(r.Lens, views, terms)
		}
		lens = r.Lens
		if terms == 0 && err != nil {
			return LensResult{}, err
		}
		if terms > 0 && (err != nil || !(math.Abs(r.Lens.Distortion[terms-1]) > significant*r.Radial[terms-1])) {
			break
		}
		out = r
	}
	l := out.Lens
	switch {
	case out.Tilt < fewestTilt:
		return out, fmt.Errorf("%w: the target was always seen from the same side (within %.0f°), which leaves near and wide apart from far and narrow: tilt it by 30° to every side", ErrData, out.Tilt/degree)
	case !(out.Focal[0] < focalBound*l.FX && out.Focal[1] < focalBound*l.FY):
		return out, fmt.Errorf("%w: focal lengths of %.0f ± %.0f and %.0f ± %.0f px: record more views, nearer, in the corners and tilted by 30° to every side", ErrData, l.FX, out.Focal[0], l.FY, out.Focal[1])
	case l.CX < 0 || l.CX > float64(width) || l.CY < 0 || l.CY > float64(height):
		return out, fmt.Errorf("%w: an optical axis at %.0f, %.0f outside the picture: is the size of the tags right, is the sheet flat?", ErrData, l.CX, l.CY)
	}
	return out, nil
}

// firstLens has its axis in the middle; its focal lengths are those with which
// the sheet's axes look perpendicular and of one length in every view.
func firstLens(width, height int, views []View) (Lens, error) {
	l := Lens{Width: width, Height: height, CX: float64(width-1) / 2, CY: float64(height-1) / 2}
	scale := float64(width)
	a := mat.NewDense(2*len(views), 2, nil)
	b := make([]float64, 2*len(views))
	for i, v := range views {
		h, err := homography(v, func(p [2]float64) (float64, float64) { return (p[0] - l.CX) / scale, (p[1] - l.CY) / scale })
		if err != nil {
			return l, err
		}
		n := 0.0
		for k := range 3 {
			n += h[k][0]*h[k][0] + h[k][1]*h[k][1]
		}
		a.SetRow(2*i, []float64{h[0][0] * h[0][1] / n, h[1][0] * h[1][1] / n})
		a.SetRow(2*i+1, []float64{(h[0][0]*h[0][0] - h[0][1]*h[0][1]) / n, (h[1][0]*h[1][0] - h[1][1]*h[1][1]) / n})
		b[2*i], b[2*i+1] = -h[2][0]*h[2][1]/n, -(h[2][0]*h[2][0]-h[2][1]*h[2][1])/n
	}
	if x, err := leastSquares(a, b); err == nil && x[0] > 0 && x[1] > 0 {
		l.FX, l.FY = scale/math.Sqrt(x[0]), scale/math.Sqrt(x[1])
	} else {
		// One focal length for both axes asks less of the views.
		up, down := 0.0, 0.0
		for i := range b {
			s := a.At(i, 0) + a.At(i, 1)
			up, down = up+s*b[i], down+s*s
		}
		l.FX = scale * math.Sqrt(down/up)
		l.FY = l.FX
	}
	if !(l.FX > 0.1*scale && l.FX < 20*scale && l.FY > 0.1*scale && l.FY < 20*scale) {
		return l, fmt.Errorf("%w: the views determine no focal length: show the target tilted by 30° to every side, not only from the front", ErrData)
	}
	return l, nil
}

// refineLens is the best lens near l with so many terms of radial distortion.
func refineLens(l Lens, views []View, radial int) (LensResult, error) {
	x := []float64{l.FX, l.FY, l.CX, l.CY}
	for k := range radial {
		x = append(x, l.Distortion[k])
	}
	own := len(x)
	lensOf := func(x []float64) Lens {
		out := Lens{Width: l.Width, Height: l.Height, FX: x[0], FY: x[1], CX: x[2], CY: x[3]}
		copy(out.Distortion[:2], x[4:own])
		return out
	}
	var terms []term
	for _, v := range views {
		at, _, err := place(l, v)
		if err != nil {
			return LensResult{}, err
		}
		t := term{residuals: func(x []float64) []float64 { return misses(lensOf(x), placed(x[own:]), v) }}
		for i := range own {
			t.of = append(t.of, i)
		}
		for range 6 {
			t.of = append(t.of, len(x)+len(t.of)-own)
		}
		x = append(x, unknowns(at)...)
		terms = append(terms, t)
	}
	f, err := levenberg(x, terms)
	if err != nil {
		return LensResult{}, fmt.Errorf("%w: %w: show the target near, in the corners, tilted by 30° to every side", ErrData, err)
	}
	out := LensResult{Lens: lensOf(f.x), RMS: f.rms(), Terms: radial, Residuals: residualsOf(views, f.residuals)}
	copy(out.Focal[:], f.errors[:2])
	copy(out.Centre[:], f.errors[2:4])
	copy(out.Radial[:], f.errors[4:own])
	for i, t := range terms {
		normal := placed(t.take(f.x)[own:]).Z
		for _, u := range terms[:i] {
			c := r3.Dot(normal, placed(u.take(f.x)[own:]).Z)
			out.Tilt = math.Max(out.Tilt, math.Acos(math.Min(1, math.Max(-1, c))))
		}
	}
	return out, nil
}

func residualsOf(views []View, misses [][]float64) []Residual {
	var out []Residual
	for i, m := range misses {
		for k := 0; k+1 < len(m); k += 2 {
			out = append(out, Residual{views[i].What, m[k], m[k+1]})
		}
	}
	return out
}

// misses are the distances of the seen points from where the lens has them, x and y of each [px].
func misses(l Lens, at kinematics.Transform, v View) []float64 {
	out := make([]float64, 0, 2*len(v.Seen))
	for _, s := range v.Seen {
		p, ok := l.Project(at.Apply(r3.Vec{X: s.Target[0], Y: s.Target[1]}))
		if !ok { // behind the lens: farther off than any picture is wide
			p = [2]float64{1e5, 1e5}
		}
		out = append(out, s.Pixel[0]-p[0], s.Pixel[1]-p[1])
	}
	return out
}

// placed and unknowns go between a place and six numbers: a rotation vector and a position.
func placed(x []float64) kinematics.Transform {
	angle := math.Sqrt(x[0]*x[0] + x[1]*x[1] + x[2]*x[2])
	k := 0.5
	if angle > 1e-9 {
		k = math.Sin(angle/2) / angle
	}
	return kinematics.FromQuaternion([3]float64{x[3], x[4], x[5]}, [4]float64{k * x[0], k * x[1], k * x[2], math.Cos(angle / 2)})
}

func unknowns(t kinematics.Transform) []float64 {
	turn := kinematics.Identity().Turn(t)
	return []float64{turn.X, turn.Y, turn.Z, t.P.X, t.P.Y, t.P.Z}
}
