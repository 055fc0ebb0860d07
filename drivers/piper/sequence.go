package piper

import (
	"time"

	"cobot_vla/drivers/can"
)

// The enable sequence. Each step sends, waits and hands over to the next; none of
// them moves the arm, and none makes it drop.

const (
	teachPeriod   = 200 * time.Millisecond // between requests to leave teach mode
	gripperClear  = 60 * time.Millisecond  // of clearing the gripper's errors before it is enabled
	repairAtLeast = time.Second            // of a repair that begins late in the settle window
)

// startSequence begins with whatever the arm needs first.
func (a *Arm) startSequence(now time.Time) {
	a.streaming = false
	a.enteredCAN = time.Time{}
	a.levelSet = false
	switch {
	case a.cfg.DryRun:
		a.acquire()
		a.streaming = true
		a.enter(PhaseReady, now)
	case a.in.status.value.Ctrl == CtrlTeach:
		a.enter(PhaseLeavingTeach, now)
	default:
		a.enter(PhaseEnabling, now)
	}
}

// stepLeavingTeach ends teaching by 0x150 with everything zero, which keeps motors on.
// Standby by 0x151 would switch them off, and so would a reset.
func (a *Arm) stepLeavingTeach(now time.Time) []can.Frame {
	if s := a.in.status; s.at.After(a.since) && s.value.Ctrl != CtrlTeach {
		a.enter(PhaseDwelling, now)
		return nil
	}
	if a.late(now, a.cfg.TeachTimeout) {
		a.latch(CauseEnable, now, "still in teach mode after %v; end teaching at the arm, or cycle its power (it drops)", a.cfg.TeachTimeout)
		return nil
	}
	a.detail = "waiting for the arm to leave teach mode"
	if a.due(now, teachPeriod) {
		return []can.Frame{MotionCommand{}.Frame()}
	}
	return nil
}

func (a *Arm) stepDwelling(now time.Time) {
	a.detail = "in standby after teach mode"
	if a.late(now, a.cfg.TeachDwell) {
		a.enter(PhaseEnabling, now)
	}
}

func (a *Arm) stepEnabling(now time.Time) []can.Frame {
	off := a.in.firstOff(a.since)
	if off < 0 {
		a.afterMotors(now)
		return nil
	}
	if a.late(now, a.cfg.EnableTimeout) {
		a.latch(CauseEnable, now, "joint%d did not report enabled within %v (driver: %v); check its cable and the supply, then reset the arm (it drops) and enable again",
			off+1, a.cfg.EnableTimeout, a.in.low[off].value.Bits)
		return nil
	}
	a.detail = "waiting for " + a.off().String() + " to report enabled"
	out := a.setCollisionLevel()
	if a.off() != 0 {
		out = append(out, a.enableMotors(now)...)
	}
	return out
}

// setCollisionLevel sets the configured level once and asks for what the arm made of it.
func (a *Arm) setCollisionLevel() []can.Frame {
	if a.levelSet || a.cfg.CollisionLevel < 0 {
		return nil
	}
	a.levelSet = true
	return []can.Frame{a.collisionLevels().Setting(), SettingsQuery{Query: QueryCollision}.Frame()}
}

func (a *Arm) collisionLevels() (levels CollisionLevels) {
	for j := range levels {
		levels[j] = uint8(a.cfg.CollisionLevel)
	}
	return levels
}

// off are the motors that do not report to be on.
func (a *Arm) off() (off JointBits) {
	for j, on := range a.in.enabled() {
		if !on {
			off |= 1 << j
		}
	}
	return off
}

// enableMotors sends the enable command in turn under both of its addresses, since
// documents disagree on which of them means all motors.
func (a *Arm) enableMotors(now time.Time) []can.Frame {
	if !a.due(now, a.cfg.EnablePeriod) {
		return nil
	}
	return []can.Frame{MotorPower{a.allMotors(), true}.Frame()}
}

func (a *Arm) allMotors() uint8 {
	if a.count%2 == 1 {
		return MotorsAll
	}
	return MotorsSeven
}

func (a *Arm) afterMotors(now time.Time) {
	if a.cfg.Gripper {
		a.enter(PhaseGripper, now)
		a.cleared = time.Time{}
		return
	}
	a.startPreload(now)
}

