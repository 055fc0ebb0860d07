package piper

import (
	"fmt"
	"time"

	"cobot_vla/drivers/can"
)

// Requests. Each returns at once with a sentence for whoever asked, which says what
// the arm will do; Tick carries it out and State says how far it is.

// Enable switches the motors on and takes CAN control with the measured pose as the
// target: the arm does not move. State reaches PhaseReady, or PhaseFault with a
// reason that names the joint.
func (a *Arm) Enable() (answer string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.cfg.Mode == ModeRead:
		return "", a.failure(ErrReadOnly, "enable the follower at its leader")
	case a.phase == PhaseReady:
		return a.says("is enabled and holds"), nil
	case a.phase.enabling():
		return a.says("is being enabled: %v", a.phase), nil
	case a.phase == PhaseFault:
		return "", a.failure(ErrFaulted, "%s; clear it first", a.faults[0].Reason)
	case a.phase == PhaseConnecting:
		return "", a.failure(ErrNotConnected, "%s", a.detail)
	case a.phase != PhaseIdle:
		return "", a.failure(ErrBusy, "%v", a.phase)
	}
	if missing := a.missing(a.now); missing != "" {
		return "", a.failure(ErrNotConnected, "%s", missing)
	}
	if why := a.blocked(a.now); why != "" {
		return "", a.failure(ErrRefused, "%s", why)
	}
	a.startSequence(a.now)
	return a.says("switches its motors on and holds where it is"), nil
}

// Disable switches the motors off. The arm drops, and so does what the gripper holds.
func (a *Arm) Disable() (answer string, err error) {
	return a.request(PhaseDisabling, "switches its motors off: it DROPS at once, and the gripper lets go")
}

// EmergencyStop asks for the arm's own emergency stop. The arm sinks slowly, damped;
// only Reset, which drops it, ends the state.
func (a *Arm) EmergencyStop() (answer string, err error) {
	return a.request(PhaseStopping, "goes to its emergency stop: it SINKS slowly; only a reset, which drops it, ends this")
}

// Reset cuts power to all joints and clears the arm's errors. The arm drops.
func (a *Arm) Reset() (answer string, err error) {
	return a.request(PhaseResetting, "resets: all joints lose power and it DROPS at once; enable it again afterwards")
}

// ClearErrors asks joints and gripper to forget their errors; motors stay as they are.
// Latched faults are the driver's own: ClearFault ends those.
func (a *Arm) ClearErrors() (answer string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.Mode == ModeRead {
		return "", a.failure(ErrReadOnly, "clear errors from the arm's own driver")
	}
	a.clears = clearTries
	return a.says("is asked to clear the errors of joints and gripper; it holds"), nil
}

// RestoreSettings writes the factory's joint limits and the calibration's gripper stroke to
// the arm's flash and reads them back. The motors must be off.
func (a *Arm) RestoreSettings() (answer string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.cfg.Mode == ModeRead:
		return "", a.failure(ErrReadOnly, "restore settings from the arm's own driver")
	case a.phase != PhaseIdle:
		return "", a.failure(ErrBusy, "%v", a.phase)
	case a.in.enabled() != [6]bool{}:
		return "", a.failure(ErrRefused, "motors are on; support the arm and disable it first (it drops)")
	}
	a.enter(PhaseRestoring, a.now)
	return a.says("writes factory joint limits and the gripper's stroke to its flash"), nil
}

// request begins a phase that takes the arm out of control.
func (a *Arm) request(p Phase, does string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.Mode == ModeRead {
		return "", a.failure(ErrReadOnly, "ask the arm's own driver")
	}
	a.streaming = false
	if a.cfg.DryRun {
		if a.phase == PhaseReady {
			a.enter(PhaseIdle, a.now)
		}
		return a.says("(dry run: nothing is sent) %s", does), nil
	}
	a.enter(p, a.now)
	return a.says("%s", does), nil
}

func (a *Arm) says(format string, args ...any) string {
	return "arm " + a.cfg.Arm.Side + " " + fmt.Sprintf(format, args...)
}

func (a *Arm) failure(sentinel error, format string, args ...any) error {
	return fmt.Errorf("piper: arm %s: %w: %s", a.cfg.Arm.Side, sentinel, fmt.Sprintf(format, args...))
}

// finish leaves a request's phase.
func (a *Arm) finish(now time.Time) {
	if len(a.faults) > 0 {
		a.enter(PhaseFault, now)
		return
	}
	a.enter(PhaseConnecting, now)
}

// unconfirmed latches that the arm did not do what was asked.
func (a *Arm) unconfirmed(now time.Time, format string, args ...any) {
	a.latch(CauseOperation, now, format, args...)
	a.finish(now)
}

