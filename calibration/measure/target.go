package measure

import (
	"cobot_vla/calibration"
	"cobot_vla/calibration/kinematics"

	"gonum.org/v1/gonum/spatial/r3"
)

// Target is a flat sheet with square tags: one, or a grid numbered row by row
// from the lower left. Its frame lies in the middle of the first tag: x to the
// right, y up, z towards who looks at it.
type Target struct {
	// Size of a tag's black square [m].
	Size float64
	// Gap between the black squares of neighbours [m].
	Gap float64
	// Rows and Columns of the grid; 1 and 1 for a single tag.
	Rows, Columns int
	// First is the number of the tag at the lower left.
	First int
}

// Corners of a tag on the sheet, from the lower left counterclockwise [m]; false
// when the sheet has no such tag.
func (t Target) Corners(id int) ([4][2]float64, bool) {
	k := id - t.First
	if k < 0 || k >= t.Rows*t.Columns {
		return [4][2]float64{}, false
	}
	h, pitch := t.Size/2, t.Size+t.Gap
	x, y := float64(k%t.Columns)*pitch, float64(k/t.Columns)*pitch
	return [4][2]float64{{x - h, y - h}, {x + h, y - h}, {x + h, y + h}, {x - h, y + h}}, true
}

// Seen is a point of a target and where a picture shows it.
type Seen struct {
	// Target is the point on the sheet [m].
	Target [2]float64
	// Pixel is where it is seen: right and down from the middle of the first pixel [px].
	Pixel [2]float64
}

// View is what one picture shows of a target.
type View struct {
	// What names it, e.g. "12.4 s".
	What string
	Seen []Seen
	// Rig places what carries the target in what carries the camera: the base in
	// the flange for a camera at the wrist and a sheet on the table, the flange in the base for
	// a camera on the mast and a sheet at the hand. Intrinsics do without.
	Rig kinematics.Transform
}

// Lens is a pinhole with plumb_bob distortion.
type Lens struct {
	// Width and Height of the picture [px].
	Width, Height int
	// FX, FY, CX, CY are in pixels, the middle of the first pixel at 0, 0.
	FX, FY, CX, CY float64
	// Distortion is k1, k2, p1, p2, k3.
	Distortion [5]float64
}

// LensOf is a calibrated camera's lens in pictures of another size; false when their shape differs.
func LensOf(c calibration.Camera, width, height int) (Lens, bool) {
	l := Lens{c.Width, c.Height, c.FX, c.FY, c.CX, c.CY, c.Distortion}
	return l.Scaled(width, height)
}

// Scaled is the lens in pictures of another size; false when their shape differs.
func (l Lens) Scaled(width, height int) (Lens, bool) {
	if width*l.Height != height*l.Width {
		return l, false
	}
	s := float64(width) / float64(l.Width)
	l.Width, l.Height = width, height
	l.FX, l.FY = s*l.FX, s*l.FY
	l.CX, l.CY = s*(l.CX+0.5)-0.5, s*(l.CY+0.5)-0.5
	return l, true
}

// Project is where a point of the optical frame (x right, y down, z ahead) is
// seen [px]; false behind the lens.
func (l Lens) Project(p r3.Vec) ([2]float64, bool) {
	if p.Z < 1e-6 {
		return [2]float64{}, false
	}
	x, y := l.distort(p.X/p.Z, p.Y/p.Z)
	return [2]float64{l.CX + l.FX*x, l.CY + l.FY*y}, true
}

func (l Lens) distort(x, y float64) (float64, float64) {
	d, r := l.Distortion, x*x+y*y
	radial := 1 + r*(d[0]+r*(d[1]+r*d[4]))
	return x*radial + 2*d[2]*x*y + d[3]*(r+2*x*x), y*radial + d[2]*(r+2*y*y) + 2*d[3]*x*y
}

// ray is the direction in which a pixel looks, as x/z and y/z.
func (l Lens) ray(pixel [2]float64) (x, y float64) {
	u, v := (pixel[0]-l.CX)/l.FX, (pixel[1]-l.CY)/l.FY
	x, y = u, v
	for range 20 { // distortion is mild: what is left of it shrinks from turn to turn
		dx, dy := l.distort(x, y)
		x, y = x+u-dx, y+v-dy
	}
	return x, y
}

// body is a camera's body (x ahead, y left, z up), as calibrations mount it, in its optical frame.
var body = kinematics.Transform{X: r3.Vec{Z: 1}, Y: r3.Vec{X: -1}, Z: r3.Vec{Y: -1}}
