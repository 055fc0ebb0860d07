package kinematics

import (
	"slices"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// Capsule is a segment with a radius: all points within Radius of A..B [m].
type Capsule struct {
	A, B   r3.Vec
	Radius float64
}

// In moves a capsule from a frame into its parent.
func (c Capsule) In(t Transform) Capsule {
	return Capsule{A: t.Apply(c.A), B: t.Apply(c.B), Radius: c.Radius}
}

// Box is a solid with edges of twice Half, centred in its own frame [m].
type Box struct {
	Name string
	At   Transform // the box's frame in base_link
	Half r3.Vec
}

// Tabletop is the box under a level surface: everything from the surface down
// to the floor, depth along the table's x and width along its y, for a table
// whose frame (the centre of its top) stands at top in base_link.
func Tabletop(name string, top Transform, depth, width float64) Box {
	half := max(top.P.Z, 0.02) / 2
	at := top
	at.P = r3.Sub(top.P, r3.Scale(half, top.Z))
	return Box{Name: name, At: at, Half: r3.Vec{X: depth / 2, Y: width / 2, Z: half}}
}

// Distance between the surfaces of two capsules, and the nearest points of
// their axes; negative when they overlap.
func (c Capsule) Distance(o Capsule) (d float64, onC, onO r3.Vec) {
	onC, onO = nearestOfSegments(c.A, c.B, o.A, o.B)
	return r3.Norm(r3.Sub(onC, onO)) - c.Radius - o.Radius, onC, onO
}

// nearestOfSegments returns the nearest points of p0..p1 and q0..q1.
func nearestOfSegments(p0, p1, q0, q1 r3.Vec) (onP, onQ r3.Vec) {
	u, v, w := r3.Sub(p1, p0), r3.Sub(q1, q0), r3.Sub(p0, q0)
	uu, vv, uv := r3.Norm2(u), r3.Norm2(v), r3.Dot(u, v)
	uw, vw := r3.Dot(u, w), r3.Dot(v, w)
	s, t := 0.0, 0.0
	switch {
	case uu < 1e-18 && vv < 1e-18: // two points
	case uu < 1e-18: // p is a point
		t = clamp01(vw / vv)
	case vv < 1e-18: // q is a point
		s = clamp01(-uw / uu)
	default:
		if det := uu*vv - uv*uv; det > 1e-12*uu*vv { // else parallel to 1 µrad: any s does, take 0
			s = clamp01((uv*vw - uw*vv) / det)
		}
		t = (uv*s + vw) / vv
		if t < 0 || t > 1 { // the nearest point of q's line is off its end: clamp it and go back to p
			t = clamp01(t)
			s = clamp01((uv*t - uw) / uu)
		}
	}
	return r3.Add(p0, r3.Scale(s, u)), r3.Add(q0, r3.Scale(t, v))
}

func clamp01(x float64) float64 { return min(max(x, 0), 1) }

// ToBox is the distance from the capsule's surface to the box, and the nearest
// points of axis and box. It is negative when they overlap, never below -Radius.
func (c Capsule) ToBox(b Box) (d float64, onC, onBox r3.Vec) {
	inv := b.At.Inverse()
	p, q := inv.Apply(c.A), inv.Apply(c.B)
	s := nearestToBox(p, r3.Sub(q, p), b.Half)
	onC = r3.Add(p, r3.Scale(s, r3.Sub(q, p)))
	onBox = r3.Vec{
		X: min(max(onC.X, -b.Half.X), b.Half.X),
		Y: min(max(onC.Y, -b.Half.Y), b.Half.Y),
		Z: min(max(onC.Z, -b.Half.Z), b.Half.Z),
	}
	return r3.Norm(r3.Sub(onC, onBox)) - c.Radius, b.At.Apply(onC), b.At.Apply(onBox)
}

// nearestToBox returns s in 0..1 where p + s·u is nearest to the box. The squared
// distance is convex in s, with a slope that is linear between the points where
// the segment crosses a face's plane: find the piece where the slope changes sign.
func nearestToBox(p, u, half r3.Vec) float64 {
	var knots [8]float64
	n := 1
	for axis := range 3 {
		o, d, h := axisOf(p, axis), axisOf(u, axis), axisOf(half, axis)
		if d == 0 {
			continue
		}
		for _, face := range [2]float64{-h, h} {
			if s := (face - o) / d; s > 0 && s < 1 {
				knots[n] = s
				n++
			}
		}
	}
	knots[n] = 1
	n++
	slices.Sort(knots[:n])
	slope := func(s float64) float64 {
		g := 0.0
		for axis := range 3 {
			x, h := axisOf(p, axis)+s*axisOf(u, axis), axisOf(half, axis)
			g += axisOf(u, axis) * (x - min(max(x, -h), h))
		}
		return g
	}
	left := slope(0)
	if left >= 0 {
		return 0
	}
	for i := 1; i < n; i++ {
		right := slope(knots[i])
		if right >= 0 {
			if right == left {
				return knots[i]
			}
			return knots[i-1] + (knots[i]-knots[i-1])*(-left)/(right-left)
		}
		left = right
	}
	return 1
}

func axisOf(v r3.Vec, axis int) float64 {
	switch axis {
	case 0:
		return v.X
	case 1:
		return v.Y
	}
	return v.Z
}

func obstacle(c calibration.Capsule) Capsule {
	return Capsule{
		A:      r3.Vec{X: c.A[0], Y: c.A[1], Z: c.A[2]},
		B:      r3.Vec{X: c.B[0], Y: c.B[1], Z: c.B[2]},
		Radius: c.Radius,
	}
}

// atLeast bounds the distance of two capsules from below, cheaply, by the balls around them.
func (c Capsule) atLeast(o Capsule) float64 {
	middle := r3.Norm(r3.Sub(r3.Scale(0.5, r3.Add(c.A, c.B)), r3.Scale(0.5, r3.Add(o.A, o.B))))
	return middle - (r3.Norm(r3.Sub(c.A, c.B))+r3.Norm(r3.Sub(o.A, o.B)))/2 - c.Radius - o.Radius
}