const (
	requestPeriod = 20 * time.Millisecond
	resetPeriod   = 500 * time.Millisecond
	clearTries    = 3
)

func (a *Arm) stepStopping(now time.Time) []can.Frame {
	if s := a.in.status; s.at.After(a.since) && s.value.Arm == ArmEmergencyStop {
		a.latch(CauseEmergencyStop, now, "emergency stop was requested; support the arm and reset it (it drops), then enable")
		a.finish(now)
		return nil
	}
	if a.late(now, a.cfg.OperationTimeout) {
		a.unconfirmed(now, "the emergency stop was not confirmed within %v (arm status %v); switch off the arm's power", a.cfg.OperationTimeout, a.in.status.value.Arm)
		return nil
	}
	a.detail = "waiting for the arm to report its emergency stop"
	if a.due(now, requestPeriod) {
		return []can.Frame{MotionCommand{Stop: StopEmergency}.Frame()}
	}
	return nil
}

func (a *Arm) stepResetting(now time.Time) []can.Frame {
	s := a.in.status
	if s.at.After(a.since) && s.value.Arm == ArmNormal && s.value.Ctrl == CtrlStandby && a.in.allDisabled(a.since) {
		a.finish(now)
		return nil
	}
	if a.late(now, a.cfg.OperationTimeout) {
		a.unconfirmed(now, "the reset was not confirmed within %v (it reports %v, %v, motors off: %v); cycle the arm's power",
			a.cfg.OperationTimeout, s.value.Ctrl, s.value.Arm, a.off())
		return nil
	}
	a.detail = "waiting for standby with all motors off"
	if a.due(now, resetPeriod) {
		return []can.Frame{MotionCommand{Stop: StopReset}.Frame()}
	}
	return nil
}

func (a *Arm) stepDisabling(now time.Time) []can.Frame {
	if a.in.allDisabled(a.since) {
		a.finish(now)
		return nil
	}
	if a.late(now, a.cfg.OperationTimeout) {
		a.unconfirmed(now, "disabling was not confirmed within %v (off: %v); cycle the arm's power", a.cfg.OperationTimeout, a.off())
		return nil
	}
	a.detail = "waiting for all motors to report off"
	if !a.due(now, requestPeriod) {
		return nil
	}
	out := []can.Frame{MotorPower{a.allMotors(), false}.Frame()}
	if f, err := (GripperCommand{Code: GripperDisable}).Frame(); err == nil && a.cfg.Gripper {
		out = append(out, f)
	}
	return out
}

// stepRestoring writes one setting a time, then has the probe read all of them back.
func (a *Arm) stepRestoring(now time.Time) []can.Frame {
	if !a.due(now, requestPeriod) {
		return nil
	}
	switch step := a.count - 1; {
	case step < 6:
		f, err := LimitsSetting{Joint: step, Min: FactoryLimits[step].Lower, Max: FactoryLimits[step].Upper, Speed: 3}.Frame()
		if err != nil {
			return nil
		}
		return []can.Frame{f}
	case step == 6 && a.cfg.Gripper:
		teach := a.in.teach.value
		if teach.Range < 100 || teach.Range > 200 {
			teach.Range = 100
		}
		if teach.Friction < 1 || teach.Friction > 10 {
			teach.Friction = 1
		}
		teach.Stroke = 0.07
		if a.cfg.Arm.Gripper.Stroke > 0.07 {
			teach.Stroke = 0.10
		}
		return []can.Frame{teach.Setting()}
	case step < 12:
		return nil // time for the flash
	}
	a.probe = probe{}
	a.finish(now)
	return nil
}

// stepClear sends pending requests to clear errors.
func (a *Arm) stepClear(now time.Time) []can.Frame {
	if a.clears == 0 || now.Sub(a.clearSent) < requestPeriod {
		return nil
	}
	a.clears--
	a.clearSent = now
	f, err := JointSetting{Joint: JointsAll, ClearErrors: true}.Frame()
	if err != nil {
		return nil
	}
	out := []can.Frame{f}
	g := a.in.gripper.value
	if !a.cfg.Gripper || g.Bits&gripperFaults == 0 {
		return out
	}
	command := GripperCommand{Width: a.openWidth(), Code: GripperDisableClear}
	if g.Bits&GripperEnabled != 0 {
		command = GripperCommand{Width: a.openWidth(), Torque: a.torque, Code: GripperEnableClear}
	}
	if f, err := command.Frame(); err == nil {
		out = append(out, f)
	}
	return out
}
