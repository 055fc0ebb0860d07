package piper

import (
	"math"

	"cobot_vla/drivers/can"
)

// bounds are what set points may not leave. A joint that was measured outside its
// range when the arm was taken over may stay there or come inward, never go further
// out, and what it has gained inward it does not give back.
type bounds struct {
	limits [6]Range
	now    [6]Range
}

// acquire sets the bounds from the measured pose.
func (b *bounds) acquire(limits [6]Range, measured [6]float64) {
	b.limits = limits
	for j, q := range measured {
		b.now[j] = Range{min(limits[j].Lower, q), max(limits[j].Upper, q)}
	}
}

// clamp cuts a set point and draws the bounds in behind it.
func (b *bounds) clamp(q [6]float64) [6]float64 {
	for j := range q {
		r := &b.now[j]
		q[j] = max(r.Lower, min(r.Upper, q[j]))
		r.Lower = min(b.limits[j].Lower, max(r.Lower, q[j]))
		r.Upper = max(b.limits[j].Upper, min(r.Upper, q[j]))
	}
	return q
}

// measured are the joint angles of the last whole set, with calibration zeros [rad].
func (a *Arm) measured() (q [6]float64) {
	for j := range q {
		q[j] = a.in.joints.values[j] + a.cfg.Arm.Joints[j].Zero
	}
	return q
}

// acquire makes the measured pose the set point.
func (a *Arm) acquire() {
	a.target = a.measured()
	a.bounds.acquire(a.limits, a.target)
	if a.cfg.Gripper {
		a.width, a.torque = a.openWidth(), a.cfg.Arm.Gripper.Torque
	}
}

// Command gives the next set point: joint angles [rad], gripper opening [m] and grip
// torque [N·m]. It is streamed from the next Tick on until another one comes: to
// hold is to go on streaming.
//
// It is the driver's last check and no trajectory limiter: a set point that is not
// finite is refused and the last one kept; angles, width and torque are cut to their
// limits and the cuts counted in State. Velocity and acceleration belong to the caller.
// After a fault set points are taken for BrakeTime, so that the caller can brake.
func (a *Arm) Command(target [6]float64, width, torque float64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for j, q := range target {
		if !finite(q) {
			a.refused++
			return a.failure(ErrNotFinite, "joint%d command %v; the last set point is held", j+1, q)
		}
	}
	if !finite(width) || !finite(torque) {
		a.refused++
		return a.failure(ErrNotFinite, "gripper command %v m, %v N·m; the last set point is held", width, torque)
	}
	switch {
	case a.cfg.Mode == ModeRead:
		return a.failure(ErrReadOnly, "command its leader")
	case a.phase == PhaseFault && a.streaming && a.now.Sub(a.since) <= a.cfg.BrakeTime:
	case a.phase == PhaseFault:
		return a.failure(ErrFaulted, "%s", a.faults[0].Reason)
	case a.phase != PhaseReady:
		return a.failure(ErrNotReady, "%v; enable it and wait until it is ready", a.phase)
	}
	a.target = a.bounds.clamp(target)
	for j, q := range target {
		if a.target[j] != q {
			a.clamped[j]++
			a.lastClamp = a.says("joint%d command %.4g rad beyond limit %.4g rad (clamped)", j+1, q, a.target[j])
		}
	}
	if !a.cfg.Gripper {
		return nil
	}
	gripper := a.cfg.Arm.Gripper
	a.width, a.torque = max(0, min(width, gripper.Stroke)), max(0, min(torque, gripper.Torque))
	if a.width != width || a.torque != torque {
		a.clamped[6]++
		a.lastClamp = a.says("gripper command %.4g m, %.4g N·m beyond %.4g m, %.4g N·m (clamped)", width, torque, gripper.Stroke, gripper.Torque)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// stream encodes the set point: the mode before and after the joints, since an arm that
// has fallen to standby, as after a communication error, stays there otherwise.
func (a *Arm) stream() []can.Frame {
	if !a.streaming {
		return nil
	}
	var wire [6]float64
	for j, q := range a.target {
		zero, r := a.cfg.Arm.Joints[j].Zero, a.bounds.now[j]
		wire[j] = within(q-zero, r.Lower-zero, r.Upper-zero)
	}
	joints, err := TargetFrames(wire)
	if err != nil {
		a.latch(CauseSettings, a.now, "the set point can't be sent: %v", err)
		a.streaming = false
		return nil
	}
	mode := ModeCommand{Ctrl: CtrlCAN, Move: MoveJ, Speed: uint8(a.cfg.SpeedPercent), Mounting: a.cfg.Mounting}.Frame()
	out := []can.Frame{mode, joints[0], joints[1], joints[2], mode}
	if !a.cfg.Gripper {
		return out
	}
	gripper, err := GripperCommand{Width: a.width, Torque: a.torque, Code: GripperEnable}.Frame()
	if err != nil {
		a.latch(CauseSettings, a.now, "the gripper's set point can't be sent: %v", err)
		return out
	}
	return append(out, gripper)
}
