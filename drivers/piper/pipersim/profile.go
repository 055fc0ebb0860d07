package pipersim

import "math"

// profile is the controller's motion: one trapezoid in speed for each joint, recomputed
// towards the newest target at every step. The target stays where it is when nobody
// sends one: the protocol has no command watchdog.
type profile struct {
	target   [6]float64 // [rad]
	position [6]float64 // set points given to the servos [rad]
	velocity [6]float64 // [rad/s]
}

// hold forgets the motion: the set points are q and stay there.
func (p *profile) hold(q [6]float64) { *p = profile{target: q, position: q} }

// stop makes the set points the target, as a controller does that leaves a motion.
func (p *profile) stop() { p.target, p.velocity = p.position, [6]float64{} }

// reached says whether every joint's set point is at its target.
func (p *profile) reached() bool { return p.position == p.target && p.velocity == [6]float64{} }

// advance moves joint j by dt towards its target.
func (p *profile) advance(j int, dt, maxSpeed, maxAcceleration float64) {
	distance := p.target[j] - p.position[j]
	step := maxAcceleration * dt
	if math.Abs(distance) <= step*dt && math.Abs(p.velocity[j]) <= 2*step {
		p.position[j], p.velocity[j] = p.target[j], 0
		return
	}
	// The speed from which constant deceleration, in steps of dt, ends at the target.
	braking := math.Sqrt(step*step/4+2*maxAcceleration*math.Abs(distance)) - step/2
	want := math.Copysign(min(braking, maxSpeed), distance)
	p.velocity[j] += max(-step, min(step, want-p.velocity[j]))
	p.position[j] += p.velocity[j] * dt
}

// follow moves joint j straight to its target, only bounded in speed: high follow.
func (p *profile) follow(j int, dt, maxSpeed float64) {
	move := max(-maxSpeed*dt, min(maxSpeed*dt, p.target[j]-p.position[j]))
	p.position[j] += move
	p.velocity[j] = 0
	if math.Abs(p.target[j]-p.position[j]) < 1e-9 {
		p.position[j] = p.target[j]
	}
}
