package mujoco

import "math"

// GraspOffset is how far before link 6's origin, along its z, the grasping
// point between the fingertips lies [m] when the calibration's gripper has no
// tcp: AgileX's demos of inverse kinematics put the tool at d6 = 0.211, which is
// joint 6's 0.091 and this 0.120. The pads reach as far to both sides of it, and end at FingerReach.
const GraspOffset = 0.120

// FingerReach is the tips of the fingers, along link 6's z [m] (PiPER URDF: origin of the finger joints, which is the finger's end).
const FingerReach = 0.1358

// Dimensions of the Tracer: AgileX's manual v1.2 unless another source is named.
const (
	chassisLength    = 0.700
	chassisWidth     = 0.500
	chassisHeight    = 0.163
	chassisClearance = 0.036
	chassisMass      = 28.0  // manual: 25 to 30 kg
	wheelRadius      = 0.060 // axle height in AgileX's tracer2 URDF: 0.0595; rounded
	casterFront      = 0.239 // tracer2 URDF
	casterRear       = -0.271
	casterSide       = 0.190
	frameMass        = 38.0 // chosen: aluminium frame, computer, second battery, two leader arms
)

// link is a body of an arm, in the frame of AgileX's PiPER URDF.
type link struct {
	xyz, rpy [3]float64 // in the link before [m], [rad]
	mass     float64    // [kg]
	com      [3]float64 // [m]
	// inertia is the URDF's diagonal. It is about the link's origin, not about
	// the centre of mass as a URDF should have it: about that, a link 6 of 7 g
	// would have 1.5e-3 kg m². Products are left out, all below a third of the smallest diagonal.
	inertia [3]float64
}

// armLinks are link 0 (the base) to 6.
var armLinks = [7]link{
	{mass: 1.02, com: [3]float64{-0.00474, 0.00003, 0.04145}, inertia: [3]float64{0.00267433, 0.00282612, 0.00089624}},
	{
		xyz:  [3]float64{0, 0, 0.123},
		mass: 0.71, com: [3]float64{0.00032, -0.00041, -0.00348}, inertia: [3]float64{0.00050027, 0.00040879, 0.00045802},
	},
	{
		rpy:  [3]float64{math.Pi / 2, -0.1357866, -math.Pi},
		mass: 1.16, com: [3]float64{0.21852, -0.00861, 0.00126}, inertia: [3]float64{0.00111915, 0.06763251, 0.067559},
	},
	{
		xyz: [3]float64{0.28503, 0, 0}, rpy: [3]float64{0, 0, -1.7938494},
		mass: 0.5, com: [3]float64{-0.01999, -0.14808, -0.00053}, inertia: [3]float64{0.01347608, 0.00046377, 0.01363321},
	},
	{
		xyz: [3]float64{-0.02198, -0.25075, 0}, rpy: [3]float64{math.Pi / 2, 0, 0},
		mass: 0.38, com: [3]float64{0.00013, -0.00076, -0.00394}, inertia: [3]float64{0.00017844, 0.00018914, 0.00014613},
	},
	{
		rpy:  [3]float64{-math.Pi / 2, 0, 0},
		mass: 0.383, com: [3]float64{0.00018, -0.06104, -0.00227}, inertia: [3]float64{0.00172318, 0.00017936, 0.00171172},
	},
	{
		// The URDF's 8.8e-5 m in x is left out: see the package's Frames.
		xyz: [3]float64{0, -0.091, 0}, rpy: [3]float64{math.Pi / 2, 0, 0},
		// Flange (0.007 kg) and gripper body (0.45 kg) are one body. CoM and
		// inertia are the gripper body's, which the URDF sets 4.5 mm before the flange.
		mass: 0.457, com: [3]float64{-0.0002, 0.0001, 0.0366}, inertia: [3]float64{0.00107, 0.00085, 0.00039},
	},
}

// A finger, in axes parallel to link 6's, its origin at the tip.
var fingerLink = link{
	mass: 0.025, com: [3]float64{0, -0.00972, -0.04919}, inertia: [3]float64{0.00007371, 0.00007470, 0.00000781},
}

// limitSlack widens every joint's range beyond the calibrated one: the
// mechanical stops, on which a PiPER without power rests at J2 -2.00°, J3 +1.97° (seen on real arms).
const limitSlack = 2.0 * math.Pi / 180

// aboutCenter moves an inertia from the link's origin to its centre of mass (parallel axes).
func (l link) aboutCenter() [3]float64 {
	x, y, z := l.com[0], l.com[1], l.com[2]
	return [3]float64{
		l.inertia[0] - l.mass*(y*y+z*z),
		l.inertia[1] - l.mass*(x*x+z*z),
		l.inertia[2] - l.mass*(x*x+y*y),
	}
}

// quaternion w, x, y, z of fixed-axis roll, pitch, yaw, as MuJoCo writes it.
func quaternion(rpy [3]float64) [4]float64 {
	sr, cr := math.Sincos(rpy[0] / 2)
	sp, cp := math.Sincos(rpy[1] / 2)
	sy, cy := math.Sincos(rpy[2] / 2)
	return [4]float64{
		cr*cp*cy + sr*sp*sy,
		sr*cp*cy - cr*sp*sy,
		cr*sp*cy + sr*cp*sy,
		cr*cp*sy - sr*sp*cy,
	}
}

// multiply composes two quaternions w, x, y, z.
func multiply(a, b [4]float64) [4]float64 {
	return [4]float64{
		a[0]*b[0] - a[1]*b[1] - a[2]*b[2] - a[3]*b[3],
		a[0]*b[1] + a[1]*b[0] + a[2]*b[3] - a[3]*b[2],
		a[0]*b[2] - a[1]*b[3] + a[2]*b[0] + a[3]*b[1],
		a[0]*b[3] + a[1]*b[2] - a[2]*b[1] + a[3]*b[0],
	}
}
