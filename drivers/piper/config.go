package piper

import (
	"errors"
	"fmt"
	"math"
	"time"

	"cobot_vla/calibration"
)

// Mode says what an Arm may do on its bus.
type Mode uint8

const (
	// ModeControl drives the arm, and refuses when somebody else does.
	ModeControl Mode = iota
	// ModeRead sends nothing: it reads a leader from the command identifiers and
	// the follower linked to it from the feedback identifiers of one bus.
	ModeRead
)

func (m Mode) String() string { return nameOf(uint8(m), "mode", "control", "read") }

// Config of an Arm. DefaultConfig fills everything that has a default.
type Config struct {
	// Arm is the calibration: side, joint limits and zeros, gripper. Required.
	Arm calibration.Arm
	// Now is the clock that stamps frames on arrival, the one that Tick's time is
	// read from. Required: a stamp taken at the next tick instead would tear joint sets.
	Now func() time.Time

	// Mode is ModeControl (default) or ModeRead.
	Mode Mode
	// DryRun computes everything and sends nothing, not even queries. Enable then only
	// waits for feedback and says ready, so that everything above can be watched.
	DryRun bool
	// Gripper says that a gripper is mounted. Default true. Without, its feedback is not awaited.
	Gripper bool

	// SpeedPercent bounds the arm's own motion profile, in percent of 3 rad/s, 1..100.
	// Default 100: set points come shaped from above, and a slower profile only adds lag.
	SpeedPercent int
	// Mounting tells the arm's gravity model how it is mounted. Default MountingUnset: as stored in the arm.
	Mounting Mounting
	// CollisionLevel is the sensitivity of the arm's own collision detection for all
	// joints, 0 (off) to 8. Default -1: as stored in the arm. A high level trips on fast motion.
	CollisionLevel int
	// FeedbackOffset and ControlOffset move identifiers when the arm was configured so (0x470). Default none.
	FeedbackOffset IDOffset
	ControlOffset  IDOffset

	// SetWindow is the time within which the three frames of a joint set must arrive.
	// Default 2 ms: real sets span 0.6 to 1.3 ms and follow each other after 5 ms.
	SetWindow time.Duration
	// StaleAfter is the age at which feedback of 100 Hz and more is a fault. Default 100 ms.
	StaleAfter time.Duration
	// SlowStaleAfter is the same for the low-speed frames of 20 Hz. Default 250 ms, so
	// that one lost frame does not stop the robot.
	SlowStaleAfter time.Duration
	// TemperatureWarn and TemperatureStop are for motors and their drivers [°C]. Default
	// 60 and 75; the vendor names none. Stop holds the arm and latches a fault.
	TemperatureWarn float64
	TemperatureStop float64

	// EncoderTolerance is how far joint feedback (0x2A5..7) and motor feedback (0x251..6)
	// may disagree for EncoderTime, beyond what the joint moves between the two [rad].
	// Default 0.05 rad for 100 ms. Smaller finds a shifted reference earlier and trips on lag.
	EncoderTolerance float64
	EncoderTime      time.Duration
	// FrozenError and FrozenTime find feedback that is alive and does not change: all joints
	// constant to the last bit for FrozenTime while one is FrozenError from its set point.
	// Default 0.04 rad for 200 ms: less than a policy asks for in one step, so that a policy that
	// plans from frozen feedback is found out; a real arm's feedback is never that still under load.
	FrozenError float64
	FrozenTime  time.Duration

	// EnablePeriod is the time between enable commands. Default 20 ms.
	EnablePeriod time.Duration
	// EnableTimeout is how long the six motors may take to report enabled. Default 5 s.
	EnableTimeout time.Duration
	// TeachTimeout is how long leaving teach mode may take. Default 3 s; it takes about 0.3 s.
	TeachTimeout time.Duration
	// TeachDwell is the time in standby after teach mode. Default 600 ms.
	TeachDwell time.Duration
	// GripperTimeout is how long the gripper may take to report enabled. Default 2 s.
	GripperTimeout time.Duration
	// ModeTimeout is how long entering CAN control may take. Default 2 s.
	ModeTimeout time.Duration
	// SettleTime without a communication error must pass after entering CAN control before
	// commands are taken. Default 1 s: the known transient comes after 0.5 s.
	SettleTime time.Duration
	// SettleWindow is how long after entering CAN control such a transient is repaired by
	// enabling again. Default 3 s. Later it is a fault.
	SettleWindow time.Duration
	// CommTolerance is how long a joint communication error that leaves the motors on may
	// last outside the window. Default 200 ms. The same for falling out of CAN control.
	CommTolerance time.Duration
	// OperationTimeout is how long the arm may take to confirm a disable, an emergency stop or a reset. Default 2 s.
	OperationTimeout time.Duration

	// ForeignWindow is how long after a target frame of somebody else the bus counts as commanded by them. Default 1 s.
	ForeignWindow time.Duration
	// BrakeTime is how long after a fault set points are still taken, because braking is a
	// motion. Default 1 s: 3 rad/s brake within 0.6 s at 5 rad/s². Then the last one is held.
	BrakeTime time.Duration
	// HoldError is how far the arm may be from its set point when a fault is cleared; beyond,
	// the measured pose becomes the set point [rad]. Default 0.1 rad.
	HoldError float64
}