// stepGripper clears the gripper's errors and enables it where it is. One that is
// off reports a width of 0, and that as a target would close it: so it is enabled
// without torque, and its true width, reported once it is on, becomes the target.
// A gripper that is on without an error may hold something and is left alone.
func (a *Arm) stepGripper(now time.Time) []can.Frame {
	g := a.in.gripper
	on := g.value.Bits&GripperEnabled != 0
	healthy := on && g.value.Bits&gripperFaults == 0
	if healthy && (a.cleared.IsZero() || g.at.Sub(a.cleared) > gripperClear) && g.at.After(a.since) {
		a.startPreload(now)
		return nil
	}
	if a.late(now, a.cfg.GripperTimeout) {
		a.latch(CauseEnable, now, "the gripper did not report enabled without an error within %v (it reports %v); check its cable, or configure this arm without a gripper",
			a.cfg.GripperTimeout, g.value.Bits)
		return nil
	}
	a.detail = "waiting for the gripper to report enabled"
	if !a.due(now, a.cfg.EnablePeriod) {
		return nil
	}
	code := GripperEnable
	if a.cleared.IsZero() || now.Sub(a.cleared) < gripperClear {
		code = GripperDisableClear
		if a.cleared.IsZero() {
			a.cleared = now
		}
	}
	f, err := GripperCommand{Width: a.openWidth(), Code: code}.Frame()
	if err != nil {
		return nil // a width beyond reason; the timeout names the gripper
	}
	return []can.Frame{f}
}

// openWidth is the gripper's measured opening within its stroke [m].
func (a *Arm) openWidth() float64 {
	g := a.in.gripper.value
	if g.Kind != GripperWidth {
		return 0
	}
	return max(0, min(g.Value, a.cfg.Arm.Gripper.Stroke))
}

// startPreload makes the measured pose the target. From here on set points are streamed.
func (a *Arm) startPreload(now time.Time) {
	if a.in.status.value.Ctrl != CtrlCAN {
		a.enteredCAN = now
	}
	a.acquire()
	a.streaming = true
	a.enter(PhasePreload, now)
}

func (a *Arm) stepPreload(now time.Time) []can.Frame {
	s := a.in.status
	if s.at.After(a.since) && s.value.Ctrl == CtrlCAN && s.value.Move == MoveJ {
		if a.enteredCAN.IsZero() {
			a.enter(PhaseReady, now)
			return a.stream()
		}
		a.enteredCAN = now
		a.settle(now)
		return a.stream()
	}
	if a.late(now, a.cfg.ModeTimeout) {
		a.latch(CauseEnable, now, "the arm did not enter CAN control within %v (it reports %v, %v); reset it (it drops) or cycle its power",
			a.cfg.ModeTimeout, s.value.Ctrl, s.value.Move)
		return nil
	}
	a.detail = "waiting for CAN control"
	return a.stream()
}

func (a *Arm) settle(now time.Time) {
	a.enter(PhaseSettling, now)
	a.clean = now
}

// relapse goes back to settling when the known transient comes while commands are taken already.
func (a *Arm) relapse(now time.Time) {
	if a.phase == PhaseReady && !a.cfg.DryRun && a.repairing(now) && a.disturbed() {
		a.settle(now)
	}
}

// repairing says whether communication errors are still taken for the transient.
func (a *Arm) repairing(now time.Time) bool {
	return !a.enteredCAN.IsZero() && now.Sub(a.enteredCAN) <= a.cfg.SettleWindow
}

func (a *Arm) disturbed() bool {
	s := a.in.status.value
	return !a.cond.comm.IsZero() || s.Ctrl == CtrlStandby || a.off() != 0
}

// stepSettling enables again as long as the arm is disturbed. Its motors drop for as
// long as the transient lasts, so the target follows the measured pose meanwhile.
func (a *Arm) stepSettling(now time.Time) []can.Frame {
	if !a.disturbed() {
		a.detail = "waiting for a second without a communication error"
		if now.Sub(a.clean) >= a.cfg.SettleTime {
			a.enter(PhaseReady, now)
		}
		return a.stream()
	}
	a.clean = now
	a.detail = "repairing: " + a.off().String() + " off, communication error of " + a.in.status.value.CommError.String()
	if a.off() != 0 {
		a.acquire()
	}
	return append(a.enableMotors(now), a.stream()...)
}

// settled says whether settling must be over.
func (a *Arm) settled(now time.Time) bool {
	return !a.repairing(now) && a.late(now, repairAtLeast)
}
