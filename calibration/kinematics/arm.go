package kinematics

import (
	"fmt"
	"math"

	"cobot_vla/calibration"

	"gonum.org/v1/gonum/spatial/r3"
)

// link is one row of the modified (Craig) Denavit-Hartenberg table:
// T = Rx(alpha)·Tx(a)·Rz(offset + q)·Tz(d). alpha is 0 or ±90°, so only its sine is kept.
type link struct {
	a, d, offset, sinAlpha float64
}

const degree = math.Pi / 180

// piper is the PiPER's table for firmware S-V1.6-3 and later (older firmware
// has joint 2 and 3 offset by 2°). The firmware's own end pose agrees with it to 4 µm.
var piper = [6]link{
	{a: 0, d: 0.123, offset: 0, sinAlpha: 0},
	{a: 0, d: 0, offset: -172.22 * degree, sinAlpha: -1},
	{a: 0.28503, d: 0, offset: -102.78 * degree, sinAlpha: 0},
	{a: -0.02198, d: 0.25075, offset: 0, sinAlpha: 1},
	{a: 0, d: 0, offset: 0, sinAlpha: -1},
	{a: 0, d: 0.091, offset: 0, sinAlpha: 1},
}

// at is the link's frame in the frame before it.
func (l link) at(q float64) Transform {
	s, c := math.Sincos(q + l.offset)
	sa := l.sinAlpha
	ca := 1 - sa*sa // |sin| is 0 or 1
	return Transform{
		X: r3.Vec{X: c, Y: s * ca, Z: s * sa},
		Y: r3.Vec{X: -s, Y: c * ca, Z: c * sa},
		Z: r3.Vec{Y: -sa, Z: ca},
		P: r3.Vec{X: l.a, Y: -sa * l.d, Z: ca * l.d},
	}
}

// Arm is one PiPER's kinematics.
type Arm struct {
	mount        Transform
	tcp          float64 // flange to grasp centre along the flange's z [m]
	lower, upper [6]float64
}

// NewArm takes an arm's mount, limits and tool from its calibration.
func NewArm(a calibration.Arm) (*Arm, error) {
	if len(a.Joints) != 6 {
		return nil, fmt.Errorf("kinematics: arm %s has %d joints; a PiPER has 6", a.Side, len(a.Joints))
	}
	k := &Arm{mount: FromPose(a.Mount), tcp: a.Gripper.TCP}
	for i, j := range a.Joints {
		k.lower[i], k.upper[i] = j.Lower, j.Upper
	}
	return k, nil
}

// WithTCP returns the same arm with the tool's working point elsewhere along
// the flange's z; 0 makes it the flange.
func (k *Arm) WithTCP(tcp float64) *Arm {
	c := *k
	c.tcp = tcp
	return &c
}

// Mount is the arm's base frame in base_link.
func (k *Arm) Mount() Transform { return k.mount }

// Limits of the joints [rad].
func (k *Arm) Limits() (lower, upper [6]float64) { return k.lower, k.upper }

// Links are the frames of link1 to link6 in the arm's base frame. link6 is the flange.
func (k *Arm) Links(q [6]float64) [6]Transform {
	var t [6]Transform
	t[0] = piper[0].at(q[0])
	for i := 1; i < 6; i++ {
		t[i] = t[i-1].Mul(piper[i].at(q[i]))
	}
	return t
}

// FK is the TCP's frame in the arm's base frame: z along the fingers, y the direction they open in.
func (k *Arm) FK(q [6]float64) Transform {
	return k.tool(k.Links(q)[5])
}

func (k *Arm) tool(flange Transform) Transform {
	flange.P = r3.Add(flange.P, r3.Scale(k.tcp, flange.Z))
	return flange
}

// Jacobian maps joint velocities to the TCP's velocity in the arm's base frame:
// rows are x, y, z [m/rad] and the turn about x, y, z [rad/rad].
func (k *Arm) Jacobian(q [6]float64) [6][6]float64 {
	links := k.Links(q)
	tip := k.tool(links[5]).P
	var j [6][6]float64
	for i, l := range links {
		v := r3.Cross(l.Z, r3.Sub(tip, l.P))
		j[0][i], j[1][i], j[2][i] = v.X, v.Y, v.Z
		j[3][i], j[4][i], j[5][i] = l.Z.X, l.Z.Y, l.Z.Z
	}
	return j
}

// Within reports whether all joints are within their limits, give or take tolerance [rad].
func (k *Arm) Within(q [6]float64, tolerance float64) bool {
	for i := range q {
		if !(q[i] >= k.lower[i]-tolerance && q[i] <= k.upper[i]+tolerance) {
			return false
		}
	}
	return true
}

// Clamp moves every joint into its limits.
func (k *Arm) Clamp(q [6]float64) [6]float64 {
	for i := range q {
		q[i] = min(max(q[i], k.lower[i]), k.upper[i])
	}
	return q
}