// DefaultConfig returns the defaults for one arm of a robot and a clock.
func DefaultConfig(arm calibration.Arm, now func() time.Time) Config {
	return Config{
		Arm:              arm,
		Now:              now,
		Gripper:          true,
		SpeedPercent:     100,
		CollisionLevel:   -1,
		SetWindow:        2 * time.Millisecond,
		StaleAfter:       100 * time.Millisecond,
		SlowStaleAfter:   250 * time.Millisecond,
		TemperatureWarn:  60,
		TemperatureStop:  75,
		EncoderTolerance: 0.05,
		EncoderTime:      100 * time.Millisecond,
		FrozenError:      0.04,
		FrozenTime:       200 * time.Millisecond,
		EnablePeriod:     20 * time.Millisecond,
		EnableTimeout:    5 * time.Second,
		TeachTimeout:     3 * time.Second,
		TeachDwell:       600 * time.Millisecond,
		GripperTimeout:   2 * time.Second,
		ModeTimeout:      2 * time.Second,
		SettleTime:       time.Second,
		SettleWindow:     3 * time.Second,
		CommTolerance:    200 * time.Millisecond,
		OperationTimeout: 2 * time.Second,
		ForeignWindow:    time.Second,
		BrakeTime:        time.Second,
		HoldError:        0.1,
	}
}

// Validate returns every field that makes no sense.
func (c Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("piper: arm %s: "+format, append([]any{c.Arm.Side}, args...)...))
	}
	if c.Arm.Side == "" {
		fail("Arm.Side is empty; want left or right")
	}
	if c.Now == nil {
		fail("Now is nil; give the clock that ticks are read from")
	}
	if c.Mode != ModeControl && c.Mode != ModeRead {
		fail("Mode is %v; want control or read", c.Mode)
	}
	if len(c.Arm.Joints) != 6 {
		fail("Arm.Joints has %d joints; a PiPER has 6", len(c.Arm.Joints))
	}
	for j, joint := range c.Arm.Joints {
		if !(joint.Lower < joint.Upper) || math.Abs(joint.Lower) > 2*math.Pi || math.Abs(joint.Upper) > 2*math.Pi {
			fail("joint%d limits %g..%g rad; want lower < upper within a turn", j+1, joint.Lower, joint.Upper)
		}
		if !(math.Abs(joint.Zero) < math.Pi) {
			fail("joint%d zero %g rad; want less than half a turn", j+1, joint.Zero)
		}
	}
	if g := c.Arm.Gripper; c.Gripper && !(g.Stroke > 0 && g.Stroke <= 0.1) {
		fail("Gripper.Stroke %g m; want 0..0.1", g.Stroke)
	}
	if g := c.Arm.Gripper; c.Gripper && !(g.Torque > 0 && g.Torque <= 5) {
		fail("Gripper.Torque %g N·m; want 0..5", g.Torque)
	}
	if c.SpeedPercent < 1 || c.SpeedPercent > 100 {
		fail("SpeedPercent %d; want 1..100", c.SpeedPercent)
	}
	if c.CollisionLevel < -1 || c.CollisionLevel > 8 {
		fail("CollisionLevel %d; want 0..8, or -1 to leave it", c.CollisionLevel)
	}
	if !c.FeedbackOffset.Valid() || !c.ControlOffset.Valid() {
		fail("FeedbackOffset 0x%02X, ControlOffset 0x%02X; want 0, 0x10 or 0x20", uint8(c.FeedbackOffset), uint8(c.ControlOffset))
	}
	if !(c.TemperatureWarn < c.TemperatureStop) {
		fail("TemperatureWarn %g °C is not below TemperatureStop %g °C", c.TemperatureWarn, c.TemperatureStop)
	}
	for name, x := range map[string]float64{"EncoderTolerance": c.EncoderTolerance, "FrozenError": c.FrozenError, "HoldError": c.HoldError} {
		if !(x > 0) {
			fail("%s %g rad; want more than 0", name, x)
		}
	}
	for name, d := range map[string]time.Duration{
		"SetWindow": c.SetWindow, "StaleAfter": c.StaleAfter, "SlowStaleAfter": c.SlowStaleAfter,
		"EncoderTime": c.EncoderTime, "FrozenTime": c.FrozenTime, "EnablePeriod": c.EnablePeriod, "EnableTimeout": c.EnableTimeout,
		"TeachTimeout": c.TeachTimeout, "TeachDwell": c.TeachDwell, "GripperTimeout": c.GripperTimeout, "ModeTimeout": c.ModeTimeout,
		"SettleTime": c.SettleTime, "SettleWindow": c.SettleWindow, "CommTolerance": c.CommTolerance,
		"OperationTimeout": c.OperationTimeout, "ForeignWindow": c.ForeignWindow, "BrakeTime": c.BrakeTime,
	} {
		if d <= 0 {
			fail("%s %v; want more than 0", name, d)
		}
	}
	return errors.Join(errs...)
}
