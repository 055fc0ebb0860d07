package scene

import "math"

// Pose of a frame in the world: metres, unit quaternion x, y, z, w.
type Pose struct {
	Position    [3]float64
	Orientation [4]float64
}

// At is an upright pose.
func At(x, y, z float64) Pose {
	return Pose{Position: [3]float64{x, y, z}, Orientation: [4]float64{0, 0, 0, 1}}
}

// Facing is an upright pose turned by yaw about z.
func Facing(x, y, z, yaw float64) Pose {
	s, c := math.Sincos(yaw / 2)
	return Pose{Position: [3]float64{x, y, z}, Orientation: [4]float64{0, 0, s, c}}
}

// Yaw is the heading of the frame's x axis on the floor [rad].
func (p Pose) Yaw() float64 {
	x := p.Rotate([3]float64{1, 0, 0})
	return math.Atan2(x[1], x[0])
}

// Tilt is the angle between the frame's z axis and the vertical [rad].
func (p Pose) Tilt() float64 {
	z := p.Rotate([3]float64{0, 0, 1})
	return math.Atan2(math.Hypot(z[0], z[1]), z[2])
}

// Rotate turns a vector from the frame into the world.
func (p Pose) Rotate(v [3]float64) [3]float64 {
	x, y, z, w := p.Orientation[0], p.Orientation[1], p.Orientation[2], p.Orientation[3]
	tx, ty, tz := 2*(y*v[2]-z*v[1]), 2*(z*v[0]-x*v[2]), 2*(x*v[1]-y*v[0])
	return [3]float64{
		v[0] + w*tx + y*tz - z*ty,
		v[1] + w*ty + z*tx - x*tz,
		v[2] + w*tz + x*ty - y*tx,
	}
}

// Apply takes a point of the frame into the world.
func (p Pose) Apply(v [3]float64) [3]float64 {
	r := p.Rotate(v)
	return [3]float64{r[0] + p.Position[0], r[1] + p.Position[1], r[2] + p.Position[2]}
}

// Local takes a point of the world into the frame.
func (p Pose) Local(v [3]float64) [3]float64 {
	back := Pose{Orientation: [4]float64{-p.Orientation[0], -p.Orientation[1], -p.Orientation[2], p.Orientation[3]}}
	return back.Rotate([3]float64{v[0] - p.Position[0], v[1] - p.Position[1], v[2] - p.Position[2]})
}

// Distance between two origins [m].
func (p Pose) Distance(q Pose) float64 {
	return math.Hypot(math.Hypot(p.Position[0]-q.Position[0], p.Position[1]-q.Position[1]), p.Position[2]-q.Position[2])
}

func (p Pose) norm() float64 {
	o := p.Orientation
	return math.Sqrt(o[0]*o[0] + o[1]*o[1] + o[2]*o[2] + o[3]*o[3])
}
