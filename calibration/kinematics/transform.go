// Package kinematics is the geometry of one robot: where links, flanges,
// fingertips and cameras are for given joint angles (FK), which joint angles
// reach a pose (IK), how far the arms are from each other and from what they
// must not touch, and the URDF that tells other programs the same. It is pure
// arithmetic over calibration: no clock, no state, safe for concurrent use.
// The arm node asks it for distances at 200 Hz, robot_description for frames,
// the scripted policy for IK.
//
// Lengths are metres, angles radians. A flange is link6; the TCP is the grasp
// centre between the fingertips.
package kinematics

import (
	"math"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// Transform places a child frame in its parent: the child's axes and its origin, in the parent's coordinates.
type Transform struct {
	X, Y, Z, P r3.Vec
}

// Identity leaves everything where it is.
func Identity() Transform {
	return Transform{X: r3.Vec{X: 1}, Y: r3.Vec{Y: 1}, Z: r3.Vec{Z: 1}}
}

// Translation moves without turning.
func Translation(x, y, z float64) Transform {
	t := Identity()
	t.P = r3.Vec{X: x, Y: y, Z: z}
	return t
}

// RPY turns by fixed-axis roll, pitch, yaw: Rz·Ry·Rx.
func RPY(roll, pitch, yaw float64) Transform {
	sr, cr := math.Sincos(roll)
	sp, cp := math.Sincos(pitch)
	sy, cy := math.Sincos(yaw)
	return Transform{
		X: r3.Vec{X: cy * cp, Y: sy * cp, Z: -sp},
		Y: r3.Vec{X: cy*sp*sr - sy*cr, Y: sy*sp*sr + cy*cr, Z: cp * sr},
		Z: r3.Vec{X: cy*sp*cr + sy*sr, Y: sy*sp*cr - cy*sr, Z: cp * cr},
	}
}

// FromPose reads a calibrated pose.
func FromPose(p calibration.Pose) Transform {
	t := RPY(p.RPY[0], p.RPY[1], p.RPY[2])
	t.P = r3.Vec{X: p.XYZ[0], Y: p.XYZ[1], Z: p.XYZ[2]}
	return t
}

// FromQuaternion places a frame by position and unit quaternion x, y, z, w.
// A quaternion that is not quite a unit one is normalised; a zero one means no turn.
func FromQuaternion(position [3]float64, q [4]float64) Transform {
	t := Translation(position[0], position[1], position[2])
	n := math.Sqrt(q[0]*q[0] + q[1]*q[1] + q[2]*q[2] + q[3]*q[3])
	if n == 0 {
		return t
	}
	x, y, z, w := q[0]/n, q[1]/n, q[2]/n, q[3]/n
	t.X = r3.Vec{X: 1 - 2*(y*y+z*z), Y: 2 * (x*y + z*w), Z: 2 * (x*z - y*w)}
	t.Y = r3.Vec{X: 2 * (x*y - z*w), Y: 1 - 2*(x*x+z*z), Z: 2 * (y*z + x*w)}
	t.Z = r3.Vec{X: 2 * (x*z + y*w), Y: 2 * (y*z - x*w), Z: 1 - 2*(x*x+y*y)}
	return t
}

// Rotate turns a vector of the child into the parent.
func (t Transform) Rotate(v r3.Vec) r3.Vec {
	return r3.Vec{
		X: t.X.X*v.X + t.Y.X*v.Y + t.Z.X*v.Z,
		Y: t.X.Y*v.X + t.Y.Y*v.Y + t.Z.Y*v.Z,
		Z: t.X.Z*v.X + t.Y.Z*v.Y + t.Z.Z*v.Z,
	}
}

// Apply takes a point of the child into the parent.
func (t Transform) Apply(p r3.Vec) r3.Vec { return r3.Add(t.Rotate(p), t.P) }

// Mul chains: u is a frame in t's child; the result is u in t's parent.
func (t Transform) Mul(u Transform) Transform {
	return Transform{X: t.Rotate(u.X), Y: t.Rotate(u.Y), Z: t.Rotate(u.Z), P: t.Apply(u.P)}
}

// Inverse is the parent seen from the child.
func (t Transform) Inverse() Transform {
	return Transform{
		X: r3.Vec{X: t.X.X, Y: t.Y.X, Z: t.Z.X},
		Y: r3.Vec{X: t.X.Y, Y: t.Y.Y, Z: t.Z.Y},
		Z: r3.Vec{X: t.X.Z, Y: t.Y.Z, Z: t.Z.Z},
		P: r3.Vec{X: -r3.Dot(t.X, t.P), Y: -r3.Dot(t.Y, t.P), Z: -r3.Dot(t.Z, t.P)},
	}
}

// Quaternion is the orientation as x, y, z, w with w >= 0.
func (t Transform) Quaternion() [4]float64 {
	// Shepperd: start from the largest of the four squares.
	var q [4]float64
	trace := t.X.X + t.Y.Y + t.Z.Z
	switch {
	case trace > 0:
		s := 2 * math.Sqrt(1+trace)
		q = [4]float64{(t.Y.Z - t.Z.Y) / s, (t.Z.X - t.X.Z) / s, (t.X.Y - t.Y.X) / s, s / 4}
	case t.X.X > t.Y.Y && t.X.X > t.Z.Z:
		s := 2 * math.Sqrt(1+t.X.X-t.Y.Y-t.Z.Z)
		q = [4]float64{s / 4, (t.X.Y + t.Y.X) / s, (t.Z.X + t.X.Z) / s, (t.Y.Z - t.Z.Y) / s}
	case t.Y.Y > t.Z.Z:
		s := 2 * math.Sqrt(1+t.Y.Y-t.X.X-t.Z.Z)
		q = [4]float64{(t.X.Y + t.Y.X) / s, s / 4, (t.Y.Z + t.Z.Y) / s, (t.Z.X - t.X.Z) / s}
	default:
		s := 2 * math.Sqrt(1+t.Z.Z-t.X.X-t.Y.Y)
		q = [4]float64{(t.Z.X + t.X.Z) / s, (t.Y.Z + t.Z.Y) / s, s / 4, (t.X.Y - t.Y.X) / s}
	}
	if q[3] < 0 {
		for i := range q {
			q[i] = -q[i]
		}
	}
	return q
}

// RollPitchYaw is the orientation as fixed-axis angles (Rz·Ry·Rx), pitch within ±90°.
func (t Transform) RollPitchYaw() (roll, pitch, yaw float64) {
	pitch = math.Atan2(-t.X.Z, math.Hypot(t.X.X, t.X.Y))
	if math.Hypot(t.X.X, t.X.Y) < 1e-9 { // straight up or down: roll and yaw turn about one axis; call it yaw
		return 0, pitch, math.Atan2(-t.Y.X, t.Y.Y)
	}
	return math.Atan2(t.Y.Z, t.Z.Z), pitch, math.Atan2(t.X.Y, t.X.X)
}

// Pose is the transform as calibration writes it.
func (t Transform) Pose() calibration.Pose {
	roll, pitch, yaw := t.RollPitchYaw()
	return calibration.Pose{XYZ: [3]float64{t.P.X, t.P.Y, t.P.Z}, RPY: [3]float64{roll, pitch, yaw}}
}

// Turn is the rotation vector (axis times angle, in the parent's coordinates)
// that brings t's axes onto to's.
func (t Transform) Turn(to Transform) r3.Vec {
	// R = to·tᵀ; its antisymmetric part is sin(angle)·axis, its trace 1 + 2·cos(angle).
	sin := r3.Scale(0.5, r3.Add(r3.Add(r3.Cross(t.X, to.X), r3.Cross(t.Y, to.Y)), r3.Cross(t.Z, to.Z)))
	cos := (r3.Dot(t.X, to.X) + r3.Dot(t.Y, to.Y) + r3.Dot(t.Z, to.Z) - 1) / 2
	s := r3.Norm(sin)
	angle := math.Atan2(s, cos)
	if s > 1e-9 {
		return r3.Scale(angle/s, sin)
	}
	if cos > 0 {
		return r3.Vec{}
	}
	// Half a turn: the axis is the direction that R leaves alone, the longest column of R + 1.
	rel := to.Mul(Transform{X: t.X, Y: t.Y, Z: t.Z}.Inverse())
	best := r3.Add(rel.X, r3.Vec{X: 1})
	for _, c := range [2]r3.Vec{r3.Add(rel.Y, r3.Vec{Y: 1}), r3.Add(rel.Z, r3.Vec{Z: 1})} {
		if r3.Norm2(c) > r3.Norm2(best) {
			best = c
		}
	}
	return r3.Scale(math.Pi, r3.Unit(best))
}

// Distance between two frames: metres between origins, radians between axes.
func (t Transform) Distance(u Transform) (metres, radians float64) {
	return r3.Norm(r3.Sub(t.P, u.P)), r3.Norm(t.Turn(u))
}
