package mujoco

import "math"

// servo is a motor's position loop with its gear. The damping term is MuJoCo's
// joint damping, which the integrator takes implicitly, so that a stiff loop
// is stable at 2 ms; everything else is computed here at every step.
type servo struct {
	kp       float64 // [N·m/rad] or [N/m]
	kd       float64 // [N·m·s/rad] or [N·s/m] while holding
	ki       float64 // [1/s] of kp: what gravity compensation leaves is gone in about 1/ki
	limit    float64 // largest torque or force
	windup   float64 // the integral part's largest
	armature float64 // the rotor's inertia through the gear [kg·m²] or [kg]
	damped   float64 // damping that sinks slowly, in Damped
	off      float64 // the gear's own damping, in Off
	dry      float64 // and its dry friction, in Off and Damped; while the motor holds it is the motor's business
}

// jointServos are J1 to J6. Limits: the largest torque that MIT frames can ask
// a PiPER for, 8 N·m, four times as much on J1 to J3 (AgileX's SDK, firmware
// up to S-V1.8-2). The other numbers are chosen: 2 % of a radian of error
// gives the limit, damping is about critical with the arm half stretched. The wrist's
// gears carry its own weight: logs of resting arms show nothing of the wrist.
var jointServos = [6]servo{
	{kp: 1600, kd: 45, ki: 6, limit: 32, windup: 8, armature: 0.10, damped: 30, off: 1.2, dry: 0.5},
	{kp: 1600, kd: 45, ki: 6, limit: 32, windup: 8, armature: 0.10, damped: 30, off: 1.2, dry: 0.5},
	{kp: 1600, kd: 35, ki: 6, limit: 32, windup: 8, armature: 0.10, damped: 20, off: 0.8, dry: 0.4},
	{kp: 400, kd: 6, ki: 6, limit: 8, windup: 2, armature: 0.02, damped: 4, off: 0.10, dry: 1.0},
	{kp: 400, kd: 6, ki: 6, limit: 8, windup: 2, armature: 0.02, damped: 4, off: 0.10, dry: 1.0},
	{kp: 400, kd: 6, ki: 6, limit: 8, windup: 2, armature: 0.02, damped: 2, off: 0.05, dry: 1.0},
}

// The gripper (chosen): 20 N between the fingers for each N·m of the drive's
// torque, as a pinion of 5 cm would give, at most 50 N, AgileX's advertised
// clamping force. gripServo works on the width, its damping and armature on each finger.
const (
	forcePerTorque = 20.0 // [N/(N·m)]
	rackStiffness  = 20000.0
	padFriction    = 1.0   // rubber on plastic
	padTorsion     = 0.010 // [m]: a line of contact 3 cm long resists turning
)

var gripServo = servo{kp: 4000, kd: 40, limit: 50, armature: 0.25, dry: 1.5}

// wheelServo holds one wheel at the angle that the velocity set point adds up
// to, as a motor controller with an encoder does. 15 N·m is 250 N at the rim:
// two wheels stop the robot with 7 m/s² and do not spin on dry floor.
var wheelServo = servo{kp: 250, kd: 12, limit: 15, armature: 0.02}

// reference smooths a set point that comes in steps into position, velocity
// and acceleration: a critically damped filter whose lag is 2/rate.
type reference struct {
	rate          float64 // [rad/s]
	maxVelocity   float64 // 0 for none
	pos, vel, acc float64
}

// reset puts the reference at rest.
func (r *reference) reset(pos float64) { r.pos, r.vel, r.acc = pos, 0, 0 }

// step follows target for dt.
func (r *reference) step(target, dt float64) {
	before := r.vel
	// Implicit Euler of x'' = w²(target-x) - 2w x': stable at any w·dt.
	w := r.rate
	r.vel = (r.vel + dt*w*w*(target-r.pos)) / (1 + 2*w*dt + w*w*dt*dt)
	if r.maxVelocity > 0 {
		r.vel = clamp(r.vel, r.maxVelocity)
	}
	r.pos += dt * r.vel
	r.acc = (r.vel - before) / dt
}

// loop is the state of one servo.
type loop struct {
	ref      reference
	integral float64
}

// run follows ref for one step and returns the motor's torque, and the control
// that makes MuJoCo apply it: without the damping, which MuJoCo adds itself.
// gravity is what the dynamics need at the present pose (a PiPER's controller
// feeds it forward), inertia what the joint accelerates; the integral takes the rest, such as a load.
func (l *loop) run(s servo, q, velocity, gravity, inertia, dt float64) (torque, control float64) {
	e := l.ref.pos - q
	// The integral works near the target only: a motion's lag is no lasting error.
	if math.Abs(l.ref.vel) < 0.02 && math.Abs(e) < 0.02 {
		l.integral = clamp(l.integral+s.kp*s.ki*e*dt, s.windup)
	}
	wanted := s.kp*e + s.kd*(l.ref.vel-velocity) + inertia*l.ref.acc + l.integral + gravity
	return s.bounded(wanted, velocity, s.limit)
}

// bounded limits a torque, and takes the damping out for the control.
func (s servo) bounded(wanted, velocity, limit float64) (torque, control float64) {
	torque = clamp(wanted, limit)
	return torque, torque + s.kd*velocity
}

// clamp bounds x to ±limit.
func clamp(x, limit float64) float64 { return math.Max(-limit, math.Min(limit, x)) }
