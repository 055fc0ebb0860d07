// Package plant is the physical world behind simulated firmware: what the
// motors move and what the sensors see. The firmware simulators (drivers/piper/pipersim,
// drivers/tracer/tracersim) own the protocol and the motion profile; a Plant
// owns the mechanics. Kinematic, here, is the ideal one in pure Go; drivers/mujoco
// is the real one.
//
// A Plant is stepped by one goroutine (the simulator's); nothing in it blocks.
package plant

import "time"

// Plant is a Cobot-Magic's mechanics. Step advances it; between steps, drives
// may be set and states read, all from the goroutine that steps.
type Plant interface {
	// Arm returns the follower arm of a side, "left" or "right"; nil when the plant has none.
	Arm(side string) Arm
	// Base returns the mobile base.
	Base() Base
	// Step advances the world by dt, a multiple of Timestep.
	Step(dt time.Duration) error
	// Timestep is the smallest step.
	Timestep() time.Duration
}

// Arm is one arm's motors and encoders.
type Arm interface {
	Drive(ArmDrive)
	State() ArmState
}

// Power says what an arm's motors do.
type Power uint8

const (
	// Off: no torque; the arm drops to where gravity takes it.
	Off Power = iota
	// Damped: constant damping, no position; the arm sinks slowly (the PiPER's own e-stop).
	Damped
	// Holding: position control to the drive's joints.
	Holding
)

// ArmDrive is what the firmware's servo loops are told, at every firmware tick.
type ArmDrive struct {
	Power  Power
	Joints [6]float64 // position set points, after the firmware's motion profile [rad]
	// GripperOn enables the gripper motor; Width is its set point [m]; Torque its limit [N·m].
	GripperOn bool
	Width     float64
	Torque    float64
}

// ArmState is what encoders and current sensors see.
type ArmState struct {
	Joints     [6]float64 // [rad]
	Velocities [6]float64 // [rad/s]
	Torques    [6]float64 // [N·m]
	Width      float64    // opening of the gripper [m]
	WidthVel   float64    // [m/s]
	GripForce  float64    // force between the fingers, as motor torque [N·m]
}

// Base is the differential base's motors and wheel encoders.
type Base interface {
	// Drive sets body velocity set points, after the firmware's own ramp: [m/s], [rad/s].
	Drive(linear, angular float64)
	State() BaseState
}

// BaseState is what the wheel encoders see.
type BaseState struct {
	Left, Right     float64 // travelled by each wheel since start [m]
	Linear, Angular float64 // body velocity from the wheels [m/s], [rad/s]
}
