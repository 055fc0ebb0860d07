package mujoco

import (
	"fmt"

	"cobot_vla/calibration"
	"cobot_vla/drivers/mujoco/scene"
	"cobot_vla/drivers/plant"
)

// arm is one PiPER's motors and encoders.
type arm struct {
	w       *World
	side    string
	qpos    [6]int
	dof     [6]int
	motor   [6]int
	zero    [6]float64
	fingerQ [2]int
	fingerD [2]int
	width   int // actuator

	drive   plant.ArmDrive
	power   plant.Power // what the loops were last run for
	loops   [6]loop
	grip    loop
	gripOn  bool
	torques [6]float64 // of the motors [N·m]
	squeeze float64    // the motor's force on the width, negative when it closes [N]
}

// newArm finds an arm in the model and puts it where it starts.
func newArm(w *World, calibrated calibration.Arm) (*arm, error) {
	a := &arm{w: w, side: calibrated.Side}
	start := w.cfg.start(calibrated)
	for i := range a.qpos {
		name := jointName(a.side, i+1)
		a.qpos[i], a.dof[i] = w.engine.joint(name)
		a.motor[i] = w.engine.index(actuatorKind, name)
		if a.qpos[i] < 0 || a.motor[i] < 0 {
			return nil, fmt.Errorf("mujoco: the model has no joint or motor %s", name)
		}
		a.zero[i] = calibrated.Joints[i].Zero
		w.mem.qpos[a.qpos[i]] = start[i] + a.zero[i]
		a.loops[i].ref.rate = 200 // a lag of 10 ms: smooths set points that come every 5 ms
	}
	for n := range a.fingerQ {
		name := scene.Finger(a.side, n+1)
		if a.fingerQ[n], a.fingerD[n] = w.engine.joint(name); a.fingerQ[n] < 0 {
			return nil, fmt.Errorf("mujoco: the model has no joint %s", name)
		}
		if w.cfg.Scene.Ready {
			w.mem.qpos[a.fingerQ[n]] = calibrated.Gripper.Stroke / 2
		}
	}
	if a.width = w.engine.index(actuatorKind, a.side+"_width"); a.width < 0 {
		return nil, fmt.Errorf("mujoco: the model has no motor %s_width", a.side)
	}
	if w.cfg.Scene.Ready { // until somebody drives them, ready arms hold
		a.drive = plant.ArmDrive{Power: plant.Holding, Joints: start, GripperOn: true, Width: calibrated.Gripper.Stroke, Torque: calibrated.Gripper.Torque}
	}
	a.grip.ref.rate = 60
	a.grip.ref.maxVelocity = calibrated.Gripper.MaxVelocity
	return a, nil
}

// Drive sets what the motors do from the next step on.
func (a *arm) Drive(d plant.ArmDrive) {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	a.drive = d
}

// State is what the encoders see now.
func (a *arm) State() plant.ArmState {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	var s plant.ArmState
	if a.w.mem == nil {
		return s
	}
	for i := range s.Joints {
		s.Joints[i] = a.w.mem.qpos[a.qpos[i]] - a.zero[i]
		s.Velocities[i] = a.w.mem.qvel[a.dof[i]]
		s.Torques[i] = a.torques[i]
	}
	s.Width, s.WidthVel = a.opening()
	s.GripForce = -a.squeeze / forcePerTorque
	return s
}

// opening is the gripper's width and how fast it grows.
func (a *arm) opening() (width, velocity float64) {
	m := a.w.mem
	return m.qpos[a.fingerQ[0]] + m.qpos[a.fingerQ[1]], m.qvel[a.fingerD[0]] + m.qvel[a.fingerD[1]]
}

// control runs the servo loops for one timestep.
func (a *arm) control(dt float64) {
	for i := range a.loops {
		a.control1(i, dt)
	}
	a.power = a.drive.Power
	a.controlGrip(dt)
}

// control1 runs one joint's loop.
func (a *arm) control1(i int, dt float64) {
	s, m, l := jointServos[i], a.w.mem, &a.loops[i]
	dof := a.dof[i]
	m.friction[dof] = s.dry
	q, velocity := m.qpos[a.qpos[i]], m.qvel[dof]
	switch a.drive.Power {
	case plant.Holding:
		if a.power != plant.Holding {
			l.ref.reset(q)
			l.integral = 0
		}
		l.ref.step(a.drive.Joints[i]+a.zero[i], dt)
		a.torques[i], m.ctrl[a.motor[i]] = l.run(s, q, velocity, m.bias[dof], a.w.engine.inertia(dof), dt)
		m.damping[dof], m.friction[dof] = s.kd, 0
	case plant.Damped:
		a.torques[i], m.ctrl[a.motor[i]] = -s.damped*velocity, 0
		m.damping[dof] = s.damped
	default:
		a.torques[i], m.ctrl[a.motor[i]] = 0, 0
		m.damping[dof] = s.off
	}
}

// controlGrip runs the gripper's loop: a position loop whose force the drive's torque bounds.
func (a *arm) controlGrip(dt float64) {
	s, m, l := gripServo, a.w.mem, &a.grip
	width, velocity := a.opening()
	if !a.drive.GripperOn {
		a.gripOn, a.squeeze = false, 0
		m.ctrl[a.width] = 0
		m.friction[a.fingerD[0]], m.friction[a.fingerD[1]] = s.dry, s.dry
		return
	}
	m.friction[a.fingerD[0]], m.friction[a.fingerD[1]] = 0, 0
	if !a.gripOn {
		l.ref.reset(width)
		a.gripOn = true
	}
	limit := min(max(a.drive.Torque, 0)*forcePerTorque, s.limit)
	l.ref.step(a.drive.Width, dt)
	// The reference stays near the fingers, so that what they hold is let go at once.
	leash := limit/s.kp + 0.002
	if l.ref.pos < width-leash || l.ref.pos > width+leash {
		l.ref.pos = width + clamp(l.ref.pos-width, leash)
	}
	// Each finger has the damping, so the width's is half of it.
	s.kd /= 2
	a.squeeze, m.ctrl[a.width] = s.bounded(s.kp*(l.ref.pos-width)+s.kd*(l.ref.vel-velocity), velocity, limit)
}
