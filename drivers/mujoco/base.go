package mujoco

import (
	"fmt"

	"cobot_vla/drivers/plant"
)

// base is the Tracer: two driven wheels that roll by friction, four casters
// that slide. What the wheels do is what the encoders see; where the robot gets
// to is the floor's doing, so odometry can be wrong, as it can on the real one.
type base struct {
	w      *World
	track  float64
	linear float64 // truth = scale x what the encoders' firmware believes
	turn   float64
	qpos   [2]int // left, right
	dof    [2]int
	motor  [2]int

	target   [2]float64 // body velocity set points, true [m/s], [rad/s]
	velocity [2]float64 // the same after the acceleration limit
	limit    [2]float64 // [m/s²], [rad/s²]
	angle    [2]float64 // where each wheel should be [rad]
}

// rollInertia is a wheel's share of the robot as the wheel's motor feels it [kg·m²].
const rollInertia = (chassisMass + frameMass + 12) / 2 * wheelRadius * wheelRadius

func newBase(w *World) (*base, error) {
	c := w.cfg.Robot.Base
	b := &base{w: w, track: c.Track, linear: c.LinearScale, turn: c.AngularScale}
	if b.linear == 0 {
		b.linear = 1
	}
	if b.turn == 0 {
		b.turn = 1
	}
	// Beyond what the firmware may ask for, the motors don't follow (chosen: a quarter more).
	b.limit = [2]float64{
		1.25 * max(c.HardDeceleration, c.MaxLinearAccel, 1.0),
		1.25 * max(c.HardAngularDeceleration, c.MaxAngularAccel, 2.0),
	}
	for i, name := range []string{"left_wheel", "right_wheel"} {
		b.qpos[i], b.dof[i] = w.engine.joint(name)
		b.motor[i] = w.engine.index(actuatorKind, name)
		if b.qpos[i] < 0 || b.motor[i] < 0 {
			return nil, fmt.Errorf("mujoco: the model has no joint or motor %s", name)
		}
	}
	return b, nil
}

// Drive sets the body's velocity from the next step on.
func (b *base) Drive(linear, angular float64) {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.target = [2]float64{linear * b.linear, angular * b.turn}
}

// State is what the wheel encoders see.
func (b *base) State() plant.BaseState {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	if b.w.mem == nil {
		return plant.BaseState{}
	}
	q, v := b.w.mem.qpos, b.w.mem.qvel
	left, right := v[b.dof[0]]*wheelRadius, v[b.dof[1]]*wheelRadius
	return plant.BaseState{
		Left:    q[b.qpos[0]] * wheelRadius / b.linear,
		Right:   q[b.qpos[1]] * wheelRadius / b.linear,
		Linear:  (left + right) / 2 / b.linear,
		Angular: (right - left) / b.track / b.turn,
	}
}

// control runs both wheels' loops for one timestep.
func (b *base) control(dt float64) {
	var acceleration [2]float64
	for i := range b.velocity {
		change := clamp(b.target[i]-b.velocity[i], b.limit[i]*dt)
		b.velocity[i] += change
		acceleration[i] = change / dt
	}
	s, m := wheelServo, b.w.mem
	leash := s.limit / s.kp
	for i, out := range [2]float64{-b.track / 2, b.track / 2} {
		rate := (b.velocity[0] + out*b.velocity[1]) / wheelRadius
		ahead := (acceleration[0] + out*acceleration[1]) / wheelRadius
		q := m.qpos[b.qpos[i]]
		// A wheel that can't follow does not owe the way: the error is bounded.
		b.angle[i] = q + clamp(b.angle[i]+rate*dt-q, leash)
		spin := m.qvel[b.dof[i]]
		_, m.ctrl[b.motor[i]] = s.bounded(s.kp*(b.angle[i]-q)+s.kd*(rate-spin)+rollInertia*ahead, spin, s.limit)
	}
}
